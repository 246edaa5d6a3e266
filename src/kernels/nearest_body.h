/* One instance of the template in nearest.h, for REAL, FMA, LANES and NAME. */

void NAME(const void *block, const void *all_centers, int64_t n_features, int64_t n_centers,
          int32_t *labels, km_distances *distances2)
{
    const REAL *restrict values = block;
    REAL best[KM_BLOCK];
    int32_t nearest[KM_BLOCK];
    for (int l = 0; l < KM_BLOCK; l++) {
        best[l] = (REAL)INFINITY;
        nearest[l] = 0;
    }
    for (int64_t c = 0; c < n_centers; c++) {
        const REAL *restrict center = (const REAL *)all_centers + c * n_features;
        REAL d2[KM_BLOCK] = {0};
        for (int64_t j = 0; j < n_features; j++)
            for (int l = 0; l < KM_BLOCK; l++) {
                const REAL difference = values[j * KM_BLOCK + l] - center[j];
                d2[l] = FMA(difference, difference, d2[l]);
            }
        for (int l = 0; l < KM_BLOCK; l++) {
            nearest[l] = d2[l] < best[l] ? (int32_t)c : nearest[l];
            best[l] = d2[l] < best[l] ? d2[l] : best[l];
        }
    }
    REAL *restrict out = distances2->LANES;
    for (int l = 0; l < KM_BLOCK; l++) {
        labels[l] = nearest[l];
        out[l] = best[l];
    }
}
