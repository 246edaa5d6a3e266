/* Template: nothing but multiplications and additions in one (FMA), as fast as the processor does
 * them, to measure its limit; see template.h. */

static double KERNEL(peak, PRECISION)(int64_t n_rounds, double *sum)
{
    enum { N_SUMS = 10 }; /* independent of each other, more than the latency times the units */
    VECTOR sums[N_SUMS] = {{0}};
    const VECTOR factor = (VECTOR){0} + (REAL)0.5, term = (VECTOR){0} + (REAL)1;
    for (int64_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++)
            sums[i] = OURS(multiply_add)(sums[i], factor, term);
    for (int i = 1; i < N_SUMS; i++)
        sums[0] = sums[0] + sums[i];
    *sum = (double)sums[0][0];
    return (double)n_rounds * N_SUMS * WIDTH;
}
