#include "skymeans/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

void *km_allocate(int64_t count, size_t size, const char *what, km_error *error)
{
    size_t bytes;
    void *memory = NULL;
    if (!__builtin_mul_overflow((size_t)count, size, &bytes) && bytes <= PTRDIFF_MAX) {
        const size_t alignment = bytes >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : ALIGNMENT;
        if (posix_memalign(&memory, alignment, bytes > 0 ? bytes : 1) != 0)
            memory = NULL;
        /* Page faults dominate the first pass over large arrays; huge pages are only a hint. */
        else if (alignment == HUGE_PAGE)
            madvise(memory, bytes, MADV_HUGEPAGE);
    }
    if (memory == NULL)
        km_fail(error, KM_MEMORY,
                "out of memory (%s): %lld x %zu bytes can't be allocated; use more ranks or nodes, "
                "or fewer features",
                what, (long long)count, size);
    return memory;
}

void *km_allocate_zeroed(int64_t count, size_t size, const char *what, km_error *error)
{
    void *memory = km_allocate(count, size, what, error);
    if (memory != NULL)
        memset(memory, 0, (size_t)count * size);
    return memory;
}
