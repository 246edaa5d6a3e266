/* What a command line means for files, for scripts that run it. */
#include "command/options.h"

#include <stdio.h>

/* Names of files are any bytes but zero, so that is what ends a value. */
static void print_value(const char *name, const char *value)
{
    printf("%s=%s", name, value != NULL ? value : "");
    putchar('\0');
}

void km_outputs_print(const km_options *options, km_action action)
{
    const bool is_fit = action == KM_ACTION_FIT;
    print_value("does", !is_fit ? "help" : options->dry_run ? "dry-run" : "fit");
    print_value("output", options->outputs.result);
    print_value("metrics", options->outputs.metrics);
    print_value("checkpoint", options->checkpoint);
    print_value("overwrite", options->outputs.may_replace ? "yes" : "no");
}
