#include "plan/plan.h"
#include "base/error.h"
#include "base/partition.h"

#include <string.h>

enum { FEWEST_SEEDING_ROWS = 100000, SEEDING_ROWS_PER_CLUSTER = 16 };

static const km_seeding *find_seeding(const char *name)
{
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++)
        if (strcmp(seeding->name, name) == 0)
            return seeding;
    return NULL;
}

static const km_method *find_method(const char *name)
{
    for (const km_method *method = km_methods; method->name != NULL; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

/* Which method is faster, as measured: docs/performance.md. Boxes prune less the more features
 * there are, and with very few clusters there is nothing to prune. Bounds may take no more memory
 * than the samples, in single precision: a gap for each block and center. */
static const char *faster_method(int64_t d, int64_t k)
{
    enum { FEW = 9, MEDIUM = 12 }; /* features */
    const bool have_bounds_room = k <= d * KM_BLOCK;
    if (d <= MEDIUM)
        return d > FEW && k >= 128 && have_bounds_room ? "bounds" : k >= 4 ? "tree" : "lloyd";
    return k >= 32 && have_bounds_room ? "bounds" : "lloyd";
}

static km_code choose_method(km_plan *plan, const km_options *options, int64_t n_features,
                             km_error *error)
{
    const bool is_open = strcmp(options->algorithm, "auto") == 0;
    plan->method =
        find_method(is_open ? faster_method(n_features, options->clusters) : options->algorithm);
    if (plan->method == NULL)
        return km_fail(error, KM_USAGE,
                       "bad value (--algorithm %s): no such method; choose 'auto', 'lloyd', "
                       "'tree' or 'bounds'",
                       options->algorithm);
    return KM_OK;
}

static km_code choose_seeding_rows(km_plan *plan, const km_options *options, km_error *error)
{
    const int64_t k = options->clusters, by_k = SEEDING_ROWS_PER_CLUSTER * k;
    plan->seeding_rows = options->seeding_rows;
    if (plan->seeding_rows == 0)
        plan->seeding_rows = by_k > FEWEST_SEEDING_ROWS ? by_k : FEWEST_SEEDING_ROWS;
    if (options->seeding_rows > 0 && plan->seeding_rows < k &&
        strcmp(options->seeding, "kmeans++") == 0)
        return km_fail(error, KM_USAGE,
                       "bad value (--seeding-rows %lld): fewer rows than clusters (-k %lld); ask "
                       "for more, best 16 a cluster",
                       (long long)plan->seeding_rows, (long long)k);
    return KM_OK;
}

static km_code choose_kernel(km_plan *plan, const km_options *options, uint64_t kernels,
                             km_error *error)
{
    plan->kernel = km_kernel_choose(options->kernel, kernels);
    if (plan->kernel == NULL)
        return km_fail(error, KM_USAGE,
                       "bad value (--kernel %s): no such kernel, or not every rank's processor has "
                       "it; leave it to 'auto'",
                       options->kernel);
    return KM_OK;
}

static km_code check_restarts(const km_plan *plan, const km_options *options, km_error *error)
{
    if (options->restarts > 1 && plan->seeding == NULL)
        return km_fail(error, KM_USAGE,
                       "bad value (--restarts %lld): fits from the first centers of a file are all "
                       "the same; leave it out, or take another --seeding than %s",
                       (long long)options->restarts, options->seeding);
    return KM_OK;
}

bool km_plan_draws_from_all(const km_plan *plan, int64_t n_rows)
{
    return plan->seeding != NULL && strcmp(plan->seeding->name, "random") != 0 &&
           (plan->seeding_rows >= n_rows || strcmp(plan->seeding->name, "kmeans++") != 0);
}

/* It pays after 60 iterations with 64 clusters, after 30 with 1000 and after 2 with 4096, as
 * measured on 2 ranks; more ranks gain more. Methods that find an order of their own need no other
 * samples. */
bool km_plan_redistributes(const km_plan *plan, int64_t n_clusters, int64_t n_rows, int n_ranks)
{
    enum { FEWEST_CLUSTERS = 100 };
    return plan->method->wants_neighbours && !plan->method->reorders &&
           n_clusters >= FEWEST_CLUSTERS && n_rows <= UINT32_MAX && n_ranks > 1;
}

bool km_plan_orders(const km_plan *plan, int64_t n_clusters, int64_t n_rows, int64_t n_used,
                    int n_ranks)
{
    const bool has_boxes =
        plan->method->wants_neighbours && !km_plan_redistributes(plan, n_clusters, n_rows, n_ranks);
    return has_boxes || km_plan_draws_from_all(plan, n_used);
}

km_code km_plan_create(km_plan *plan, const km_options *options, int64_t n_rows, int64_t n_features,
                       uint64_t kernels, km_error *error)
{
    *plan = (km_plan){.seeding = find_seeding(options->seeding)};
    if (n_rows == 0)
        return km_fail(error, KM_DATA, "no rows (%s): the table is empty; choose another with -d",
                       options->catalogues[0]);
    if (options->clusters > n_rows)
        return km_fail(error, KM_DATA,
                       "more clusters than rows (%s): -k asks for %lld clusters of %lld rows; ask "
                       "for fewer",
                       options->catalogues[0], (long long)options->clusters, (long long)n_rows);
    if (choose_method(plan, options, n_features, error) == KM_OK &&
        choose_kernel(plan, options, kernels, error) == KM_OK &&
        check_restarts(plan, options, error) == KM_OK)
        choose_seeding_rows(plan, options, error);
    return error->code;
}
