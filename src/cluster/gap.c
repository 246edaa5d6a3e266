/* The gap statistic (Tibshirani, Walther & Hastie 2001, doi:10.1111/1467-9868.00293): by how much
 * the logarithm of the inertia is smaller than that of rows without clusters, which lie evenly in
 * the box round all rows. Each of them has the weight of a row, and depends on its number alone, so
 * they are the same for any ranks. */
#include "base/functions.h"
#include "base/memory.h"
#include "base/precision.h"
#include "base/random.h"
#include "cluster/call.h"
#include "order/order.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Gives the samples of a block even random values between the extremes of each feature. */
static void scatter_block(const km_call *c, int64_t set, km_samples *rows, int64_t block)
{
    const km_facts *facts = &c->samples->facts;
    void *values = (void *)(uintptr_t)km_samples_block(rows, block);
    const int lanes = km_samples_lanes(rows, block);
    for (int64_t j = 0; j < rows->n_features; j++) {
        const uint64_t stream = km_stream(KM_RANDOM_GAP, j, set);
        const double range = facts->highest[j] - facts->lowest[j];
        for (int l = 0; l < lanes; l++) {
            const int64_t row = km_samples_row(rows, block * KM_BLOCK + l);
            const double part = km_uniform(km_random(c->asked->random_seed, stream, (uint64_t)row));
            km_value_set(rows->precision, values, j * KM_BLOCK + l,
                         facts->lowest[j] + part * range);
        }
    }
}

/* A set of as many rows without clusters, in an order that is fast. Collective; errors are agreed.
 */
static km_code scatter_rows(const km_call *c, int64_t set, km_samples *rows, km_error *error)
{
    const km_samples *all = &c->samples->memory;
    km_samples_select(all, NULL, all->n_samples, rows, error);
    if (km_agree(c->comm, error) != KM_OK)
        return error->code;
#pragma omp parallel for
    for (int64_t b = 0; b < rows->n_blocks; b++)
        scatter_block(c, set, rows, b);
    if (rows->n_samples > 0)
        km_samples_pad(rows);
    km_samples_order(rows, km_comm_alone(), error);
    return km_agree(c->comm, error);
}

/* The logarithm of an inertia; NaN if there is none. */
static double log_of_inertia(double inertia)
{
    return inertia >= DBL_MIN && isfinite(inertia) ? km_log(inertia) : NAN;
}

/* Fits the sets one after the other; fewer than all, *n_done, if the call is stopped. `centers` is
 * a workspace, [k][d]. Collective; errors are agreed. */
static km_code fit_scattered(km_call *c, double *centers, double *logs, int64_t *n_done,
                             km_error *error)
{
    const int64_t n = c->asked->gap;
    for (*n_done = 0; *n_done < n && !km_call_must_stop(c); (*n_done)++) {
        km_samples rows = {0};
        double inertia = NAN;
        km_pace_phase(&c->pace, "fitting rows without clusters");
        km_pace_part(&c->pace, (double)*n_done / (double)n);
        if (scatter_rows(c, *n_done, &rows, error) == KM_OK)
            km_call_fit_rows(c, *n_done, &rows, centers, &inertia, error);
        km_samples_free(&rows);
        km_memory_return();
        if (error->code != KM_OK || km_pace_is_stopped(&c->pace))
            break;
        logs[*n_done] = log_of_inertia(inertia);
    }
    km_pace_phase(&c->pace, NULL);
    return error->code;
}

/* The error is the standard deviation of the sets, and that of their mean besides. */
static void conclude_gap(const double *logs, int64_t n, double inertia, km_criteria *criteria)
{
    double sum = 0, squares = 0;
    for (int64_t b = 0; b < n; b++)
        sum += logs[b];
    const double mean = sum / (double)n;
    for (int64_t b = 0; b < n; b++)
        squares += (logs[b] - mean) * (logs[b] - mean);
    criteria->gap = mean - log_of_inertia(inertia);
    criteria->gap_error = sqrt(squares / (double)n) * sqrt(1 + 1 / (double)n);
}

km_code km_call_gap(km_call *c, km_criteria *criteria, km_error *error)
{
    const char *what = "gap statistic";
    const int64_t n = c->asked->gap;
    int64_t n_done = 0;
    double *logs = km_allocate(n, sizeof *logs, what, error);
    double *centers = km_allocate(c->problem->n_clusters * c->samples->memory.n_features,
                                  sizeof *centers, what, error);
    if (km_agree(c->comm, error) == KM_OK &&
        fit_scattered(c, centers, logs, &n_done, error) == KM_OK && n_done == n)
        conclude_gap(logs, n, c->answer->fit.inertia, criteria);
    free(logs);
    free(centers);
    return error->code;
}
