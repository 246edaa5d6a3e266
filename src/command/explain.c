/* --explain-outputs: says to scripts which files a command line would write. */
#include "command/options.h"

#include <stdio.h>

/* A zero byte ends the value, since names of files may have any other byte. */
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
