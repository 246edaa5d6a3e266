/* Template: sums of grid points of a block's values, where they are short or have two words, for
 * one precision.
 *
 * Adding 1.5 * 2^52 to a number of at most 51 bits rounds it to an integer, ties to even as lrint
 * does, and leaves that in the lowest bits: so a vector of them takes one addition. */

static inline int64_t OURS(short_point)(double origin, double inverse_unit, REAL value)
{
    const double shift = 0x1.8p52, point = ((double)value - origin) * inverse_unit + shift;
    int64_t zero, bits;
    memcpy(&zero, &shift, sizeof zero);
    memcpy(&bits, &point, sizeof bits);
    return bits - zero;
}

/* The sum over one feature [KM_BLOCK]. */
static int64_t OURS(sum_points)(const km_grid *grid, const REAL *values)
{
    const double origin = grid->origin, inverse_unit = grid->inverse_unit;
    int64_t sum = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        sum += OURS(short_point)(origin, inverse_unit, values[l]);
    return sum;
}

/* Moves a sample of some weight, whose features are KM_BLOCK values apart, between sums [d] of two
 * clusters; the first may be NULL. */
static inline void OURS(move_points)(const km_grid *grids, const REAL *sample, int64_t weight,
                                     int64_t d, int64_t *from, int64_t *to)
{
    for (int64_t j = 0; j < d; j++) {
        const int64_t point = weight * OURS(short_point)(grids[j].origin, grids[j].inverse_unit,
                                                         sample[j * KM_BLOCK]);
        if (from != NULL)
            from[j] = km_add_wrapped(from[j], -1, point);
        to[j] = km_add_wrapped(to[j], +1, point);
    }
}

static inline km_exact OURS(wide_point)(const km_grid *grid, REAL value)
{
    const km_double2 centered = km_double2_difference((double)value, grid->origin);
    return km_quantize(grid, centered.high, centered.low);
}

/* The same two where points have two words, as sums do; the low ones are d behind the high ones. */
static km_exact OURS(sum_wide_points)(const km_grid *grid, const REAL *values)
{
    km_exact sum = {0, 0};
    for (int l = 0; l < KM_BLOCK; l++) {
        const km_exact point = OURS(wide_point)(grid, values[l]);
        sum = (km_exact){sum.high + point.high, sum.low + point.low};
    }
    return sum;
}

static inline void OURS(move_wide_points)(const km_grid *grids, const REAL *sample, int64_t weight,
                                          int64_t d, int64_t *from, int64_t *to)
{
    for (int64_t j = 0; j < d; j++) {
        km_exact point = OURS(wide_point)(&grids[j], sample[j * KM_BLOCK]);
        if (weight != 1)
            point = km_weigh(point, weight, 2);
        if (from != NULL) {
            from[j] = km_add_wrapped(from[j], -1, point.high);
            from[d + j] = km_add_wrapped(from[d + j], -1, point.low);
        }
        to[j] = km_add_wrapped(to[j], +1, point.high);
        to[d + j] = km_add_wrapped(to[d + j], +1, point.low);
    }
}

/* The same, of points of either kind; compilers make loops of their own for a weight of 1. */
static void OURS(move_any_points)(const km_grid *grids, const REAL *sample, int64_t weight,
                                  int64_t d, bool are_short, int64_t *from, int64_t *to)
{
    if (are_short && weight == 1)
        OURS(move_points)(grids, sample, 1, d, from, to);
    else if (are_short)
        OURS(move_points)(grids, sample, weight, d, from, to);
    else if (weight == 1)
        OURS(move_wide_points)(grids, sample, 1, d, from, to);
    else
        OURS(move_wide_points)(grids, sample, weight, d, from, to);
}
