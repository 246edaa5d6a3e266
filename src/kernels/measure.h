/* Template: distances to the own centers in double, of samples that are INPUT; see template.h. */

void KERNEL(measure, INPUT_NAME)(const void *block, const double *centers, int64_t n_features,
                                 const int32_t *labels, double *distances2)
{
    typedef INPUT input __attribute__((vector_size(WIDTH * sizeof(INPUT)), may_alias));
    enum { N_VECTORS = 4 };
    const INPUT *values = block;
    for (int l = 0; l < KM_BLOCK; l += N_VECTORS * WIDTH) {
        VECTOR d2[N_VECTORS] = {{0}};
        NUMBERS row[N_VECTORS];
        for (int v = 0; v < N_VECTORS; v++)
            for (int i = 0; i < WIDTH; i++)
                row[v][i] = labels[l + v * WIDTH + i] * n_features;
        for (int64_t j = 0; j < n_features; j++)
            for (int v = 0; v < N_VECTORS; v++) {
                const input x = *(const input *)(values + j * KM_BLOCK + l + v * WIDTH);
                const VECTOR difference =
                    __builtin_convertvector(x, VECTOR) - OURS(gather)(centers + j, row[v]);
                d2[v] = OURS(multiply_add)(difference, difference, d2[v]);
            }
        memcpy(distances2 + l, d2, sizeof d2);
    }
}
