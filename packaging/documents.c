/* documents man [COMMAND] | documents completion: prints a man page, or what bash completes, from
 * the tables that --help prints. It is built and run by `make`, and not installed. */
#include "base/version.h"
#include "command/help.h"
#include "command/tools.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- man pages: requests of man(7) --------------------------------------------------------------
 */

/* Text in which roff finds nothing to obey, with hyphens and quotes that can be copied. */
static void print_roff(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c == '-')
            fputs("\\-", stdout);
        else if (*c == '\'')
            fputs("\\(aq", stdout);
        else if (*c == '\\')
            fputs("\\e", stdout);
        else if (*c == '.' && (c == text || c[-1] == '\n'))
            fputs("\\&.", stdout);
        else
            putchar(*c);
}

static void print_bold(const char *before, const char *text)
{
    fputs("\\fB", stdout);
    print_roff(before);
    print_roff(text);
    fputs("\\fR", stdout);
}

/* A paragraph with a term before it. */
static void print_term(const char *term, const char *text)
{
    puts(".TP");
    print_bold("", term);
    putchar('\n');
    print_roff(text);
    putchar('\n');
}

static void print_sentence(const char *text)
{
    const char first[] = {(char)toupper((unsigned char)text[0]), '\0'};
    print_roff(first);
    print_roff(text + 1);
    puts(".");
}

static void print_option(const km_option *option)
{
    const char letter[] = {option->letter, '\0'};
    const bool may_be_left_out = option->kind == KM_OPTION_MODE;
    puts(".TP");
    if (option->letter != 0) {
        print_bold("-", letter);
        fputs(", ", stdout);
    }
    print_bold("--", option->name);
    if (option->argument != NULL)
        printf("%s\\fI%s\\fR%s", may_be_left_out ? "[=" : " ", option->argument,
               may_be_left_out ? "]" : "");
    putchar('\n');
    print_sentence(option->help);
    if (option->fallback != NULL) {
        fputs("Default: ", stdout);
        print_roff(option->fallback);
        puts(".");
    }
}

static void print_head(const char *name, const char *summary)
{
    printf(".\\\" Made from the table of options by packaging/documents.c.\n"
           ".TH \"%s\" 1 \"\" \"skymeans %s\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n",
           name, KM_VERSION);
    print_roff(name);
    fputs(" \\- ", stdout);
    print_roff(summary);
    puts("\n.SH SYNOPSIS");
}

static void print_command_page(const km_help *help)
{
    char name[64];
    snprintf(name, sizeof name, "skymeans-%s", help->name);
    print_head(name, help->summary);
    print_bold("skymeans ", help->name);
    putchar(' ');
    print_roff(help->arguments);
    puts("\n.SH DESCRIPTION");
    print_roff(help->description);
    puts(".SH OPTIONS");
    for (const km_option *option = help->options; option->name != NULL; option++)
        print_option(option);
    puts(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint the options.\n.SH EXIT STATUS");
    print_roff(help->exit_codes);
    puts(".SH EXAMPLES\n.nf");
    print_roff(help->example);
    puts("\n.fi\n.SH SEE ALSO\n.BR skymeans (1)");
}

static void print_see_also(void)
{
    puts(".SH SEE ALSO");
    for (const km_help *help = km_helps; help->name != NULL; help++)
        printf(".BR skymeans\\-%s (1)%s\n", help->name, help[1].name != NULL ? "," : "");
}

static void print_main_page(void)
{
    print_head("skymeans", "k-means for survey catalogues on MPI clusters");
    puts("\\fBskymeans\\fR \\fICOMMAND\\fR [\\fIarguments\\fR]\n.SH DESCRIPTION\n"
         "Labels, centers and inertia are the same bits for any number of ranks and threads.\n"
         ".SH COMMANDS\nThey start alone, or on many processes with mpirun or srun.");
    for (const km_help *help = km_helps; help->name != NULL; help++)
        print_term(help->name, help->summary);
    puts(".SH TOOLS\nThey are written in Python and run on one process.\n"
         "\\fB\\-\\-help\\fR after the name of a tool lists its options.");
    for (const km_tool *tool = km_tools; tool->name != NULL; tool++)
        print_term(tool->name, tool->summary);
    print_see_also();
}

static const km_help *find_help(const char *name)
{
    for (const km_help *help = km_helps; help->name != NULL; help++)
        if (strcmp(help->name, name) == 0)
            return help;
    return NULL;
}

/* ---- completion: cases of packaging/completion.bash ---------------------------------------------
 */

/* Prints words in quotes of a text, but for patterns. Quotes inside of words are apostrophes. */
static void print_quoted(const char *text)
{
    const char *begin = strchr(text, '\'');
    for (; begin != NULL; begin = strchr(begin + 1, '\'')) {
        const int length = (int)strcspn(begin + 1, "'* ");
        if ((begin == text || strchr(" (", begin[-1]) != NULL) && begin[1 + length] == '\'')
            printf(" %.*s", length, begin + 1);
    }
}

/* The words that an option takes: its choices, or those that its help puts in quotes. */
static void print_values(const km_option *option)
{
    if (option->choices == NULL)
        print_quoted(option->help);
    for (const char *const *choice = option->choices; choice != NULL && *choice != NULL; choice++)
        printf(" %s", *choice);
}

/* What follows an option that takes an argument. Names of files are among it if its argument is
 * called a file, or its help says that it may be one. One that may be left out follows = only. */
static void print_value_case(const char *command, const km_option *option)
{
    const bool is_file = strcmp(option->argument, "FILE") == 0 || strstr(option->help, " a file ");
    if (option->kind != KM_OPTION_MODE)
        printf("    %s:--%s |", command, option->name);
    else
        fputs("   ", stdout);
    printf(" %s:--%s=", command, option->name);
    if (option->letter != 0)
        printf(" | %s:-%c", command, option->letter);
    fputs(") words='", stdout);
    print_values(option);
    printf("' files=%s ;;\n", is_file ? "yes" : "");
}

static void print_option_words(const km_help *help)
{
    printf("    %s) options='", help->name);
    for (const km_option *option = help->options; option->name != NULL; option++)
        printf("--%s ", option->name);
    puts("--help' ;;");
}

static void print_completion(void)
{
    puts("_skymeans_words() {\n    case $1:$2 in");
    for (const km_help *help = km_helps; help->name != NULL; help++)
        for (const km_option *option = help->options; option->name != NULL; option++)
            if (option->argument != NULL)
                print_value_case(help->name, option);
    puts("    *) return 1 ;;\n    esac\n}\n\n_skymeans_options() {\n    case $1 in");
    for (const km_help *help = km_helps; help->name != NULL; help++)
        print_option_words(help);
    puts("    *) options=--help ;;\n    esac\n}\n");
    fputs("_skymeans_commands='help version", stdout);
    for (const km_help *help = km_helps; help->name != NULL; help++)
        printf(" %s", help->name);
    for (const km_tool *tool = km_tools; tool->name != NULL; tool++)
        printf(" %s", tool->name);
    puts("'");
}

int main(int argc, char **argv)
{
    const bool is_man = argc > 1 && strcmp(argv[1], "man") == 0;
    const km_help *help = argc == 3 ? find_help(argv[2]) : NULL;
    if (is_man && help != NULL)
        print_command_page(help);
    else if (is_man && argc == 2)
        print_main_page();
    else if (argc == 2 && strcmp(argv[1], "completion") == 0)
        print_completion();
    else
        return fputs("usage: documents man [COMMAND] | documents completion\n", stderr), 2;
    return fflush(stdout) != 0;
}
