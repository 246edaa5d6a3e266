# shellcheck shell=bash
# Completes `skymeans` in bash: commands, options, what an option takes, and names of files. What
# comes before this is made from the tables of the program.

# Sets the suggestions for the word at the cursor. Bash takes = for a word of its own.
_skymeans() {
    local word=${COMP_WORDS[COMP_CWORD]} before='' command=${COMP_WORDS[1]}
    local words='' files='' options=''
    [ "$COMP_CWORD" -lt 2 ] || before=${COMP_WORDS[COMP_CWORD - 1]}
    if [ "$word" = = ]; then
        word=''
        before+='='
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}=
    fi
    if [ "$COMP_CWORD" -lt 2 ]; then
        # shellcheck disable=SC2154 # made from the tables
        words=$_skymeans_commands
    elif [ "$command" = help ]; then
        words=${_skymeans_commands#help version}
    elif ! _skymeans_words "$command" "$before"; then
        case $word in
        -*) _skymeans_options "$command" && words=$options ;;
        *) files=yes ;;
        esac
    fi
    COMPREPLY=()
    _skymeans_suggest "$word" "$words" "$files"
}

# The words of a list that begin with a word, and, if asked for, the files that do.
_skymeans_suggest() { # WORD LIST FILES
    local found
    while IFS= read -r found; do
        [ -z "$found" ] || COMPREPLY+=("$found")
    done < <(
        compgen -W "$2" -- "$1"
        [ -z "$3" ] || compgen -f -- "$1"
    )
    # Outside of a completion, as in tests, there is nothing to set.
    [ -z "$3" ] || compopt -o filenames 2>/dev/null
    return 0
}

complete -F _skymeans skymeans
