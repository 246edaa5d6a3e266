/* A problem: checks and defaults. */
#include "cluster/choice.h"

#include "base/hash.h"
#include "seeding/seeding.h"

#include <math.h>
#include <string.h>

static const char *const scalings[] = {[KM_SCALE_NONE] = "none",
                                       [KM_SCALE_STANDARD] = "standard",
                                       [KM_SCALE_MINMAX] = "minmax",
                                       [KM_SCALE_ROBUST] = "robust",
                                       NULL};

/* Measured (docs/measurements/seeding.md): fewer rows miss far outliers, which takes many
 * iterations to mend or never is; more cost more than they save where there are none. */
enum { MIN_SEEDING_ROWS = 100000, SEEDING_ROWS_PER_CLUSTER = 500, MAX_RESTARTS = 1000000 };

bool km_scaling_find(const char *name, km_scaling *scaling)
{
    for (int i = 0; scalings[i] != NULL; i++)
        if (strcmp(name, scalings[i]) == 0) {
            *scaling = (km_scaling)i;
            return true;
        }
    return false;
}

const char *km_scaling_name(km_scaling scaling)
{
    return scalings[scaling];
}

static const char *const balances[] = {
    [KM_BALANCE_NONE] = NULL, [KM_BALANCE_COUNT] = "count", [KM_BALANCE_WEIGHT] = "weight", NULL};

km_balance km_balance_find(const char *name)
{
    for (int i = KM_BALANCE_COUNT; name != NULL && balances[i] != NULL; i++)
        if (strcmp(name, balances[i]) == 0)
            return (km_balance)i;
    return KM_BALANCE_NONE;
}

km_code km_take_struct(void *full, size_t size, const void *given, const char *name,
                       km_error *error)
{
    size_t given_size = 0;
    if (given != NULL)
        memcpy(&given_size, given, sizeof given_size);
    if (given_size < sizeof given_size || given_size > size)
        return km_fail(error, KM_USAGE,
                       "bad struct (%s): %s; initialise it with the macro of that name, and use "
                       "skymeans.h and the library of one version",
                       name, given == NULL ? "it is NULL" : "its size is not one that is known");
    memcpy(full, given, given_size);
    memcpy(full, &size, sizeof size);
    return KM_OK;
}

static km_code bad_number(const char *name, int64_t value, const char *why, km_error *error)
{
    return km_fail(error, KM_USAGE, "bad value (%s %lld): %s", name, (long long)value, why);
}

static km_code bad_text(const char *name, const char *value, const char *why, km_error *error)
{
    return km_fail(error, KM_USAGE, "bad value (%s %s): %s", name, value, why);
}

static km_code check_counts(const skymeans_problem *p, km_error *error)
{
    if (p->n_clusters < 1 || p->n_clusters > INT32_MAX)
        return bad_number("n_clusters", p->n_clusters, "it must be 1 to 2^31 - 1", error);
    if (p->restarts < 1 || p->restarts > MAX_RESTARTS)
        return bad_number("restarts", p->restarts, "it must be 1 to 1000000", error);
    if (p->max_iterations < 1)
        return bad_number("max_iterations", p->max_iterations, "it must be at least 1", error);
    if (!(p->tolerance >= 0) || !isfinite(p->tolerance))
        return km_fail(error, KM_USAGE,
                       "bad value (tolerance %g): it must be a number, and at least 0",
                       p->tolerance);
    return KM_OK;
}

/* Several numbers of clusters ascend, and the last of them stands for all. */
static km_code check_several(skymeans_problem *p, km_error *error)
{
    const char *one = "there is only one number of clusters; ask for several, as 2..20";
    if (p->n_several < 0)
        return bad_number("n_several", p->n_several, "it must be at least 0", error);
    if (p->n_several == 0 && p->choose != NULL)
        return bad_text("choose", p->choose, one, error);
    if (p->n_several == 0 && p->bootstrap != 0)
        return bad_number("bootstrap", p->bootstrap, one, error);
    if (p->n_several == 0 && p->gap != 0)
        return bad_number("gap", p->gap, one, error);
    if (p->n_several == 0)
        return KM_OK;
    if (p->several == NULL)
        return bad_number("n_several", p->n_several, "several is NULL", error);
    for (int64_t i = 0; i < p->n_several; i++)
        if (p->several[i] < 1 || p->several[i] > INT32_MAX ||
            (i > 0 && p->several[i] <= p->several[i - 1]))
            return bad_number("several", p->several[i],
                              "numbers of clusters must be 1 to 2^31 - 1, and ascend", error);
    p->n_clusters = p->several[p->n_several - 1];
    p->choose = p->choose != NULL ? p->choose : "silhouette";
    const km_criterion *criterion = km_criterion_find(p->choose);
    if (criterion == NULL)
        return bad_text("choose", p->choose,
                        "choose 'silhouette', 'calinski-harabasz', 'davies-bouldin' or 'stability'",
                        error);
    p->choose = criterion->choose;
    if (p->bootstrap < 0 || p->bootstrap > MAX_RESTARTS)
        return bad_number("bootstrap", p->bootstrap, "it must be 0 to 1000000", error);
    if (p->gap < 0 || p->gap > MAX_RESTARTS)
        return bad_number("gap", p->gap, "it must be 0 to 1000000", error);
    if (p->gap > 0 && p->sky != 0)
        return bad_number(
            "gap", p->gap,
            "rows in the box round positions are not on the sky; leave out one of the "
            "two",
            error);
    if (strcmp(p->choose, "stability") == 0 && p->restarts == 1 && p->bootstrap == 0)
        return bad_text("choose", p->choose,
                        "nothing is known of it with a single fit; ask for restarts or bootstrap",
                        error);
    if (p->first_centers != NULL)
        return bad_number(
            "n_several", p->n_several,
            "given first centers are for one number of clusters; take another seeding", error);
    return KM_OK;
}

static km_code check_seeding(skymeans_problem *p, km_error *error)
{
    const int64_t k = p->n_clusters, by_k = SEEDING_ROWS_PER_CLUSTER * k;
    if (p->first_centers != NULL && p->restarts > 1)
        return bad_number("restarts", p->restarts,
                          "fits from the same first centers are all the same; leave it out, or "
                          "take another seeding",
                          error);
    const km_seeding *seeding = km_seeding_find(p->seeding);
    if (p->first_centers == NULL && seeding == NULL)
        return bad_text("seeding", p->seeding,
                        "there is none of that name; choose 'kmeans++', 'kmeans-parallel', "
                        "'random' or 'refined'",
                        error);
    p->seeding = seeding != NULL ? seeding->name : NULL; /* NULL: not looked at */
    const bool is_drawn = p->first_centers == NULL && seeding->draws_from_rows;
    if (p->seeding_rows < 0 || (p->seeding_rows > 0 && p->seeding_rows < k && is_drawn))
        return km_fail(error, KM_USAGE,
                       "bad value (seeding_rows %lld): fewer rows than the %lld clusters; ask for "
                       "more, best 500 per cluster",
                       (long long)p->seeding_rows, (long long)k);
    if (p->seeding_rows == 0)
        p->seeding_rows = by_k > MIN_SEEDING_ROWS ? by_k : MIN_SEEDING_ROWS;
    return KM_OK;
}

km_code km_problem_check(skymeans_problem *problem, const skymeans_problem *given, km_error *error)
{
    const skymeans_problem defaults = SKYMEANS_PROBLEM(0);
    km_scaling scaling;
    *problem = defaults;
    if (km_take_struct(problem, sizeof *problem, given, "SKYMEANS_PROBLEM", error) != KM_OK)
        return error->code;
    problem->seeding = problem->seeding != NULL ? problem->seeding : defaults.seeding;
    problem->scale = problem->scale != NULL ? problem->scale : defaults.scale;
    problem->missing = problem->missing != NULL ? problem->missing : defaults.missing;
    if (check_several(problem, error) != KM_OK || check_counts(problem, error) != KM_OK ||
        check_seeding(problem, error) != KM_OK)
        return error->code;
    if (!km_scaling_find(problem->scale, &scaling))
        return bad_text("scale", problem->scale, "choose 'none', 'standard', 'minmax' or 'robust'",
                        error);
    problem->scale = km_scaling_name(scaling); /* texts that stay, unlike the caller's */
    if (problem->balance != NULL && km_balance_find(problem->balance) == KM_BALANCE_NONE)
        return bad_text("balance", problem->balance, "choose 'count' or 'weight'", error);
    problem->balance = balances[km_balance_find(problem->balance)];
    if (problem->balance != NULL && problem->n_several > 0)
        return bad_text("balance", problem->balance,
                        "clusters of equal size are for one number of clusters; ask for one",
                        error);
    if (problem->sky != 0 && !(problem->sky >= KM_MIN_FACTOR && problem->sky <= KM_MAX_FACTOR))
        return km_fail(error, KM_USAGE, "bad value (sky %g): it must be 0, or from 1e-100 to 1e100",
                       problem->sky);
    if (strcmp(problem->missing, "drop") != 0 && strcmp(problem->missing, "error") != 0)
        return bad_text("missing", problem->missing, "choose 'drop' or 'error'", error);
    problem->missing = strcmp(problem->missing, "drop") == 0 ? "drop" : "error";
    return KM_OK;
}

/* ---- what it says ---------------------------------------------------------------------------- */

uint64_t km_problem_centers_hash(const skymeans_problem *p, int64_t n_features)
{
    return p->first_centers != NULL
               ? km_hash_doubles(0, p->first_centers, p->n_clusters * n_features)
               : 0;
}

uint64_t km_problem_factors_hash(const skymeans_problem *p, int64_t n_features)
{
    return p->factors != NULL ? km_hash_doubles(0, p->factors, n_features) : 0;
}

bool km_problem_is_random(const skymeans_problem *p)
{
    return p->first_centers == NULL || p->balance != NULL;
}
