/* heap.h - the heap of the process. */
#ifndef SKYMEANS_PROCESS_HEAP_H
#define SKYMEANS_PROCESS_HEAP_H

#include <stdint.h>

/* Has memory that is freed kept for the next array instead of given back, since pages that were
 * never touched before cost more than most of what is done with them; and one heap for all threads,
 * since of others not all that was freed can be returned. From then on km_memory_return returns it
 * to the system, so that the peak of a run is what the step takes that needs most, which --dry-run
 * can tell. Once, at the start. */
void km_memory_start(void);

/* Bytes of memory that this process has in use, and the most it ever had; 0 if Linux does not
 * say. */
int64_t km_memory_now(void);
int64_t km_memory_peak(void);

#endif
