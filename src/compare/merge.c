/* Merges sorted arrays of all ranks, two at a time, as a tree with rank 0 at its root. */
#include "compare/column.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Joins neighbours that are equal in a sorted array; returns how many are left. */
static int64_t join_equal(const km_merging *merging, char *elements, int64_t count)
{
    const size_t size = merging->size;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        char *last = elements + (size_t)(n - 1) * size, *next = elements + (size_t)i * size;
        if (n == 0 || merging->order(last, next) != 0)
            memmove(elements + (size_t)n++ * size, next, size);
        else if (merging->join != NULL)
            merging->join(last, next);
    }
    return n;
}

/* Merges two sorted arrays into a third, in which equal elements are still apart. */
static void merge_two(const km_merging *merging, const char *a, int64_t n_a, const char *b,
                      int64_t n_b, char *to)
{
    const size_t size = merging->size;
    const char *end_a = a + (size_t)n_a * size, *end_b = b + (size_t)n_b * size;
    for (; a < end_a || b < end_b; to += size) {
        const bool is_a = b == end_b || (a < end_a && merging->order(a, b) <= 0);
        memcpy(to, is_a ? a : b, size);
        *(is_a ? &a : &b) += size;
    }
}

/* In pieces, since a message has at most 2^31 - 1 bytes. */
enum { MESSAGE_BYTES = 1 << 30 };

static void send_array(MPI_Comm comm, int to, const char *data, int64_t bytes)
{
    for (int64_t left = bytes; left > 0; left -= MESSAGE_BYTES, data += MESSAGE_BYTES)
        km_send(comm, to, data, left < MESSAGE_BYTES ? left : MESSAGE_BYTES);
}

static void receive_array(MPI_Comm comm, int from, char *data, int64_t bytes)
{
    for (int64_t left = bytes; left > 0; left -= MESSAGE_BYTES, data += MESSAGE_BYTES)
        km_receive(comm, from, data, left < MESSAGE_BYTES ? left : MESSAGE_BYTES);
}

/* This rank's part in one level of the tree: it receives from rank `from`, or sends to rank `to`;
 * -1: it does not. Collective. */
static km_code merge_level(const km_merging *merging, void **elements, int64_t *count, int from,
                           int to, MPI_Comm comm, km_error *error)
{
    const size_t size = merging->size;
    int64_t n_other = 0;
    char *other = NULL, *all = NULL;
    if (to >= 0)
        km_send(comm, to, count, sizeof *count);
    if (from >= 0) {
        km_receive(comm, from, &n_other, sizeof n_other);
        other = km_allocate(n_other, size, merging->what, error);
        all = km_allocate(*count + n_other, size, merging->what, error);
    }
    if (km_agree(comm, error) == KM_OK && to >= 0) {
        send_array(comm, to, *elements, *count * (int64_t)size);
        *count = 0;
    } else if (error->code == KM_OK && from >= 0) {
        receive_array(comm, from, other, n_other * (int64_t)size);
        merge_two(merging, *elements, *count, other, n_other, all);
        *count = join_equal(merging, all, *count + n_other);
        free(*elements);
        *elements = all;
        all = NULL;
    }
    free(other);
    free(all);
    return error->code;
}

km_code km_merge_ranks(const km_merging *merging, void **elements, int64_t *count, MPI_Comm comm,
                       km_error *error)
{
    const int64_t n_ranks = km_comm_size(comm), rank = km_comm_rank(comm);
    if (*count > 0)
        qsort(*elements, (size_t)*count, merging->size, merging->order);
    *count = join_equal(merging, *elements, *count);
    for (int64_t step = 1; step < n_ranks && error->code == KM_OK; step *= 2) {
        const bool is_receiver = rank % (2 * step) == 0 && rank + step < n_ranks;
        const bool is_sender = rank % (2 * step) == step;
        merge_level(merging, elements, count, is_receiver ? (int)(rank + step) : -1,
                    is_sender ? (int)(rank - step) : -1, comm, error);
    }
    return error->code;
}

/* ---- pairs of labels ------------------------------------------------------------------------- */

static int cell_order(const void *a, const void *b)
{
    const km_cell *x = a, *y = b;
    return x->a != y->a ? (x->a < y->a ? -1 : 1) : x->b < y->b ? -1 : x->b > y->b;
}

static void join_cells(void *a, const void *b)
{
    ((km_cell *)a)->count += ((const km_cell *)b)->count;
}

km_code km_pairs_gather(const km_pair_counts *pairs, km_cell **cells, int64_t *n_cells,
                        MPI_Comm comm, km_error *error)
{
    static const km_merging merging = {sizeof(km_cell), "pairs of labels", cell_order, join_cells};
    km_cell *own = km_allocate(pairs->count, sizeof *own, merging.what, error);
    *n_cells = 0;
    for (int64_t i = 0; i < pairs->capacity && own != NULL; i++)
        if (pairs->slots[i].count > 0)
            own[(*n_cells)++] = pairs->slots[i];
    void *elements = own;
    if (km_agree(comm, error) == KM_OK)
        km_merge_ranks(&merging, &elements, n_cells, comm, error);
    *cells = elements;
    return error->code;
}
