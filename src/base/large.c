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

int64_t km_count_read_large(void)
{
    return place_in_use != NULL ? place_in_use->count_read() : 0;
}
