/* Injected failures, in builds for tests. */
#include "base/fault.h"

#ifdef KM_FAULTS

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool km_fault(const char *place)
{
    const char *wanted = getenv("KM_FAULT");
    if (wanted == NULL || strcmp(wanted, place) != 0)
        return false;
    errno = EIO; /* messages print it */
    return true;
}

static int64_t n_allocations;

void km_fault_start(void)
{
    n_allocations = 0;
}

bool km_fault_of_allocation(void)
{
    const char *wanted = getenv("KM_FAULT_ALLOCATION");
    return wanted != NULL &&
           __atomic_add_fetch(&n_allocations, 1, __ATOMIC_RELAXED) == atoll(wanted);
}

#endif
