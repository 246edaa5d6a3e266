/* heap.h - the heap of the process. */
#ifndef SKYMEANS_PROCESS_HEAP_H
#define SKYMEANS_PROCESS_HEAP_H

#include <stdint.h>

/* Sets up the allocator, once at the start. Freed memory is kept for the next array, since touching
 * new pages costs more than most of what is done with them. All threads use one heap, since the
 * others can not return all that was freed. km_memory_return then gives freed memory back to the
 * system, so the peak of a run is that of its largest step, which --dry-run can predict. */
void km_memory_start(void);

/* Bytes of memory that this process has in use, and its maximum so far; 0 if Linux does not say. */
int64_t km_memory_now(void);
int64_t km_memory_peak(void);

/* Bytes of memory that all processes of this job may use on this node: what there is, or less if a
 * control group (as Slurm makes them) allows less. */
double km_memory_of_node(void);

#endif
