/* Template: the range of a feature in a block, for one precision. */

/* Half of the lanes with the other half, until one is left: steps that make vectors. */
static void OURS(find_range)(const REAL *values, double *lowest, double *highest)
{
    REAL low[KM_BLOCK], high[KM_BLOCK];
    memcpy(low, values, sizeof low);
    memcpy(high, values, sizeof high);
    for (int half = KM_BLOCK / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            low[l] = low[l] < low[l + half] ? low[l] : low[l + half];
            high[l] = high[l] > high[l + half] ? high[l] : high[l + half];
        }
    *lowest = low[0];
    *highest = high[0];
}
