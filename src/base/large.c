/* Arrays with an element for each sample of this rank. */
#include "base/large.h"

#include "base/memory.h"

#include <stdlib.h>

static const km_large_place *place_in_use;

void km_large_use(const km_large_place *place)
{
    place_in_use = place;
}

const km_large_place *km_large_in_use(void)
{
    return place_in_use;
}

void *km_allocate_large(int64_t count, size_t size, const char *what, km_error *error)
{
    return place_in_use != NULL ? place_in_use->allocate(count, size, what, error)
                                : km_allocate(count, size, what, error);
}

void km_free_large(void *array)
{
    if (place_in_use == NULL || !place_in_use->free(array))
        free(array);
}

void km_fetch_large(const void *first, size_t n_bytes)
{
    if (place_in_use != NULL)
        place_in_use->fetch(first, n_bytes);
}

void km_flush_run(km_large_run *run)
{
    if (run->first != NULL)
        km_fetch_large(run->first, (size_t)(run->end - run->first));
    *run = (km_large_run){NULL, NULL};
}

/* To read a little in vain takes less time than to begin anew. */
void km_fetch_in_run(km_large_run *run, const void *first, size_t n_bytes)
{
    enum { MAX_BYTES_BETWEEN = 1 << 15 };
    if (run->first != NULL && (const char *)first - run->end > MAX_BYTES_BETWEEN)
        km_flush_run(run);
    if (run->first == NULL)
        run->first = first;
    run->end = (const char *)first + n_bytes;
}

void km_leave_large(const void *first, size_t n_bytes)
{
    if (place_in_use != NULL)
        place_in_use->leave(first, n_bytes);
}

/* Pieces are so large that reading one takes longer than beginning to. */
void km_pass_large(const void *array, int64_t element, int64_t n_elements, size_t size)
{
    enum { PIECE = 1 << 18 };
    if (place_in_use == NULL)
        return;
    const int64_t of_piece = PIECE > size ? PIECE / (int64_t)size : 1;
    const int64_t left = n_elements - element, n = left < 2 * of_piece ? left : 2 * of_piece;
    const char *now = (const char *)array + (size_t)element * size;
    if (element % of_piece != 0)
        return;
    place_in_use->fetch(now, (size_t)n * size);
    if (element >= of_piece && (double)n_elements * (double)size > place_in_use->memory / 8)
        place_in_use->leave(now - (size_t)of_piece * size, (size_t)of_piece * size);
}

int64_t km_count_read_large(void)
{
    return place_in_use != NULL ? place_in_use->count_read() : 0;
}

int64_t km_count_reads_large(void)
{
    return place_in_use != NULL ? place_in_use->count_reads() : 0;
}
