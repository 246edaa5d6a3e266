/* Loops over samples on OpenMP threads. */
#include "base/threads.h"
#include "base/partition.h"

#include <assert.h>
#include <fenv.h>
#include <omp.h>

void km_threads_start(int n_threads)
{
    assert(1 <= n_threads && n_threads <= KM_MOST_THREADS);
    omp_set_dynamic(0);
    omp_set_num_threads(n_threads);
    int n_started = 1;
#pragma omp parallel
    {
        fesetenv(FE_DFL_ENV);
#pragma omp single
        n_started = omp_get_num_threads();
    }
    omp_set_num_threads(
        n_started); /* km_threads tells how many there are, not how many were asked */
}

int km_threads(void)
{
    return omp_get_max_threads();
}

int km_thread(void)
{
    return omp_get_thread_num();
}

int km_threads_now(void)
{
    return omp_get_num_threads();
}

km_rows km_thread_share(int64_t count)
{
    return km_slab(count, omp_get_num_threads(), omp_get_thread_num());
}
