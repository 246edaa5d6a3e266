/* Template: the range of a feature in a block, for one precision. */

/* All values go to a few lanes, then half of these to the other half until one is left: steps that
 * make vectors. */
static void OURS(find_range)(const REAL *values, double *lowest, double *highest)
{
    enum { LANES = 16 };
    REAL low[LANES], high[LANES];
    memcpy(low, values, sizeof low);
    memcpy(high, values, sizeof high);
    for (int first = LANES; first < KM_BLOCK; first += LANES)
        for (int l = 0; l < LANES; l++) {
            const REAL value = values[first + l];
            low[l] = value < low[l] ? value : low[l];
            high[l] = value > high[l] ? value : high[l];
        }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            low[l] = low[l] < low[l + half] ? low[l] : low[l + half];
            high[l] = high[l] > high[l + half] ? high[l] : high[l + half];
        }
    *lowest = low[0];
    *highest = high[0];
}
