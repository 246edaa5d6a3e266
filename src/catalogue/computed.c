/* Computes the columns that are expressions, and the condition of --where, in a piece of rows. */
#include "base/precision.h"
#include "reader.h"

#include <float.h>
#include <math.h>
#include <string.h>

int64_t km_count_registers(const km_catalogue *catalogue)
{
    int64_t n = 0;
    for (int64_t e = 0; e < catalogue->n_expressions; e++)
        if (catalogue->expressions[e].n_registers > n)
            n = catalogue->expressions[e].n_registers;
    return n;
}

static void point_to_inputs(km_piece *p, int64_t first)
{
    const km_catalogue *catalogue = p->reader->catalogue;
    for (int64_t i = 0; i < km_count_inputs(catalogue); i++)
        p->inputs[i] =
            (const double *)(const void *)p->values[km_first_input(catalogue) + i].first + first;
}

/* Rounds results once, to the precision in which the column is used. */
static void keep_results(const km_piece *p, int64_t c, int64_t first, int64_t count,
                         const double *results)
{
    const km_precision precision = km_precision_of_column(p->reader->catalogue, c);
    char *to = p->values[c].first + first * p->values[c].stride;
    if (precision == KM_FLOAT64)
        memcpy(to, results, (size_t)count * sizeof *results);
    else
        km_round_to_precision(precision, results, count, to);
}

/* A row is used if the condition is true: neither 0 nor missing. */
static void decide_rows(const km_piece *p, int64_t first, int64_t count, const double *truths)
{
    int n_excluded = 0, n_undecided = 0;
    uint8_t *fates = p->fates + first;
    for (int i = 0; i < (int)count; i++)
        fates[i] = (uint8_t)(truths[i] == 0               ? KM_ROW_EXCLUDED
                             : fabs(truths[i]) <= DBL_MAX ? KM_ROW_USED
                                                          : KM_ROW_UNDECIDED);
    for (int i = 0; i < (int)count; i++) {
        n_excluded += fates[i] == KM_ROW_EXCLUDED;
        n_undecided += fates[i] == KM_ROW_UNDECIDED;
    }
#pragma omp atomic
    p->reader->findings->n_excluded += n_excluded;
#pragma omp atomic
    p->reader->findings->n_undecided += n_undecided;
}

static void compute_rows(km_piece *p, int64_t first, int64_t count)
{
    const km_catalogue *catalogue = p->reader->catalogue;
    point_to_inputs(p, first);
    for (int64_t c = 0; c < km_first_input(catalogue); c++) {
        const int64_t e = catalogue->columns[c].expression;
        if (e > 0)
            keep_results(p, c, first, count,
                         km_expression_compute(&catalogue->expressions[e - 1], p->inputs, count,
                                               p->registers));
    }
    if (catalogue->asked.where != NULL)
        decide_rows(p, first, count,
                    km_expression_compute(&catalogue->expressions[catalogue->n_expressions - 1],
                                          p->inputs, count, p->registers));
}

void km_piece_compute(km_piece *p, int64_t first, int64_t count)
{
    const int64_t end = first + count;
    if (p->reader->catalogue->n_expressions == 0)
        return;
    for (int64_t row = first; row < end; row += KM_EXPRESSION_ROWS)
        compute_rows(p, row, end - row < KM_EXPRESSION_ROWS ? end - row : KM_EXPRESSION_ROWS);
}
