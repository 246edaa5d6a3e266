/* fault.h - injected failures, for tests.
 *
 * Every system or library call that can fail on one rank is written `call() failed ||
 * km_fault("place")`. A build with KM_FAULTS fails at the place that the environment's KM_FAULT
 * names, and at the n-th allocation for KM_FAULT_ALLOCATION=n, counted from the first that is for
 * KM_FAULT_AFTER if that is set; tests walk all places. With KM_FAULT_FILL new memory is full of
 * NaN. Other builds contain none of it. */
#ifndef SKYMEANS_BASE_FAULT_H
#define SKYMEANS_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef KM_FAULTS
bool km_fault(const char *place);
bool km_fault_of_allocation(void);
void km_fault_start(void); /* allocations are counted from here, or else from the beginning */
bool km_fault_of_named(const char *what); /* of an allocation that says what it is for */
void km_fault_fill(void *memory, size_t bytes);
#else
static inline bool km_fault(const char *place)
{
    (void)place;
    return false;
}
static inline bool km_fault_of_allocation(void)
{
    return false;
}
static inline bool km_fault_of_named(const char *what)
{
    (void)what;
    return false;
}
static inline void km_fault_fill(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}
#endif

#endif
