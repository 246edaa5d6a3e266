/* verdict.h - what `verify` found: a line for each check. Local. */
#ifndef SKYMEANS_REPORT_VERDICT_H
#define SKYMEANS_REPORT_VERDICT_H

#include "result/result.h"

typedef struct km_verdict {
    const char *path; /* of the result */
    const km_recorded *recorded;
    const km_catalogue *catalogue;
    const km_findings *findings;
    const skymeans_answer *answer; /* as recorded; NULL if the number of rows is another */
    km_differences differences;    /* of that */
    int64_t n_centers;             /* coordinates of centers that the model says otherwise */
    uint64_t values_hash;          /* of the values, as a fingerprint has it */
} km_verdict;

/* Prints the checks to stdout. */
void km_verdict_print(const km_verdict *verdict);

/* The names of the checks that failed, separated by commas; an empty text if none did. */
void km_verdict_failed(const km_verdict *verdict, char *text, size_t size);

#endif
