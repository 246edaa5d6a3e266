/* Stability of a number of clusters under resampling (Ben-Hur, Elisseeff & Guyon 2002; Fang & Wang
 * 2012, doi:10.1016/j.csda.2011.09.003): each row is taken as often as a Poisson number of mean 1
 * says, which depends on the row alone, the fit of these is asked for labels of all rows, and they
 * are compared with those of the best fit. */
#include "base/large.h"
#include "base/memory.h"
#include "base/random.h"
#include "cluster/call.h"
#include "order/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Probabilities that a Poisson number of mean 1 is at most 0, 1, 2 and so on. */
static const double poisson[] = {0.36787944117144233, 0.73575888234288467, 0.91969860292860584,
                                 0.98101184312384626, 0.99634015317265634, 0.99940581518241838,
                                 0.99991675885071201, 0.99998975080332535, 0.99999887479740203,
                                 0.99999988857452169, 0.99999998995223366, 0.99999999916838922};
enum { MAX_TIMES = sizeof poisson / sizeof *poisson };

static int64_t times_of_row(const km_call *c, int64_t resampling, int64_t sample)
{
    const uint64_t random =
        km_random(c->asked->random_seed, km_stream(KM_RANDOM_RESAMPLE, 0, resampling),
                  (uint64_t)km_samples_row(&c->samples->memory, sample));
    const double part = ldexp((double)(random >> 11), -53);
    int64_t times = 0;
    while (times < MAX_TIMES && part >= poisson[times])
        times++;
    return times;
}

/* The weight of a sample in a resampled set, in units. */
static double weight_of_row(const km_call *c, int64_t resampling, int64_t sample)
{
    const double *weights = c->samples->memory.weights;
    const double times = (double)times_of_row(c, resampling, sample);
    return weights != NULL ? times * weights[sample] : times;
}

/* Gives the selected samples their weights, whose sum must be exact as that of all weights is. */
static km_code weigh_selected(const km_call *c, int64_t resampling, const int64_t *chosen,
                              km_samples *selected, km_error *error)
{
    const double unit = c->samples->memory.weight_unit;
    if (selected->weights == NULL)
        selected->weights = km_allocate_zeroed(selected->n_blocks * KM_BLOCK,
                                               sizeof *selected->weights, "weights", error);
    if (km_agree(c->comm, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < selected->n_samples; i++)
        selected->weights[i] = weight_of_row(c, resampling, chosen[i]);
    if (km_weights_settle(selected, c->comm, error) == KM_OK)
        selected->weight_unit *= unit;
    return error->code;
}

/* A set of resampled rows, in an order that is fast. *n_rows: of all ranks, each counted once; with
 * fewer than there are clusters the set is empty. Collective; errors are agreed. */
static km_code resample_rows(const km_call *c, int64_t resampling, km_samples *selected,
                             int64_t *n_rows, km_error *error)
{
    const km_samples *all = &c->samples->memory;
    int64_t n = 0, *chosen = km_allocate_large(all->n_samples, sizeof *chosen, "resampling", error);
    for (int64_t i = 0; i < all->n_samples && chosen != NULL; i++)
        if (weight_of_row(c, resampling, i) > 0)
            chosen[n++] = i;
    *n_rows = n;
    km_sum_int64(c->comm, n_rows, 1);
    const bool is_enough = *n_rows >= c->problem->n_clusters;
    if (km_agree(c->comm, error) == KM_OK && is_enough)
        km_samples_select(all, chosen, n, selected, error);
    if (km_agree(c->comm, error) == KM_OK && is_enough)
        weigh_selected(c, resampling, chosen, selected, error);
    km_free_large(chosen);
    if (error->code == KM_OK && is_enough)
        km_samples_order(selected, km_comm_alone(), error);
    return km_agree(c->comm, error);
}

/* Adds the fits of resampled sets to the best fit, which is the first. Collective; errors are
 * agreed. */
static km_code fit_all_resampled(km_call *c, km_restarts *fits, km_error *error)
{
    const int64_t n = fits->n_clusters * fits->n_features;
    for (int64_t b = 0; b < c->asked->bootstrap; b++) {
        km_samples selected = {0};
        int64_t n_rows = 0;
        double inertia;
        if (km_call_must_stop(c))
            return KM_OK;
        km_pace_phase(&c->pace, "fitting resampled rows");
        km_pace_part(&c->pace, (double)b / (double)c->asked->bootstrap);
        if (resample_rows(c, b, &selected, &n_rows, error) == KM_OK && n_rows >= fits->n_clusters)
            km_call_fit_rows(c, b, &selected, fits->centers + fits->count * n, &inertia, error);
        km_samples_free(&selected);
        km_memory_return();
        if (error->code != KM_OK || km_pace_is_stopped(&c->pace))
            return error->code;
        fits->count += n_rows >= fits->n_clusters;
    }
    return KM_OK;
}

static void find_agreement(km_restarts *fits, double *agreement)
{
    double sum = 0;
    for (int64_t b = 1; b < fits->count; b++)
        sum += fits->rand_index[b];
    *agreement = sum / (double)(fits->count - 1);
}

km_code km_call_bootstrap(km_call *c, double *agreement, km_error *error)
{
    const int64_t k = c->problem->n_clusters, d = c->samples->memory.n_features;
    km_restarts fits;
    *agreement = NAN;
    if (km_answer_n_used(c->answer) < 2)
        return KM_OK; /* one cluster is the same in all fits */
    if (km_cluster_return(c->samples, &c->answer->fit.labels, &c->pace, &c->answer->timers, c->comm,
                          error) != KM_OK)
        return error->code;
    if (km_restarts_create(&fits, c->asked->bootstrap + 1, k, d, error) == KM_OK) {
        memcpy(fits.centers, c->answer->fit.centers, (size_t)(k * d) * sizeof(double));
        fits.count = 1;
    }
    if (km_agree(c->comm, error) == KM_OK && fit_all_resampled(c, &fits, error) == KM_OK &&
        fits.count > 1 &&
        km_restarts_compare(&fits, &c->task, &c->samples->memory, &c->answer->fit, c->comm,
                            error) == KM_OK)
        find_agreement(&fits, agreement);
    km_restarts_free(&fits);
    km_pace_phase(&c->pace, NULL);
    return error->code;
}
