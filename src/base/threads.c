/* Loops over samples on OpenMP threads. */
#include "base/threads.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/partition.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fenv.h>
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* ---- a trial -----------------------------------------------------------------------------------
 * OpenMP ends the process when it can't make a thread. So as many threads are made and ended
 * before, with the same size of stack. */

/* The size of the stacks of threads, in bytes, that the environment demands of libgomp: a number
 * and a unit, by default kB. 0: the system's default. */
static size_t stack_of_environment(void)
{
    const char *text = getenv("OMP_STACKSIZE");
    unsigned long size;
    char unit[2] = "k", rest[2];
    if (text == NULL)
        text = getenv("GOMP_STACKSIZE");
    const int n = text != NULL ? sscanf(text, "%lu %1[bBkKmMgG] %1s", &size, unit, rest) : 0;
    if (n != 1 && n != 2)
        return 0;
    const int shift = 10 * (int)(strchr("bkmg", tolower((unsigned char)unit[0])) - "bkmg");
    return size <= SIZE_MAX >> shift ? size << shift : 0;
}

/* The threads that OpenMP has made for this one and keeps, itself included. */
static _Thread_local int n_kept = 1;

static void *wait_at_gate(void *context)
{
    km_trial *trial = context;
    pthread_mutex_lock(&trial->gate);
    pthread_mutex_unlock(&trial->gate);
    return NULL;
}

km_code km_trial_begin(km_trial *trial, int n_threads, km_error *error)
{
    const int asked = n_threads > 0 ? n_threads : omp_get_max_threads();
    const int limit =
        omp_get_thread_limit() < KM_MAX_THREADS ? omp_get_thread_limit() : KM_MAX_THREADS;
    const int n = asked < limit ? asked : limit;
    const size_t stack = stack_of_environment();
    pthread_attr_t attributes;
    int reason = n_threads > 0 && km_fault("make a thread") ? errno : 0;
    trial->count = 0;
    trial->n = n < n_kept ? n : n_kept;
    pthread_mutex_init(&trial->gate, NULL);
    pthread_mutex_lock(&trial->gate);
    pthread_attr_init(&attributes);
    if (stack > 0)
        pthread_attr_setstacksize(&attributes, stack); /* OpenMP warns if it is too small */
    while (reason == 0 && trial->n < n) {
        reason = pthread_create(&trial->threads[trial->count], &attributes, wait_at_gate, trial);
        trial->count += reason == 0;
        trial->n += reason == 0;
    }
    pthread_attr_destroy(&attributes);
    if (reason != 0 && n_threads > 0)
        km_fail(
            error, KM_MEMORY,
            "can't make threads (%d of %d): %s; use fewer (--threads, OMP_NUM_THREADS), a higher "
            "limit of processes (ulimit -u), or a smaller OMP_STACKSIZE",
            trial->n, n, strerror(reason));
    return error->code;
}

void km_trial_end(km_trial *trial)
{
    pthread_mutex_unlock(&trial->gate);
    for (int i = 0; i < trial->count; i++)
        pthread_join(trial->threads[i], NULL);
    pthread_mutex_destroy(&trial->gate);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Sets rounding and denormals to the IEEE defaults in each thread. Returns the number of threads,
 * which may be fewer than n_threads. Saves the settings before to `environments`, unless NULL. */
static int start_threads(int n_threads, fenv_t *environments)
{
    int n_started = 1;
    assert(1 <= n_threads && n_threads <= KM_MAX_THREADS);
    omp_set_dynamic(0);
    omp_set_num_threads(n_threads);
#pragma omp parallel
    {
        if (environments != NULL)
            fegetenv(&environments[omp_get_thread_num()]);
        fesetenv(FE_DFL_ENV);
#pragma omp single
        n_started = omp_get_num_threads();
    }
    omp_set_num_threads(n_started);
    n_kept = n_started;
    return n_started;
}

void km_threads_start(int n_threads)
{
    start_threads(n_threads, NULL);
}

/* How many of so many threads can be had. A process forked from one that has had several is left
 * with one: it has libgomp's list of the threads, but not the threads, and would wait for them for
 * ever. */
static int threads_after_fork(int n_threads)
{
    static _Atomic pid_t first; /* the process that has had several; 0: none */
    const pid_t own = getpid();
    pid_t none = 0;
    if (n_threads > 1)
        atomic_compare_exchange_strong(&first, &none, own);
    return first == 0 || first == own ? n_threads : 1;
}

km_code km_team_begin(km_team *team, int n_threads, km_error *error)
{
    *team = (km_team){.n_before = omp_get_max_threads(), .was_dynamic = omp_get_dynamic()};
    const int n = n_threads > 0 ? n_threads : team->n_before;
    const int n_max = threads_after_fork(n < KM_MAX_THREADS ? n : KM_MAX_THREADS);
    team->environments = km_allocate(n_max, sizeof *team->environments, "threads", error);
    if (team->environments != NULL)
        team->n = start_threads(n_max, team->environments);
    return error->code;
}

void km_team_end(km_team *team)
{
    if (team->environments == NULL)
        return;
#pragma omp parallel
    fesetenv(&team->environments[omp_get_thread_num()]);
    omp_set_num_threads(team->n_before);
    omp_set_dynamic(team->was_dynamic);
    free(team->environments);
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
