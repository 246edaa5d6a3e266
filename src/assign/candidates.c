/* Lists of centers that are left for a box. */
#include "base/memory.h"
#include "base/precision.h"
#include "tree.h"

#include <stdlib.h>

void km_candidates_create(candidates *list, const km_samples *samples, int64_t k, km_error *error)
{
    const size_t size = (size_t)samples->n_features * km_precision_size(samples->precision);
    list->numbers = km_allocate(k, sizeof *list->numbers, "candidates of boxes", error);
    list->centers = km_allocate(k, size, "candidates of boxes", error);
}

void km_candidates_free(candidates *list)
{
    free(list->numbers);
    free(list->centers);
}

void km_candidates_add(candidates *to, const candidates *from, int64_t c, size_t center_size)
{
    to->numbers[to->count] = from->numbers != NULL ? from->numbers[c] : (int32_t)c;
    memcpy((char *)to->centers + (size_t)to->count * center_size,
           (const char *)from->centers + (size_t)c * center_size, center_size);
    to->count++;
}

void km_candidates_take(candidates *to, const candidates *from, const uint16_t *kept, int64_t box,
                        size_t center_size)
{
    to->count = 0;
    for (int64_t c = 0; c < from->count; c++)
        if ((kept[c] >> box & 1) != 0)
            km_candidates_add(to, from, c, center_size);
}
