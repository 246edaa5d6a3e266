/* Allocation that says what could not be had. */
#include "base/memory.h"

#include "base/error.h"
#include "base/fault.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

static void (*give_back_memory)(void);

void km_memory_when_returned(void (*give_back)(void))
{
    give_back_memory = give_back;
}

void km_memory_return(void)
{
    if (give_back_memory != NULL)
        give_back_memory();
}

static void out_of_memory(int64_t count, size_t size, const char *what, km_error *error)
{
    km_fail(
        error, KM_MEMORY,
        "out of memory (%s): %.6g MB can't be had; use more nodes, fewer ranks a node, or fewer "
        "features",
        what, 1e-6 * (double)count * (double)size);
}

void *km_allocate(int64_t count, size_t size, const char *what, km_error *error)
{
    size_t bytes;
    void *memory = NULL;
    if (!km_fault_of_named(what) && !__builtin_mul_overflow((size_t)count, size, &bytes) &&
        bytes <= PTRDIFF_MAX) {
        const size_t alignment = bytes >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : ALIGNMENT;
        if (posix_memalign(&memory, alignment, bytes > 0 ? bytes : 1) != 0)
            memory = NULL;
        /* Page faults dominate the first pass over large arrays; huge pages are only a hint. */
        else if (alignment == HUGE_PAGE)
            madvise(memory, bytes, MADV_HUGEPAGE);
        if (memory != NULL)
            km_fault_fill(memory, bytes);
    }
    if (memory == NULL)
        out_of_memory(count, size, what, error);
    return memory;
}

void *km_allocate_zeroed(int64_t count, size_t size, const char *what, km_error *error)
{
    void *memory = km_allocate(count, size, what, error);
    if (memory != NULL)
        memset(memory, 0, (size_t)count * size);
    return memory;
}

void *km_grow(void *array, int64_t count, size_t size, const char *what, km_error *error)
{
    if ((count & (count - 1)) != 0)
        return array; /* the capacity is a power of two, and used up only at one */
    const int64_t capacity = count > 0 ? 2 * count : 1;
    void *grown = km_fault_of_named(what) ? NULL : realloc(array, (size_t)capacity * size);
    if (grown != NULL)
        km_fault_fill((char *)grown + (size_t)count * size, (size_t)(capacity - count) * size);
    else
        out_of_memory(capacity, size, what, error);
    return grown;
}

void km_permute_rows(void *rows, void *spare, const int64_t *order, int64_t count, size_t size)
{
    memcpy(spare, rows, (size_t)count * size);
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)rows + (size_t)i * size, (const char *)spare + (size_t)order[i] * size,
               size);
}

bool km_is_order(const int64_t *order, int64_t count, km_error *error)
{
    bool *is_there = km_allocate_zeroed(count, sizeof *is_there, "order of rows", error);
    int64_t n = 0;
    for (; n < count && is_there != NULL; n++) {
        if (order[n] < 0 || order[n] >= count || is_there[order[n]])
            break;
        is_there[order[n]] = true;
    }
    free(is_there);
    return n == count;
}

char *km_copy_text(const char *text, const char *what, km_error *error)
{
    char *copy = km_allocate((int64_t)strlen(text) + 1, 1, what, error);
    if (copy != NULL)
        strcpy(copy, text);
    return copy;
}
