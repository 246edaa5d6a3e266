/* Several numbers of clusters: what is known of each, and which is the best. */
#include "cluster/choice.h"

#include "assign/second.h"
#include "base/memory.h"
#include "seeding/seeding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(km_criteria, field)

const km_criterion km_criteria_table[] = {
    {"inertia", "inertia", NULL, AT(inertia), -1},
    {"silhouette", "silhouette", "silhouette", AT(silhouette), 1},
    {"calinski_harabasz", "Calinski-H.", "calinski-harabasz", AT(calinski_harabasz), 1},
    {"davies_bouldin", "Davies-B.", "davies-bouldin", AT(davies_bouldin), -1},
    {"stability", "stability", "stability", AT(stability), 1},
    {"coincidence", "coincidence", NULL, AT(coincidence), 1},
    {"bootstrap", "bootstrap", NULL, AT(bootstrap), 1},
    {"gap", "gap", NULL, AT(gap), 1},
    {"gap_error", "gap error", NULL, AT(gap_error), -1},
    {NULL, NULL, NULL, 0, 0}};

const km_criterion *km_criterion_named(const char *name)
{
    const km_criterion *c = km_criteria_table;
    while (strcmp(c->name, name) != 0)
        c++;
    return c;
}

double km_criterion_value(const km_criterion *criterion, const km_criteria *of)
{
    double value;
    memcpy(&value, (const char *)of + criterion->offset, sizeof value);
    return value;
}

const km_criterion *km_criterion_of(const skymeans_problem *problem)
{
    if (problem->bootstrap > 0 && strcmp(problem->choose, "stability") == 0)
        return km_criterion_named("bootstrap");
    return km_criterion_find(problem->choose);
}

const km_criterion *km_criterion_find(const char *choose)
{
    for (const km_criterion *c = km_criteria_table; c->name != NULL; c++)
        if (c->choose != NULL && strcmp(c->choose, choose) == 0)
            return c;
    return NULL;
}

static int64_t count_all_centers(const skymeans_problem *problem)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < problem->n_several; i++)
        sum += problem->several[i];
    return sum;
}

km_code km_choice_create(km_choices *choice, const skymeans_problem *problem, int64_t n_features,
                         km_error *error)
{
    const char *what = "centers of several numbers of clusters";
    const int64_t n_centers = count_all_centers(problem);
    *choice = (km_choices){.count = problem->n_several, .n_features = n_features};
    if (choice->count == 0)
        return KM_OK;
    choice->rows = km_allocate_zeroed(choice->count, sizeof *choice->rows, what, error);
    choice->centers = km_allocate(n_centers * n_features, sizeof(double), what, error);
    choice->weights = km_allocate(n_centers, sizeof(double), what, error);
    for (int64_t i = 0; i < choice->count && choice->rows != NULL; i++)
        choice->rows[i].n_clusters = problem->several[i];
    return error->code;
}

void km_choice_free(km_choices *choice)
{
    free(choice->rows);
    free(choice->centers);
    free(choice->weights);
    km_restarts_free(&choice->restarts);
    km_fit_free(&choice->fit);
    *choice = (km_choices){0};
}

int64_t km_choice_next(const km_choices *choice)
{
    return choice->count - 1 - choice->n_done;
}

int64_t km_choice_first(const km_choices *choice, int64_t row)
{
    int64_t first = 0;
    for (int64_t i = 0; i < row; i++)
        first += choice->rows[i].n_clusters;
    return first;
}

bool km_choice_is_better(const km_choices *choice, const km_criterion *criterion, int64_t a,
                         int64_t b)
{
    const double x = km_criterion_value(criterion, &choice->rows[a]);
    const double y = km_criterion_value(criterion, &choice->rows[b]);
    if (isnan(x) || isnan(y))
        return isnan(x) && isnan(y) ? a < b : !isnan(x);
    return criterion->sign * x > criterion->sign * y || (x == y && a < b);
}

bool km_choice_knows(const km_choices *choice, const km_criterion *criterion)
{
    for (int64_t i = km_choice_next(choice) + 1; i < choice->count; i++)
        if (!isnan(km_criterion_value(criterion, &choice->rows[i])))
            return true;
    return false;
}

bool km_keeps_seeds(const skymeans_problem *problem)
{
    const km_seeding *seeding =
        problem->first_centers == NULL ? km_seeding_find(problem->seeding) : NULL;
    return problem->n_several > 0 && problem->restarts > 1 && seeding != NULL && seeding->is_nested;
}

double km_choice_bytes(const skymeans_problem *problem, const km_shape *shape)
{
    if (problem->n_several == 0)
        return 0;
    const double n_centers = (double)count_all_centers(problem), d = (double)shape->n_features;
    const double seeds =
        km_keeps_seeds(problem) ? (double)problem->restarts * km_centers_bytes(shape) : 0;
    return n_centers * (d + 1) * sizeof(double) + km_restarts_bytes(shape) + seeds;
}

double km_criteria_bytes(const skymeans_problem *problem, const km_shape *shape)
{
    const double k = (double)shape->n_clusters, d = (double)shape->n_features;
    return problem->n_several > 0
               ? k * (d + 3) * sizeof(double) + 3 * k * sizeof(int64_t) * (shape->n_threads + 1) +
                     km_second_bytes(shape, false)
               : 0;
}
