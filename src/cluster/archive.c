#include "cluster/archive.h"

#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

/* Returns the result of malloc or realloc, and records if it is NULL. */
static void *check_memory(km_archive *s, void *memory)
{
    s->is_out_of_memory = s->is_out_of_memory || memory == NULL;
    s->is_ok = s->is_ok && memory != NULL;
    return memory;
}

void km_transfer(km_archive *s, void *values, int64_t size)
{
    if (!s->is_ok || (s->is_reading && size > s->size - s->at)) {
        s->is_ok = false;
        return;
    }
    if (!s->is_reading && s->at + size > s->size) {
        s->size = 2 * (s->at + size);
        char *grown =
            check_memory(s, km_fault_of_allocation() ? NULL : realloc(s->bytes, (size_t)s->size));
        s->bytes = grown != NULL ? grown : s->bytes;
    }
    if (s->is_ok && s->is_reading)
        memcpy(values, s->bytes + s->at, (size_t)size);
    else if (s->is_ok)
        memcpy(s->bytes + s->at, values, (size_t)size);
    s->at += size;
}

void km_transfer_array(km_archive *s, void **values, int64_t count, size_t size)
{
    int64_t bytes;
    if (s->is_reading) {
        if (count < 0 || __builtin_mul_overflow(count, (int64_t)size, &bytes) ||
            bytes > s->size - s->at) {
            s->is_ok = false;
            return;
        }
        *values = check_memory(s, km_fault_of_allocation() ? NULL : malloc((size_t)bytes + 1));
    }
    km_transfer(s, *values, count * (int64_t)size);
}

void km_check(km_archive *s, bool is_right, const char *what)
{
    if (!s->is_reading || !s->is_ok || is_right)
        return;
    s->is_ok = false;
    s->wrong = what;
}
