/* Hash tables of distinct labels, and of pairs of labels with their counts. */
#include "compare/column.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

/* ---- labels ---------------------------------------------------------------------------------- */

/* The slot of a label, or the free one where it belongs. */
static int64_t find_label_slot(const km_dictionary *dictionary, const km_label *label)
{
    const uint64_t mask = (uint64_t)dictionary->capacity - 1;
    uint64_t slot = km_mix(label->low ^ km_mix(label->high)) & mask;
    while (dictionary->slots[slot] >= 0 &&
           !km_label_is_same(&dictionary->labels[dictionary->slots[slot]], label))
        slot = (slot + 1) & mask;
    return (int64_t)slot;
}

/* Makes place for another label: at most half of the slots are taken. */
static km_code grow_dictionary(km_dictionary *dictionary, km_error *error)
{
    if (2 * dictionary->count < dictionary->capacity)
        return KM_OK;
    km_dictionary larger = {.count = dictionary->count,
                            .capacity = dictionary->capacity > 0 ? 2 * dictionary->capacity
                                                                 : FIRST_CAPACITY};
    if (larger.capacity > INT32_MAX)
        return km_fail(error, KM_DATA,
                       "too many labels (%lld so far): most values are labels of their own; name "
                       "another column",
                       (long long)dictionary->count);
    larger.labels = km_allocate(larger.capacity / 2, sizeof *larger.labels, "labels", error);
    larger.slots = km_allocate(larger.capacity, sizeof *larger.slots, "labels", error);
    if (error->code != KM_OK) {
        km_dictionary_free(&larger);
        return error->code;
    }
    memset(larger.slots, 0xff, (size_t)larger.capacity * sizeof *larger.slots);
    for (int64_t i = 0; i < dictionary->count; i++) {
        larger.labels[i] = dictionary->labels[i];
        larger.slots[find_label_slot(&larger, &larger.labels[i])] = (int32_t)i;
    }
    km_dictionary_free(dictionary);
    *dictionary = larger;
    return KM_OK;
}

int32_t km_dictionary_add(km_dictionary *dictionary, const km_label *label, km_error *error)
{
    if (grow_dictionary(dictionary, error) != KM_OK)
        return -1;
    int32_t *slot = &dictionary->slots[find_label_slot(dictionary, label)];
    if (*slot < 0) {
        *slot = (int32_t)dictionary->count;
        dictionary->labels[dictionary->count++] = *label;
    }
    return *slot;
}

void km_dictionary_free(km_dictionary *dictionary)
{
    free(dictionary->labels);
    free(dictionary->slots);
    *dictionary = (km_dictionary){0};
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static km_cell *find_pair(const km_pair_counts *pairs, int32_t a, int32_t b)
{
    const uint64_t mask = (uint64_t)pairs->capacity - 1;
    uint64_t slot = km_mix((uint64_t)(uint32_t)a << 32 | (uint32_t)b) & mask;
    while (pairs->slots[slot].count > 0 && (pairs->slots[slot].a != a || pairs->slots[slot].b != b))
        slot = (slot + 1) & mask;
    return &pairs->slots[slot];
}

static km_code grow_pairs(km_pair_counts *pairs, km_error *error)
{
    if (2 * pairs->count < pairs->capacity)
        return KM_OK;
    km_pair_counts larger = {.count = pairs->count,
                             .capacity =
                                 pairs->capacity > 0 ? 2 * pairs->capacity : FIRST_CAPACITY};
    larger.slots =
        km_allocate_zeroed(larger.capacity, sizeof *larger.slots, "pairs of labels", error);
    if (larger.slots == NULL)
        return error->code;
    for (int64_t i = 0; i < pairs->capacity; i++)
        if (pairs->slots[i].count > 0)
            *find_pair(&larger, pairs->slots[i].a, pairs->slots[i].b) = pairs->slots[i];
    free(pairs->slots);
    *pairs = larger;
    return KM_OK;
}

double km_pairs_bytes(double n_pairs)
{
    double capacity = FIRST_CAPACITY;
    while (capacity < 2 * n_pairs)
        capacity *= 2;
    return capacity * (double)sizeof(km_cell);
}

static km_code add_pair_count(km_pair_counts *pairs, km_cell more, km_error *error)
{
    if (grow_pairs(pairs, error) != KM_OK)
        return error->code;
    km_cell *cell = find_pair(pairs, more.a, more.b);
    pairs->count += cell->count == 0;
    *cell = (km_cell){more.a, more.b, cell->count + more.count};
    return KM_OK;
}

km_code km_pairs_add(km_pair_counts *pairs, int32_t a, int32_t b, km_error *error)
{
    return add_pair_count(pairs, (km_cell){a, b, 1}, error);
}

km_code km_pairs_add_all(km_pair_counts *pairs, const km_pair_counts *others, km_error *error)
{
    for (int64_t i = 0; i < others->capacity && error->code == KM_OK; i++)
        if (others->slots[i].count > 0)
            add_pair_count(pairs, others->slots[i], error);
    return error->code;
}

void km_pairs_free(km_pair_counts *pairs)
{
    free(pairs->slots);
    *pairs = (km_pair_counts){0};
}
