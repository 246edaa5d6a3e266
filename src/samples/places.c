/* The places of samples in catalogue order, whatever order they are in. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "blocks.h"

#include <assert.h>
#include <stdlib.h>

/* The used rows as bits, and how many are used before each 64 of them. */
struct map {
    uint64_t *bits;
    uint32_t *before;
};

static void fill_map(const km_samples *samples, struct map *map)
{
    uint32_t count = 0;
    for (int64_t i = 0; i < samples->n_samples; i++)
        map->bits[samples->rows[i] / 64] |= (uint64_t)1 << samples->rows[i] % 64;
    for (int64_t w = 0; w < km_blocks_of(samples->slab.count); w++) {
        map->before[w] = count;
        count += (uint32_t)__builtin_popcountll(map->bits[w]);
    }
}

uint32_t *km_samples_places(const km_samples *samples, km_error *error)
{
    assert(!samples->is_redistributed);
    const char *what = "catalogue order of samples";
    const int64_t n_words = km_blocks_of(samples->slab.count);
    uint32_t *places = km_allocate_large(samples->n_samples, sizeof *places, what, error);
    struct map map = {.bits = km_allocate_zeroed(n_words, sizeof *map.bits, what, error),
                      .before = km_allocate(n_words, sizeof *map.before, what, error)};
    if (error->code == KM_OK) {
        fill_map(samples, &map);
#pragma omp parallel for
        for (int64_t i = 0; i < samples->n_samples; i++) {
            const uint32_t row = samples->rows[i];
            const uint64_t lower = map.bits[row / 64] & (((uint64_t)1 << row % 64) - 1);
            places[i] = map.before[row / 64] + (uint32_t)__builtin_popcountll(lower);
        }
    } else {
        km_free_large(places);
        places = NULL;
    }
    free(map.bits);
    free(map.before);
    return places;
}
