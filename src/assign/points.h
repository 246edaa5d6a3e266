/* Template: the sum of the grid points of a block's values of a feature, for one precision.
 *
 * Adding 1.5 * 2^52 to a number of at most 51 bits rounds it to an integer, ties to even as lrint
 * does, and leaves that in the lowest bits: so a vector of them takes one addition. */

static int64_t OURS(sum_points)(const km_grid *grid, const REAL *values)
{
    const double shift = 0x1.8p52, origin = grid->origin, inverse_unit = grid->inverse_unit;
    int64_t zero, sum = 0;
    memcpy(&zero, &shift, sizeof zero);
    for (int l = 0; l < KM_BLOCK; l++) {
        const double point = ((double)values[l] - origin) * inverse_unit + shift;
        int64_t bits;
        memcpy(&bits, &point, sizeof bits);
        sum += bits - zero;
    }
    return sum;
}
