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
static bool has_begun; /* has an allocation been for what KM_FAULT_AFTER says? */

void km_fault_start(void)
{
    n_allocations = 0;
    has_begun = false;
}

static bool is_the_wanted(void)
{
    const char *wanted = getenv("KM_FAULT_ALLOCATION");
    return wanted != NULL &&
           __atomic_add_fetch(&n_allocations, 1, __ATOMIC_RELAXED) == atoll(wanted);
}

bool km_fault_of_allocation(void)
{
    return getenv("KM_FAULT_AFTER") == NULL && is_the_wanted();
}

bool km_fault_of_named(const char *what)
{
    const char *after = getenv("KM_FAULT_AFTER");
    has_begun = has_begun || after == NULL || strcmp(after, what) == 0;
    return has_begun && is_the_wanted();
}

void km_fault_fill(void *memory, size_t bytes)
{
    if (getenv("KM_FAULT_FILL") != NULL)
        memset(memory, 0xff, bytes); /* NaN as float and as double, -1 as an integer */
}

#endif
