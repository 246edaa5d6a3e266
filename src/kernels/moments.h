/* Template: exact sums of the values of a feature and of their squares, of samples that are REAL;
 * see template.h. It is what sums.h does to one value, to a vector of them. */

#include "base/partition.h"

static void KERNEL(moments, PRECISION)(const void *values, const km_moments_task *task,
                                       int64_t *words)
{
    typedef REAL input __attribute__((vector_size(DOUBLES * sizeof(REAL)), may_alias));
    const REAL *first = values;
    numbers_float64 sums[4] = {{0}};
    for (int l = 0; l < KM_BLOCK; l += DOUBLES) {
        const vector_float64 x =
            __builtin_convertvector(*(const input *)(first + l), vector_float64);
        /* The difference from the origin without rounding, and its square but for 2^-106. */
        const vector_float64 high = x - task->grid.origin, other = high - x;
        const vector_float64 low = (x - (high - other)) - (task->grid.origin + other);
        const vector_float64 root = high * task->inverse_power;
        const vector_float64 square = root * root;
        const vector_float64 rest =
            multiply_add_float64(root, root, -square) + 2 * root * (low * task->inverse_power);
        add_point(&task->grid, high, low, &sums[0]);
        add_point(&task->square_grid, square, rest, &sums[2]);
    }
    for (int i = 0; i < 4; i++)
        for (int l = 0; l < DOUBLES; l++)
            words[i] += sums[i][l];
}
