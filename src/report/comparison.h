/* comparison.h - what people and programs read of `compare`. Local, by one rank. */
#ifndef SKYMEANS_REPORT_COMPARISON_H
#define SKYMEANS_REPORT_COMPARISON_H

#include "compare/compare.h"

/* Print a comparison to stdout: its numbers and, as far as they fit, its tables; all of it as
 * JSON. */
void km_comparison_print(const km_comparison *comparison);
void km_comparison_print_json(const km_comparison *comparison);

#endif
