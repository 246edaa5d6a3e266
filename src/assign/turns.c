/* Methods that take turns in a fit.
 *
 * The method `tree` needs no preparation, and has the fastest first assignments where boxes of
 * neighbouring samples are small: where there are few features, or where samples of many features
 * lie near a space of few dimensions. But it goes on comparing the samples of a leaf with the same
 * few centers, while `bounds` and `neighbours` compare ever less, once they have paid for that. So
 * a fit begins with `tree` if its shape, or the dimension of its first centers, suggests that, and
 * goes over when what the tree has compared beyond what they would have is as much as they take to
 * begin: then at most twice the least is lost (the ski rental problem; Karlin et al. 1988,
 * doi:10.1007/BF01762111). */
#include "base/functions.h"
#include "methods.h"

#include <math.h>
#include <stdlib.h>

enum { FEWEST_FEATURES = 5, MOST_FEATURES = 24, FEWEST_CLUSTERS = 32 };

static bool may_take_turns(const km_shape *shape)
{
    return shape->n_features >= FEWEST_FEATURES && shape->n_features <= MOST_FEATURES &&
           shape->n_clusters >= FEWEST_CLUSTERS && shape->counting == KM_COUNT_MEMORY;
}

const km_method *km_method_before(const km_method *method, const km_shape *shape)
{
    return method->take_over != NULL && may_take_turns(shape) ? km_method_find("tree") : NULL;
}

/* Of those that keep something, the one that takes least memory of a sample. */
const km_method *km_method_after(const km_method *method, const km_shape *shape)
{
    enum { MOST_CLUSTERS = 256 };
    if (method != km_method_find("tree") || !may_take_turns(shape))
        return NULL;
    const km_method *after =
        km_method_find(shape->n_clusters <= MOST_CLUSTERS ? "bounds" : "neighbours");
    return after->is_available(shape) ? after : NULL;
}

/* ---- dimension ------------------------------------------------------------------------------- */

enum { MOST_CENTERS = 256, NEAREST = 10 };

static double distance_between(const double *a, const double *b, int64_t d)
{
    double distance2 = 0;
    for (int64_t j = 0; j < d; j++)
        distance2 += (a[j] - b[j]) * (a[j] - b[j]);
    return sqrt(distance2);
}

/* Adds a distance to the nearest ones, ascending. */
static void take_distance(double *nearest, double distance)
{
    int i = NEAREST - 1;
    if (!(distance < nearest[i]))
        return;
    for (; i > 0 && nearest[i - 1] > distance; i--)
        nearest[i] = nearest[i - 1];
    nearest[i] = distance;
}

/* The logarithms of the ratios of the distance to the farthest of the nearest, and to the others.
 */
static double sum_of_ratios(const double *nearest)
{
    double sum = 0;
    for (int i = 0; i < NEAREST - 1; i++)
        sum += km_log(nearest[NEAREST - 1] / nearest[i]);
    return sum;
}

double km_find_dimension(const double *centers, int64_t k, int64_t d)
{
    const int64_t n = k < MOST_CENTERS ? k : MOST_CENTERS;
    double sum = 0, n_ratios = 0;
    for (int64_t a = 0; a < n; a++) {
        double nearest[NEAREST];
        for (int i = 0; i < NEAREST; i++)
            nearest[i] = INFINITY;
        for (int64_t b = 0; b < n; b++)
            if (b != a)
                take_distance(
                    nearest, distance_between(centers + a * k / n * d, centers + b * k / n * d, d));
        if (nearest[0] > 0 && isfinite(nearest[NEAREST - 1])) {
            sum += sum_of_ratios(nearest);
            n_ratios += NEAREST - 1;
        }
    }
    return sum > 0 ? n_ratios / sum : INFINITY;
}

bool km_method_begins(const double *centers, int64_t k, int64_t d)
{
    static const double FEW_DIMENSIONS = 4.5;
    return km_find_dimension(centers, k, d) <= FEW_DIMENSIONS;
}

/* ---- going over ------------------------------------------------------------------------------ */

km_code km_assigner_go_over(km_assigner *assigner, const km_method *from, const km_method *to,
                            const void *centers, double relabeled, km_error *error)
{
    from->free(assigner);
    assigner->state = NULL;
    if (to->create(assigner, error) == KM_OK)
        to->take_over(assigner, centers, relabeled);
    return error->code;
}
