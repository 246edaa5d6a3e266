/* threads.h - threads of a rank.
 *
 * Loops over samples run on OpenMP threads. Sums of threads are exact or counts, so that no result
 * depends on how many there are. */
#ifndef SKYMEANS_BASE_THREADS_H
#define SKYMEANS_BASE_THREADS_H

#include "base/partition.h"

enum { KM_MOST_THREADS = 1024 };

/* The loops of this thread will use so many from now on, 1 to KM_MOST_THREADS, or fewer if OpenMP
 * gives fewer (OMP_THREAD_LIMIT); sets rounding and denormals to the IEEE defaults in each, since
 * libraries change them. */
void km_threads_start(int n_threads);

int km_threads(void);     /* that loops will use */
int km_thread(void);      /* this one's number, from 0 */
int km_threads_now(void); /* in the loop that runs now */

/* The part of `count` things that this thread works on: whole blocks but for the last, in order. */
km_rows km_thread_share(int64_t count);

#endif
