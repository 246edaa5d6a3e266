/* The texts of --help. */
#include "command/help.h"
#include "command/tools.h"

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
    const bool is_optional = option->kind == KM_OPTION_MODE; /* its argument */
    snprintf(left, sizeof left, "  %s%s --%s%s%s%s", letter, option->letter != 0 ? "," : " ",
             option->name, is_optional ? "[=" : " ",
             option->argument != NULL ? option->argument : "", is_optional ? "]" : "");
    snprintf(help, sizeof help, "%s%s%s%s", option->help, option->fallback != NULL ? " [" : "",
             option->fallback != NULL ? option->fallback : "", option->fallback != NULL ? "]" : "");
    printf("%-28s", left);
    if (strlen(left) > 26)
        printf("\n%28s", "");
    print_wrapped(help, 28);
}

const km_help km_helps[] = {
    {"fit", KM_ACTION_FIT_HELP, "CATALOGUE.h5... -k K -o RESULT.h5 [options]",
     "cluster a catalogue",
     "Finds K clusters in a catalogue by k-means. Start it alone, or on many processes with\n"
     "mpirun or srun: the result has the same bits. The rows of several files are joined in\n"
     "the order of the command line.\n",
     km_fit_options,
     "mpirun -n 4 skymeans fit stars.h5 -c b_v,abs_mag --scale standard -k 6 -o out.h5",
     "0 result written, 1 internal error, 2 usage, 3 bad data, 4 system (files,\n"
     "disks), 5 out of memory, 6 stopped by a signal, the result is what was reached,\n"
     "75 stopped with a checkpoint: run the same command again.\n"},
    {"predict", KM_ACTION_PREDICT_HELP, "RESULT.h5 CATALOGUE.h5... -o LABELS.h5 [options]",
     "label other rows with the centers of a fit",
     "Labels the rows of a catalogue with the centers of a fit, whose result is RESULT.h5.\n"
     "Features and scaling are those of the fit; the catalogue has columns of the same names.\n"
     "Rows that were fitted get the labels of the fit, bit for bit; those that its --where\n"
     "excluded get labels, too, unless --where is given again.\n",
     km_predict_options,
     "mpirun -n 4 skymeans predict out.h5 more-stars.h5 --id source_id -o labels.h5",
     "0 labels written, 1 internal error, 2 usage, 3 bad data, 4 system (files,\n"
     "disks), 5 out of memory.\n"},
    {"info", KM_ACTION_INFO_HELP, "FILE.h5 [options]", "show the tables of a file, or its clusters",
     "Lists the tables of a file with their columns, types, units, storage and filters, and for\n"
     "each the command line of the fit that would use it; what is there and can't be used, and\n"
     "why. Of a result it prints where it came from, and the sizes and centers of its clusters.\n",
     km_info_options, "skymeans info stars.h5 --json -c b_v,mags/g",
     "0 done, 2 usage, 3 bad data, 4 system (files, disks), 5 out of memory.\n"},
    {"compare", KM_ACTION_COMPARE_HELP, "A.h5 B.h5 [options]",
     "how well two results, or a result and known labels, agree",
     "Compares the labels of two results, of fit or predict. Instead of a result, FILE:/path "
     "names\n"
     "a column of labels in any HDF5 file, whole numbers or texts. Rows are matched by their ids\n"
     "if both results have them (--id), else by their numbers. Prints the adjusted Rand index, "
     "the\n"
     "normalized mutual information, the best matching of labels, and the contingency table. Rows\n"
     "without a label (-1, NaN, masked, an empty text) are counted apart.\n",
     km_compare_options, "skymeans compare out.h5 stars.h5:/table/columns/class/data",
     "0 done, 1 internal error, 2 usage, 3 bad data, 4 system (files, disks), 5 out of\n"
     "memory.\n"},
    {"verify", KM_ACTION_VERIFY_HELP, "RESULT.h5 CATALOGUE.h5... [options]",
     "check a result again, anywhere and later",
     "Reads the catalogue of a result of fit or predict again, in two ways, and checks whether "
     "the\n"
     "result is still what follows from it: values, labels, sizes, centers, inertia and checksum,\n"
     "all derived in the plainest way. Prints a line for each. Which columns, rows, weights and\n"
     "table are meant, the result says itself.\n",
     km_verify_options, "skymeans verify out.h5 stars.h5",
     "0 all is the same, 1 something differs, or an internal error, 2 usage,\n"
     "3 bad data, 4 system (files, disks), 5 out of memory.\n"},
    {"probe", KM_ACTION_PROBE_HELP, "[options]",
     "measure this machine: arithmetic, memory, sums over ranks",
     "Measures what the ranks and threads that run it can do: multiplications and additions per\n"
     "second, bytes read from memory per second, and the time of a sum over all ranks (which ends\n"
     "each iteration of a fit) by the size of the message. It takes some seconds. Start it on as\n"
     "many ranks and nodes as a fit, or fewer.\n",
     km_probe_options, "srun skymeans probe -o machine.json",
     "0 done, 1 internal error, 2 usage, 4 system (files, disks), 5 out of memory.\n"},
    {"generate", KM_ACTION_GENERATE_HELP, "OUT.h5 --rows N [--columns D -k K] [options]",
     "write a mock catalogue of any size",
     "Writes a catalogue drawn from a known distribution, for tests and scaling studies: its true\n"
     "labels and centers are in /truth. Its values are the same on any number of processes.\n",
     km_generate_options,
     "mpirun -n 4 skymeans generate mock.h5 --rows 10000000 --columns 8 -k 100",
     "0 catalogue written, 1 internal error, 2 usage, 4 system (files, disks),\n"
     "5 out of memory.\n"},
    {0}};

static bool has_defaults(const km_option *options)
{
    bool has = false;
    for (const km_option *option = options; option->name != NULL; option++)
        has |= option->fallback != NULL;
    return has;
}

static void print_command_help(const km_help *help)
{
    printf("Usage: skymeans %s %s\n\n%s\n", help->name, help->arguments, help->description);
    puts(has_defaults(help->options) ? "Options [with defaults]:" : "Options:");
    for (const km_option *option = help->options; option->name != NULL; option++)
        print_option(option);
    printf("  -h, --help                this text\n\nExample:\n  %s\n\nExit codes: %s",
           help->example, help->exit_codes);
}

static void print_help_line(const char *name, const char *summary)
{
    printf("  %-10s %s\n", name, summary);
}

static void print_commands(void)
{
    puts("skymeans: k-means for survey catalogues on MPI clusters\n\n"
         "Usage: skymeans COMMAND [arguments]\n\n"
         "Commands, alone, or on many processes with mpirun or srun:");
    for (const km_help *help = km_helps; help->name != NULL; help++)
        print_help_line(help->name, help->summary);
    puts("\nTools in Python, on one process:");
    for (const km_tool *tool = km_tools; tool->name != NULL; tool++)
        print_help_line(tool->name, tool->summary);
    puts("\nAlso:");
    print_help_line("help", "the options of a command: skymeans help COMMAND, or COMMAND --help");
    print_help_line("version", "of this program, with the commit that it was built from");
}

void km_help_print(km_action action)
{
    for (const km_help *help = km_helps; help->name != NULL; help++)
        if (help->action == action) {
            print_command_help(help);
            return;
        }
    print_commands();
}
