/* The reference kernel: one sample and one center after the other, as the definitions say. It is
 * the reference with which every other kernel is compared bit by bit. */
#include "base/partition.h"
#include "variants.h"

#include <string.h>
#include <tgmath.h> /* fma, sqrt ... in the precision of what they are given */

#define INSTRUCTIONS reference
#define IS_AVAILABLE km_is_any_processor
#define IS_FAST      km_is_any_processor
#define HAS_BYTES    0

static void add_moments(double value, const km_moments_task *task, int64_t *words)
{
    const km_double2 x = km_double2_difference(value, task->grid.origin);
    const double high = x.high * task->inverse_power, low = x.low * task->inverse_power;
    const km_double2 square = km_double2_square(high);
    const km_exact point = km_quantize(&task->grid, x.high, x.low);
    const km_exact square_point =
        km_quantize(&task->square_grid, square.high, square.low + 2 * high * low);
    words[0] += point.high;
    words[1] += point.low;
    words[2] += square_point.high;
    words[3] += square_point.low;
}

#include "float32.h"

#include "reference.h"
#include "reference_filter.h"

#include "float64.h"

#include "reference.h"
#include "reference_filter.h"

static bool used_up_reference(const float *gaps, const float *drifts, float own_drift,
                              int64_t n_centers, uint64_t *used)
{
    bool any = false;
    memset(used, 0, (size_t)((n_centers + 63) / 64) * sizeof *used);
    for (int64_t c = 0; c < n_centers; c++)
        if (!(gaps[c] > drifts[c] + own_drift)) {
            used[c / 64] |= (uint64_t)1 << c % 64;
            any = true;
        }
    return any;
}

static void means_reference(const km_grid *grids, const km_totals *totals, int64_t c, double *means)
{
    for (int64_t j = 0; j < totals->n_features; j++)
        means[j] = km_exact_mean(&grids[j], km_totals_get(totals, c, j), totals->weights[c]);
}

/* With T the sum of x - m over the n samples of a cluster, (c - m) * (n (c - m) - 2 T). */
static km_double2 history_term(const km_grid *grid, km_exact total, double center, int64_t n)
{
    const km_double2 sum = km_exact_value(grid, total);
    const km_double2 centered = km_double2_difference(center, grid->origin);
    const km_double2 n_center = km_double2_multiply(centered, (km_double2){(double)n, 0});
    return km_double2_multiply(centered,
                               km_double2_add(n_center, (km_double2){-2 * sum.high, -2 * sum.low}));
}

static void add_history_reference(const km_grid *grids, const km_totals *totals, int64_t c,
                                  const double *center, int64_t d, km_history_sums *history)
{
    km_double2 all = {history->high[0], history->low[0]};
    for (int64_t j = 0; j < d; j++) {
        const km_double2 term =
            history_term(&grids[j], km_totals_get(totals, c, j), center[j], totals->weights[c]);
        all = km_double2_add(all, term);
        history->sizes[0] += fabs(term.high);
    }
    history->high[0] = all.high;
    history->low[0] = all.low;
}

double km_distance2(km_precision precision, const void *block, int lane, const void *center,
                    int64_t n_features)
{
    return precision == KM_FLOAT32
               ? (double)distance2_float32((const float *)block + lane, center, n_features)
               : distance2_float64((const double *)block + lane, center, n_features);
}

#include "row.h"
