/* threads.h - threads of a rank. All functions are local.
 *
 * Loops over samples run on OpenMP threads. What threads sum are counts or exact sums, so no result
 * depends on the number of threads. */
#ifndef SKYMEANS_BASE_THREADS_H
#define SKYMEANS_BASE_THREADS_H

#include "base/error.h"
#include "base/partition.h"

#include <fenv.h>
#include <pthread.h>

enum { KM_MAX_THREADS = 1024 };

/* A trial makes threads that only wait, to find out whether the system allows so many, since OpenMP
 * ends the process if it can't make its threads. If all ranks have begun a trial before one ends
 * it, the machine can hold the threads of all. KM_MEMORY if not; call km_trial_end also then. 0
 * threads: as many as OpenMP would use, or those of them that can be had. */
typedef struct km_trial {
    int n; /* threads that can be had, that of the caller included */
    int count;
    pthread_t threads[KM_MAX_THREADS];
    pthread_mutex_t gate; /* threads wait for it */
} km_trial;

km_code km_trial_begin(km_trial *trial, int n_threads, km_error *error);
void km_trial_end(km_trial *trial);

/* Sets the number of threads that the loops of this thread use from now on: 1 to KM_MAX_THREADS, or
 * fewer if OpenMP gives fewer (OMP_THREAD_LIMIT). Sets rounding and denormals to the IEEE defaults
 * in each of them, since libraries change them. */
void km_threads_start(int n_threads);

/* The same until km_team_end, which restores what was set before. 0 threads: as many as OpenMP
 * would use; in a process forked from one that has had several, one. KM_MEMORY; km_team_end may be
 * called also then. */
typedef struct km_team {
    int n_before, n;
    bool was_dynamic;
    fenv_t *environments; /* [n] */
} km_team;

km_code km_team_begin(km_team *team, int n_threads, km_error *error);
void km_team_end(km_team *team);

int km_threads(void);     /* how many threads a parallel loop will have */
int km_thread(void);      /* the number of the calling thread, from 0 */
int km_threads_now(void); /* how many threads the current parallel loop has */

/* The part of `count` samples that this thread of a parallel loop works on: whole blocks but for
 * the last, in the order of threads. */
km_rows km_thread_share(int64_t count);

#endif
