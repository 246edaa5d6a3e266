/* The update: sums on finer grids if need be, empty clusters filled, and centers at the means. */
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "samples/transform.h"
#include "steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Is the grid of one-word sums too coarse for clusters as narrow as these? The width of clusters is
 * the root mean square distance to the centers per feature, since outliers can make the standard
 * deviation of a feature much larger. */
static bool is_too_coarse(const running *run, double units)
{
    const double n = (double)run->facts->weight * (double)run->facts->n_features;
    const double width = sqrt(units / n);
    const double allowed = km_precision_epsilon(run->samples->precision) * width;
    bool is_coarse = false;
    for (int64_t j = 0; j < run->facts->n_features; j++)
        is_coarse = is_coarse || (run->grids[j].unit > allowed &&
                                  run->facts->highest[j] > run->facts->lowest[j]);
    return run->grids[0].n_words == 1 && is_coarse;
}

/* Replaces the totals by sums of two words, on finer grids, of the same labels. Collective; errors
 * are agreed. */
static km_code refine_totals(running *run, km_error *error)
{
    const int64_t d = run->facts->n_features;
    km_grid *finer = km_allocate(d, sizeof *finer, "finer grids of features", error);
    km_totals totals = {0};
    km_totals_create(&totals, run->task->n_clusters, d, 2, run->samples->weights != NULL, error);
    if (error->code == KM_OK) {
        km_facts_make_grids(run->facts, 2, finer);
        km_assigner_change_grids(&run->assigner, finer, error);
    }
    if (km_agree(run->comm, error) != KM_OK) {
        /* The assigner may use the finer grids already, but the fit ends here. */
        free(finer);
        km_totals_free(&totals);
        return error->code;
    }
    free(run->grids);
    run->grids = finer;
    km_totals_free(&run->totals);
    run->totals = totals;
    km_reduce_totals(run, false);
    return KM_OK;
}

const km_kernel *km_update_kernel(const running *run)
{
    return run->totals.n_words == 1 ? run->task->kernel : &km_kernel_reference;
}

/* Moves every center to the centroid of its samples, or to where that is projected on the sphere; a
 * center without weight stays. `before` gets the centers before that, [k][d]. */
static void move_centers(running *run, double *before)
{
    const km_totals *totals = &run->totals;
    const km_kernel *kernel = km_update_kernel(run);
    const int64_t d = totals->n_features;
    memcpy(before, run->centers, (size_t)(totals->n_clusters * d) * sizeof *before);
#pragma omp parallel for if (totals->length > KM_MANY_TERMS)
    for (int64_t c = 0; c < totals->n_clusters; c++)
        if (totals->weights[c] > 0)
            kernel->means(run->grids, totals, c, run->centers + c * d);
    for (int64_t c = 0; c < totals->n_clusters && run->task->radius > 0; c++)
        if (totals->weights[c] > 0)
            km_sphere_project(run->centers + c * d, before + c * d, run->task->radius);
}

/* The sum of the squared shifts, in working units, heights left out. The order of its terms defines
 * its bits. */
static double sum_shifts(const running *run, const double *before)
{
    const int64_t k = run->totals.n_clusters, n = run->totals.n_features;
    double shift = 0;
    for (int64_t c = 0; c < k; c++)
        for (int64_t j = 0; j < run->d; j++) {
            const double difference = run->centers[c * n + j] - before[c * n + j];
            shift = fma(difference, difference, shift);
        }
    return shift;
}

double km_move_below_heights(running *run, double *before)
{
    const int64_t k = run->totals.n_clusters, n = run->totals.n_features;
    move_centers(run, before);
    for (int64_t c = 1; c <= k; c++)
        run->centers[c * n - 1] = before[c * n - 1];
    return sum_shifts(run, before);
}

km_code km_update_centers(running *run, double units, double *before, double *shift,
                          km_error *error)
{
    if (is_too_coarse(run, units) && refine_totals(run, error) != KM_OK)
        return error->code;
    if (km_refill_empty(run, error) == KM_OK) {
        if (run->balancing == NULL)
            move_centers(run, before);
        else if (km_balance_step(run, units, before, error) != KM_OK)
            return error->code;
        *shift = sum_shifts(run, before);
    }
    return error->code;
}
