/* Template: the grid points of a vector of values; see template.h. */

/* Adding this rounds a double below 2^51 to an integer, ties to even, which is left in the lowest
 * bits. */
#define ROUNDER 0x1.8p52

/* Adds the grid points next to value + rest to sums of high and low words: km_quantize. */
INLINE void add_point(const km_grid *grid, vector_float64 value, vector_float64 rest,
                      numbers_float64 *sums)
{
    const numbers_float64 none = (numbers_float64)((vector_float64){0} + ROUNDER);
    const vector_float64 high = value * grid->inverse_carry + ROUNDER;
    const vector_float64 remainder = value - (high - ROUNDER) * grid->carry;
    const vector_float64 low = (remainder + rest) * grid->inverse_unit + ROUNDER;
    sums[0] += (numbers_float64)high - none;
    sums[1] += (numbers_float64)low - none;
}
