/* The steps of `compare`. */
#include "command/command.h"

#include "compare/compare.h"
#include "report/comparison.h"

void km_compare_labels(km_story *s)
{
    km_comparison comparison = {0};
    if (km_compare(&comparison, s->options.compared, s->comm, &s->error) == KM_OK &&
        s->log.is_speaker) {
        if (s->options.json)
            km_comparison_print_json(&comparison);
        else
            km_comparison_print(&comparison);
    }
    km_comparison_free(&comparison);
}
