/* How well two labelings agree, from sums of integers over the contingency table. */
#include "compare/compare.h"

#include "sums/double2.h"

#include <math.h>

/* Pairs of n rows. */
static km_int128 pairs_of(int64_t n)
{
    return (km_int128)n * (n - 1) / 2;
}

static km_int128 pairs_within(const km_side *side)
{
    km_int128 sum = 0;
    for (int64_t i = 0; i < side->n_labels; i++)
        sum += pairs_of(side->sizes[i]);
    return sum;
}

/* To within 2^-106 of it. */
static km_double2 double2_of(km_int128 value)
{
    const double high = (double)value;
    return (km_double2){high, (double)(value - (km_int128)high)};
}

static km_double2 difference_of(km_double2 a, km_double2 b)
{
    return km_double2_add(a, (km_double2){-b.high, -b.low});
}

/* With S pairs of rows that share their labels on both sides, A and B those on one, T all pairs:
 * (S - A B / T) / ((A + B) / 2 - A B / T). Both are multiplied by T, which leaves products of
 * integers; these have 106 bits here, since they are nearly equal where partitions are unrelated.
 */
double km_rand_index(const km_comparison *c)
{
    km_int128 same = 0;
    for (int64_t i = 0; i < c->n_cells; i++)
        same += pairs_of(c->cells[i].count);
    const km_int128 in_a = pairs_within(&c->sides[0]), in_b = pairs_within(&c->sides[1]);
    const km_double2 all = double2_of(pairs_of(c->n_both));
    const km_double2 product = km_double2_multiply(double2_of(in_a), double2_of(in_b));
    const km_double2 above = difference_of(km_double2_multiply(double2_of(same), all), product);
    km_double2 mean = km_double2_multiply(double2_of(in_a + in_b), all);
    mean = (km_double2){mean.high / 2, mean.low / 2};
    const km_double2 below = difference_of(mean, product);
    if (c->n_both == 0)
        return NAN;
    if (same == in_a && same == in_b) /* equal partitions, also if `below` is 0 */
        return 1;
    return (above.high + above.low) / (below.high + below.low);
}

static double entropy(const km_side *side, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < side->n_labels; i++) {
        const double size = (double)side->sizes[i];
        if (size > 0)
            sum -= size / (double)n * log(size / (double)n);
    }
    return sum;
}

double km_mutual_information(const km_comparison *c)
{
    const km_side *a = &c->sides[0], *b = &c->sides[1];
    const double n = (double)c->n_both;
    const double mean = (entropy(a, c->n_both) + entropy(b, c->n_both)) / 2;
    double sum = 0;
    for (int64_t i = 0; i < c->n_cells; i++) {
        const km_cell *cell = &c->cells[i];
        const double count = (double)cell->count;
        const double expected = (double)a->sizes[cell->a] / n * (double)b->sizes[cell->b];
        sum += count / n * log(count / expected);
    }
    if (c->n_both == 0)
        return NAN;
    return mean == 0 ? 1 : fmin(fmax(sum / mean, 0), 1);
}
