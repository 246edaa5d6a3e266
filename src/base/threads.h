/* threads.h - threads of a rank.
 *
 * Loops over samples run on OpenMP threads. Sums of threads are exact or counts, so that no result
 * depends on how many there are. */
#ifndef SKYMEANS_BASE_THREADS_H
#define SKYMEANS_BASE_THREADS_H

#include "base/error.h"
#include "base/partition.h"

#include <fenv.h>
#include <pthread.h>

enum { KM_MOST_THREADS = 1024 };

/* Threads that do nothing, to see whether so many can be made: OpenMP would end the process. When
 * all ranks have begun a trial, so many can be on this machine. KM_MEMORY if not; then it is to be
 * ended, too. */
typedef struct km_trial {
    int count;
    pthread_t threads[KM_MOST_THREADS];
    pthread_mutex_t gate; /* at which they wait */
} km_trial;

km_code km_trial_begin(km_trial *trial, int n_threads, km_error *error);
void km_trial_end(km_trial *trial);

/* The loops of this thread will use so many from now on, 1 to KM_MOST_THREADS, or fewer if OpenMP
 * gives fewer (OMP_THREAD_LIMIT); sets rounding and denormals to the IEEE defaults in each, since
 * libraries change them. */
void km_threads_start(int n_threads);

/* The same for a time, after which all is as it was; 0 threads: as many as there are. KM_MEMORY. */
typedef struct km_team {
    int n_before, n;
    bool was_dynamic;
    fenv_t *environments; /* [n] */
} km_team;

km_code km_team_begin(km_team *team, int n_threads, km_error *error);
void km_team_end(km_team *team);

int km_threads(void);     /* that loops will use */
int km_thread(void);      /* this one's number, from 0 */
int km_threads_now(void); /* in the loop that runs now */

/* The part of `count` things that this thread works on: whole blocks but for the last, in order. */
km_rows km_thread_share(int64_t count);

#endif
