/* Template: the range of a feature in a block, for one precision. */

static void OURS(find_range)(const REAL *values, double *lowest, double *highest)
{
    REAL low = values[0], high = values[0];
#pragma omp simd reduction(min : low) reduction(max : high)
    for (int l = 1; l < KM_BLOCK; l++) {
        low = values[l] < low ? values[l] : low;
        high = values[l] > high ? values[l] : high;
    }
    *lowest = low;
    *highest = high;
}
