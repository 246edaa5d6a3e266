/* sums.h - exactly associative sums: integers on a fixed grid, so that no result depends on the
 * order or the partition of the samples.
 *
 * A value x of a feature becomes the integer X = round((x - origin) / unit), once, and everything
 * after that is integer addition. `unit` is a power of two chosen from global facts such that the
 * sum of all N values cannot overflow: in one 64-bit word, or in two, high and low in base 2^40
 * (high * 2^40 + low). Two words hold sums up to 2^102, and any number of ranks up to 2^23 can be
 * merged word by word with MPI_SUM. A mean is wrong by at most unit/2, and the last bit of double.
 *
 * Nothing here communicates. */
#ifndef SKYMEANS_SUMS_H
#define SKYMEANS_SUMS_H

#include "base/arithmetic.h"
#include "base/error.h"
#include "sums/double2.h"

#include <math.h>
#include <stdbool.h>

/* The grid of one feature. */
typedef struct km_grid {
    double origin;
    double unit, inverse_unit;   /* of the low word; of the only one, if there is one */
    double carry, inverse_carry; /* 2^40 units: the unit of the high word */
    int n_words;
    bool is_short; /* one word, and no grid point of a value has more than 51 bits and a sign */
} km_grid;

/* The grid for n values in [lowest, highest], or values of weight n, their mid-range its origin. */
km_grid km_grid_choose(double lowest, double highest, int64_t n, int n_words);

/* An integer in two words, not necessarily carried. */
typedef struct km_exact {
    int64_t high, low;
} km_exact;

/* Moves what exceeds 40 bits of the low word into the high word. */
static inline km_exact km_carry(km_exact sum)
{
    const int64_t carry = sum.low >> 40;
    return (km_exact){sum.high + carry, sum.low - carry * ((int64_t)1 << 40)};
}

/* The grid point next to value + rest, which is relative to the origin; |rest| is at most half a
 * unit in the last place of value. For grids of two words. Unlike rint, lrint compiles to one
 * instruction. */
static inline km_exact km_quantize(const km_grid *grid, double value, double rest)
{
    /* carry is a power of two and high the nearest integer, so both lines are exact until the rest
     * is added: either |value| < 2^53 carry and the subtraction leaves bits that value has, or
     * value is itself a multiple of carry. */
    const int64_t high = lrint(value * grid->inverse_carry);
    const double remainder = value - (double)high * grid->carry;
    return (km_exact){high, lrint((remainder + rest) * grid->inverse_unit)};
}

/* The grid point next to a value. */
static inline km_exact km_quantize_value(const km_grid *grid, double value)
{
    if (grid->n_words == 1)
        return (km_exact){0, lrint((value - grid->origin) * grid->inverse_unit)};
    const km_double2 centered = km_double2_difference(value, grid->origin);
    return km_quantize(grid, centered.high, centered.low);
}

/* A grid point taken `weight` times, 0 <= |weight| <= 2^53; two words come carried. */
static inline km_exact km_weigh(km_exact point, int64_t weight, int n_words)
{
    enum { SMALL = 1 << 22 };
    if (n_words == 1) /* the grid was chosen for all weights together */
        return (km_exact){0, point.low * weight};
    if (weight <= SMALL && weight >= -SMALL) /* and |low| <= 2^40 */
        return km_carry((km_exact){point.high * weight, point.low * weight});
    /* high * 2^40 + low has at most 102 bits, weight included. */
    const km_int128 sum = ((km_int128)point.high * ((km_int128)1 << 40) + point.low) * weight;
    const int64_t high = (int64_t)(sum >> 40);
    return (km_exact){high, (int64_t)(sum - (km_int128)high * ((km_int128)1 << 40))};
}

/* The grid points of KM_BLOCK values: one word each, or, for grids of two words, all high words
 * and then all low words. */
void km_quantize_block(const km_grid *grid, const double *values, int64_t *words);

/* A sum of grid points, in units of the quantity and relative to n times the origin. */
km_double2 km_exact_value(const km_grid *grid, km_exact sum);

/* The mean of the n > 0 values that gave `sum`, rounded to double. */
double km_exact_mean(const km_grid *grid, km_exact sum, int64_t n);

/* Totals of k clusters in one buffer of integers, ready for one MPI_Allreduce(SUM). */
typedef struct km_totals {
    int64_t n_clusters, n_features;
    int n_words;
    int64_t length;    /* of the buffer */
    int64_t *words;    /* [k][n_words][d], the sums; the buffer begins here */
    int64_t *counts;   /* [k], samples of each cluster */
    int64_t *weights;  /* [k], sums of weights; the counts themselves if all weights are 1 */
    int64_t *extras;   /* [KM_N_EXTRAS], what rides along */
    int64_t n_pending; /* samples added since low words were last carried */
} km_totals;

/* So many numbers ride along with the sums; what they are is said by those who add them up. */
enum { KM_N_EXTRAS = 6 };

/* All zero; free with km_totals_free. KM_MEMORY if it can't be had. */
km_code km_totals_create(km_totals *totals, int64_t n_clusters, int64_t n_features, int n_words,
                         bool has_weights, km_error *error);
void km_totals_free(km_totals *totals);

/* Carries all low words: at least every KM_CARRY_AFTER samples (each adds at most 2^39 to a word
 * that must stay below 2^63), and before totals of several ranks are added up. */
enum { KM_CARRY_AFTER = 1 << 22 };
void km_totals_carry(km_totals *totals);

/* The sum of feature j over cluster c. */
static inline km_exact km_totals_get(const km_totals *totals, int64_t c, int64_t j)
{
    const int64_t d = totals->n_features;
    if (totals->n_words == 1)
        return (km_exact){0, totals->words[c * d + j]};
    return (km_exact){totals->words[2 * c * d + j], totals->words[(2 * c + 1) * d + j]};
}

/* sum + sign * value modulo 2^64: the parts of a sum that fits may themselves not fit. */
static inline int64_t km_add_wrapped(int64_t sum, int64_t sign, int64_t value)
{
    return (int64_t)((uint64_t)sum + (uint64_t)sign * (uint64_t)value);
}

/* Adds a grid point to that sum, or subtracts it (sign = +1, -1). */
static inline void km_totals_add(km_totals *totals, int64_t c, int64_t j, km_exact point,
                                 int64_t sign)
{
    const int64_t d = totals->n_features;
    int64_t *word = totals->words + c * d * totals->n_words + j;
    if (totals->n_words == 1) {
        word[0] = km_add_wrapped(word[0], sign, point.low);
    } else {
        word[0] = km_add_wrapped(word[0], sign, point.high);
        word[d] = km_add_wrapped(word[d], sign, point.low);
    }
}

#endif
