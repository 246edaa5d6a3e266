/* Hash tables of columns by name, and of objects by their identity: open addressing, at most half
 * full. */
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_key(const void *bytes, size_t count)
{
    const unsigned char *b = bytes;
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ b[i]) * 0x100000001b3u;
    return km_mix(hash);
}

static int64_t slots_for(int64_t count)
{
    int64_t n = 8;
    while (n < 2 * count + 2)
        n *= 2;
    return n;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The slot of a name, or the empty slot where it would be. */
static int64_t slot_of_name(const km_names *names, const char *name)
{
    const uint64_t mask = (uint64_t)names->n_slots - 1;
    uint64_t slot = hash_key(name, strlen(name)) & mask;
    while (names->slots[slot] >= 0 &&
           strcmp(names->table->columns[names->slots[slot]].name, name) != 0)
        slot = (slot + 1) & mask;
    return (int64_t)slot;
}

km_code km_names_create(km_names *names, const km_table *table, km_error *error)
{
    const int64_t n = table->is_array ? 0 : table->n_columns;
    *names = (km_names){.table = table, .n_slots = slots_for(n)};
    names->slots = km_allocate(names->n_slots, sizeof *names->slots, "names of columns", error);
    if (names->slots == NULL)
        return error->code;
    memset(names->slots, 0xff, (size_t)names->n_slots * sizeof *names->slots);
    for (int64_t i = 0; i < n; i++) {
        const int64_t slot = slot_of_name(names, table->columns[i].name);
        if (names->slots[slot] < 0)
            names->slots[slot] = i;
    }
    return KM_OK;
}

int64_t km_names_find(const km_names *names, const char *name)
{
    return names->slots[slot_of_name(names, name)];
}

void km_names_free(km_names *names)
{
    free(names->slots);
    *names = (km_names){0};
}

/* ---- objects -------------------------------------------------------------------------------- */

static bool is_empty_slot(const km_object_id *id)
{
    static const km_object_id none;
    return memcmp(id, &none, sizeof none) == 0;
}

static int64_t slot_of_object(const km_object_set *set, const km_object_id *id)
{
    const uint64_t mask = (uint64_t)set->n_slots - 1;
    uint64_t slot = hash_key(id, sizeof *id) & mask;
    while (!is_empty_slot(&set->slots[slot]) && memcmp(&set->slots[slot], id, sizeof *id) != 0)
        slot = (slot + 1) & mask;
    return (int64_t)slot;
}

static km_code grow_object_set(km_object_set *set, km_error *error)
{
    if (2 * set->count < set->n_slots)
        return KM_OK;
    km_object_set larger = {.count = set->count, .n_slots = slots_for(2 * set->count + 64)};
    larger.slots =
        km_allocate_zeroed(larger.n_slots, sizeof *larger.slots, "list of objects", error);
    if (larger.slots == NULL)
        return error->code;
    for (int64_t i = 0; i < set->n_slots; i++)
        if (!is_empty_slot(&set->slots[i]))
            larger.slots[slot_of_object(&larger, &set->slots[i])] = set->slots[i];
    free(set->slots);
    *set = larger;
    return KM_OK;
}

bool km_object_set_add(km_object_set *set, const km_object_id *id, km_error *error)
{
    if (grow_object_set(set, error) != KM_OK)
        return false;
    const int64_t slot = slot_of_object(set, id);
    if (!is_empty_slot(&set->slots[slot]))
        return false;
    set->slots[slot] = *id;
    set->count++;
    return true;
}
