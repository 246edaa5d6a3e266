/* Template: the cells of a block's values along one feature, for one precision. What is outside
 * goes to the border, and so does what is no number. */

static void OURS(find_cells)(const axis *a, const REAL *values, int32_t *cells)
{
    const REAL lowest = (REAL)a->lowest, scale = (REAL)a->cells_per_unit;
    const REAL maximum = (REAL)((1 << a->n_bits) - 1);
    for (int l = 0; l < KM_BLOCK; l++) {
        REAL cell = (values[l] - lowest) * scale;
        cell = cell < maximum ? cell : maximum;
        cells[l] = (int32_t)(cell > 0 ? cell : 0);
    }
}
