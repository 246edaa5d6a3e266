/* The grid of a feature: from values to integers and back. */
#include "base/arithmetic.h"
#include "base/partition.h"
#include "sums/sums.h"

#include <assert.h>
#include <float.h>
#include <math.h>

/* Bits of the sum of all values in one word: one less than int64_t holds, for rounding. */
enum { ONE_WORD_BITS = 62, TWO_WORD_BITS = 102, CARRY_BITS = 40, SHORT_BITS = 51 };

enum { SMALLEST_EXPONENT = -960 }; /* units stay normal numbers, and so do their inverses */

km_grid km_grid_choose(double lowest, double highest, int64_t n, int n_words)
{
    assert(lowest <= highest && n >= 1 && (n_words == 1 || n_words == 2));
    km_grid grid = {.origin = lowest / 2 + highest / 2, .n_words = n_words};
    /* An upper bound of all distances from the origin, rounding included. */
    const double radius =
        fmin(fmax(highest - grid.origin, grid.origin - lowest) * (1 + 0x1p-50), DBL_MAX);
    int radius_exponent = 0, n_exponent = 0;
    frexp(radius, &radius_exponent); /* radius < 2^radius_exponent */
    frexp((double)n, &n_exponent);   /* n < 2^n_exponent, or n == 2^n_exponent by rounding up */
    int exponent = radius_exponent + n_exponent - (n_words == 1 ? ONE_WORD_BITS : TWO_WORD_BITS);
    if (exponent < SMALLEST_EXPONENT || radius == 0)
        exponent = SMALLEST_EXPONENT;
    grid.is_short = n_words == 1 && (radius == 0 || radius_exponent - exponent <= SHORT_BITS);
    grid.unit = ldexp(1, exponent);
    grid.inverse_unit = ldexp(1, -exponent);
    grid.carry = ldexp(1, exponent + CARRY_BITS);
    grid.inverse_carry = ldexp(1, -exponent - CARRY_BITS);
    return grid;
}

static void quantize_one_word(const km_grid *grid, const double *values, int64_t *words)
{
    for (int l = 0; l < KM_BLOCK; l++)
        words[l] = lrint((values[l] - grid->origin) * grid->inverse_unit);
}

static void quantize_two_words(const km_grid *grid, const double *values, int64_t *words)
{
    for (int l = 0; l < KM_BLOCK; l++) {
        const km_double2 centered = km_double2_difference(values[l], grid->origin);
        const km_exact point = km_quantize(grid, centered.high, centered.low);
        words[l] = point.high;
        words[KM_BLOCK + l] = point.low;
    }
}

void km_quantize_block(const km_grid *grid, const double *values, int64_t *words)
{
    if (grid->n_words == 1)
        quantize_one_word(grid, values, words);
    else
        quantize_two_words(grid, values, words);
}

static km_int128 combine_words(km_exact sum)
{
    return (km_int128)sum.high * ((km_int128)1 << CARRY_BITS) + sum.low;
}

/* Nearly all sums fit into one word of the processor, whose arithmetic is several times faster. The
 * limit leaves room to round a word to double and back. */
static bool fits_in_word(km_int128 integer)
{
    const km_int128 limit = (km_int128)1 << 62;
    return -limit < integer && integer < limit;
}

/* Exact, as the next one. */
static km_double2 word_to_double2(int64_t integer)
{
    const double high = (double)integer;
    return (km_double2){high, (double)(integer - (int64_t)high)};
}

/* Exact: sums have at most 102 bits and a sign. */
static km_double2 to_double2(km_int128 integer)
{
    if (fits_in_word(integer))
        return word_to_double2((int64_t)integer);
    const double high = (double)integer;
    return (km_double2){high, (double)(integer - (km_int128)high)};
}

km_double2 km_exact_value(const km_grid *grid, km_exact sum)
{
    const km_double2 integer = to_double2(combine_words(sum));
    return (km_double2){integer.high * grid->unit, integer.low * grid->unit};
}

/* The quotient, with the rest as a fraction. */
static km_double2 divide_exact(km_int128 integer, int64_t n)
{
    if (fits_in_word(integer)) {
        const int64_t word = (int64_t)integer, whole = word / n;
        const km_double2 mean = word_to_double2(whole);
        return (km_double2){mean.high, mean.low + (double)(word - whole * n) / (double)n};
    }
    const km_int128 whole = integer / n;
    const km_double2 mean = to_double2(whole);
    return (km_double2){mean.high, mean.low + (double)(int64_t)(integer - whole * n) / (double)n};
}

double km_exact_mean(const km_grid *grid, km_exact sum, int64_t n)
{
    assert(n > 0);
    km_double2 mean = divide_exact(combine_words(sum), n);
    mean = km_double2_add((km_double2){mean.high * grid->unit, mean.low * grid->unit},
                          (km_double2){grid->origin, 0});
    return mean.high + mean.low;
}
