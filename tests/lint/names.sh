#!/bin/sh
# names.sh: static functions of src/ have names of their own, so that a search and a profile tell
# which one is meant. Prints those that share one, with their places; 0 if none do.
set -u
cd "$(dirname "$0")/../.." || exit 1

# clang-format begins each definition at the left margin, with its name in the same line. So the
# bodies of macros, which stand further right, do not count; nor do names that a macro makes, in
# capitals.
grep -nE '^static .*\(' src/*/*.c src/*/*.h | grep -v '\\$' |
    sed -nE 's/^([^:]+):([0-9]+):static [^(=]*[ *]([a-z][a-zA-Z0-9_]*)\(.*/\3 \1 \2/p' |
    awk '
        ($1, $2) in seen { next } # a declaration ahead of its definition
        { seen[$1, $2] = 1; places[$1] = places[$1] " " $2 ":" $3; count[$1]++ }
        END {
            for (name in count)
                if (count[name] > 1) {
                    print "static functions of one name, " name ":" places[name]
                    wrong = 1
                }
            exit wrong
        }'
