/* --help. */
#include "command/options.h"

#include <stdio.h>
#include <string.h>

/* Prints text from column `indent` on, in lines of 80 columns. */
static void print_wrapped(const char *text, int indent)
{
    int column = indent;
    while (*text != '\0') {
        const int length = (int)strcspn(text, " ");
        if (column + 1 + length > 80) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", length, text);
        text += length + strspn(text + length, " ");
    }
    putchar('\n');
}

static void print_option(const km_option *option)
{
    char left[64], letter[4] = "  ", help[512];
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c", option->letter);
    const bool may_be_left_out = option->kind == KM_OPTION_MODE;
    snprintf(left, sizeof left, "  %s%s --%s%s%s%s", letter, option->letter != 0 ? "," : " ",
             option->name, may_be_left_out ? "[=" : " ",
             option->argument != NULL ? option->argument : "", may_be_left_out ? "]" : "");
    snprintf(help, sizeof help, "%s%s%s%s", option->help, option->fallback != NULL ? " [" : "",
             option->fallback != NULL ? option->fallback : "", option->fallback != NULL ? "]" : "");
    printf("%-28s", left);
    if (strlen(left) > 26)
        printf("\n%28s", "");
    print_wrapped(help, 28);
}

static void print_command_help(const char *head, const km_option *options, const char *tail)
{
    fputs(head, stdout);
    for (const km_option *option = options; option->name != NULL; option++)
        print_option(option);
    puts("  -h, --help                this text\n");
    fputs(tail, stdout);
}

static const char FIT_HEAD[] =
    "Usage: skymeans fit CATALOGUE.h5... -k K -o RESULT.h5 [options]\n\n"
    "Finds K clusters in a catalogue by k-means. Start it alone, or on many processes with\n"
    "mpirun or srun: the result has the same bits. The rows of several files are joined in\n"
    "the order of the command line.\n\n"
    "Options [with defaults]:\n";

static const char FIT_TAIL[] =
    "Example:\n"
    "  mpirun -n 4 skymeans fit stars.h5 -c b_v,abs_mag --scale standard -k 6 -o out.h5\n\n"
    "Exit codes: 0 result written, 1 internal error, 2 usage, 3 bad data, 4 system (files,\n"
    "disks), 5 out of memory, 6 stopped by a signal, the result is what was reached,\n"
    "75 stopped with a checkpoint: run the same command again.\n";

static const char PREDICT_HEAD[] =
    "Usage: skymeans predict RESULT.h5 CATALOGUE.h5... -o LABELS.h5 [options]\n\n"
    "Labels the rows of a catalogue with the centers of a fit, whose result is RESULT.h5.\n"
    "Features and scaling are those of the fit; the catalogue has columns of the same names.\n"
    "Rows of the fitted catalogue get the labels of the fit, bit for bit.\n\n"
    "Options [with defaults]:\n";

static const char PREDICT_TAIL[] =
    "Example:\n"
    "  mpirun -n 4 skymeans predict out.h5 more-stars.h5 --id source_id -o labels.h5\n\n"
    "Exit codes: 0 labels written, 1 internal error, 2 usage, 3 bad data, 4 system (files,\n"
    "disks), 5 out of memory.\n";

static const char INFO_HEAD[] =
    "Usage: skymeans info FILE.h5 [options]\n\n"
    "Lists the tables of a file with their columns, types, units, storage and filters, and for\n"
    "each the command line of the fit that would use it; what is there and can't be used, and\n"
    "why. Of a result it prints where it came from, and the sizes and centers of its clusters.\n\n"
    "Options:\n";

static const char INFO_TAIL[] =
    "Example:\n"
    "  skymeans info stars.h5 --json -c b_v,mags/g\n\n"
    "Exit codes: 0 done, 2 usage, 3 bad data, 4 system (files, disks), 5 out of memory.\n";

static const char HELP[] =
    "skymeans: k-means for survey catalogues on MPI clusters\n\n"
    "Usage:\n"
    "  skymeans fit CATALOGUE.h5... -k K -o RESULT.h5 [options]   cluster a catalogue\n"
    "  skymeans predict RESULT.h5 CATALOGUE.h5... -o LABELS.h5    label other rows\n"
    "  skymeans info FILE.h5 [options]                            show its tables or clusters\n"
    "  skymeans COMMAND --help                                    the options of a command\n"
    "  skymeans help [COMMAND] | version\n\n"
    "Start it alone, or on many processes with mpirun or srun.\n";

void km_help_print(km_action action)
{
    if (action == KM_ACTION_FIT_HELP)
        print_command_help(FIT_HEAD, km_fit_options, FIT_TAIL);
    else if (action == KM_ACTION_PREDICT_HELP)
        print_command_help(PREDICT_HEAD, km_predict_options, PREDICT_TAIL);
    else if (action == KM_ACTION_INFO_HELP)
        print_command_help(INFO_HEAD, km_info_options, INFO_TAIL);
    else
        fputs(HELP, stdout);
}
