/* Matches rows by their ids: each id belongs to a rank, to which both sides send their rows. */
#include "compare/column.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- exchange -------------------------------------------------------------------------------- */

enum { WORDS = KM_IDENTIFIED_WORDS };

/* Counts and starts of messages, [n_ranks] each, in words. */
typedef struct messages {
    int *sent, *sent_starts, *received, *received_starts;
    km_identified *buffer; /* [rows of a round], rows in the order of the ranks that get them */
} messages;

static uint64_t hash_of_id(const km_identified *row)
{
    return km_mix(row->low ^ km_mix(row->high));
}

/* The high bits say the rank, since the low ones say the slot in a hash table. */
static int owner_of(const km_identified *row, int n_ranks)
{
    return (int)((hash_of_id(row) >> 32) * (uint64_t)n_ranks >> 32);
}

static void find_starts(const int *counts, int *starts, int n_ranks)
{
    starts[0] = 0;
    for (int r = 1; r < n_ranks; r++)
        starts[r] = starts[r - 1] + counts[r - 1];
}

/* Sorts some rows by the rank that gets them. */
static void pack_rows(messages *m, const km_identified *rows, int64_t n_rows, int n_ranks)
{
    memset(m->sent, 0, (size_t)n_ranks * sizeof *m->sent);
    for (int64_t i = 0; i < n_rows; i++)
        m->sent[owner_of(&rows[i], n_ranks)] += WORDS;
    find_starts(m->sent, m->sent_starts, n_ranks);
    for (int64_t i = 0; i < n_rows; i++) {
        int *start = &m->sent_starts[owner_of(&rows[i], n_ranks)];
        m->buffer[*start / WORDS] = rows[i];
        *start += WORDS;
    }
    find_starts(m->sent, m->sent_starts, n_ranks);
}

/* Exchanges some rows, and appends those that come to *received. Collective. */
static km_code exchange_rows(messages *m, const km_identified *rows, int64_t n_rows,
                             km_identified **received, int64_t *n_received, MPI_Comm comm,
                             km_error *error)
{
    const int n_ranks = km_comm_size(comm);
    pack_rows(m, rows, n_rows, n_ranks);
    km_exchange_counts(comm, m->sent, m->received);
    find_starts(m->received, m->received_starts, n_ranks);
    const int n_words = m->received_starts[n_ranks - 1] + m->received[n_ranks - 1];
    const int64_t n_all = *n_received + n_words / WORDS;
    km_identified *larger = realloc(*received, (size_t)(n_all + 1) * sizeof *larger);
    if (larger == NULL)
        km_fail(error, KM_MEMORY, "out of memory (%lld rows): matching ids; use more nodes",
                (long long)n_all);
    else
        *received = larger;
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_exchange_words(comm, (const uint32_t *)m->buffer, m->sent, m->sent_starts,
                      (uint32_t *)(*received + *n_received), m->received, m->received_starts);
    *n_received = n_all;
    return KM_OK;
}

km_code km_send_by_id(const km_identified *rows, int64_t n_rows, km_identified **received,
                      int64_t *n_received, MPI_Comm comm, km_error *error)
{
    const int n_ranks = km_comm_size(comm);
    const int64_t at_once = km_rows_of_round(n_ranks);
    const char *what = "matching ids";
    int64_t n_rounds = (n_rows + at_once - 1) / at_once;
    int *counts = km_allocate(4 * (int64_t)n_ranks, sizeof *counts, what, error);
    messages m = {
        .buffer = km_allocate(n_rows < at_once ? n_rows : at_once, sizeof *m.buffer, what, error)};
    *received = NULL;
    *n_received = 0;
    if (km_agree(comm, error) == KM_OK) {
        m.sent = counts;
        m.sent_starts = counts + n_ranks;
        m.received = counts + 2 * n_ranks;
        m.received_starts = counts + 3 * n_ranks;
        km_max_int64(comm, &n_rounds, 1);
    }
    for (int64_t r = 0; r < n_rounds && error->code == KM_OK; r++) {
        const int64_t first = r * at_once < n_rows ? r * at_once : n_rows;
        const int64_t left = n_rows - first;
        exchange_rows(&m, rows + first, left < at_once ? left : at_once, received, n_received, comm,
                      error);
    }
    free(counts);
    free(m.buffer);
    return error->code;
}

/* ---- join ------------------------------------------------------------------------------------ */

/* Rows in a hash table with open addressing. */
typedef struct id_table {
    const km_identified **slots;
    uint64_t mask;
} id_table;

static const km_identified **find_identified(const id_table *table, const km_identified *row)
{
    uint64_t slot = hash_of_id(row) & table->mask;
    while (table->slots[slot] != NULL &&
           (table->slots[slot]->low != row->low || table->slots[slot]->high != row->high))
        slot = (slot + 1) & table->mask;
    return &table->slots[slot];
}

/* Puts the rows into a table. KM_DATA if an id occurs twice. */
static km_code fill_id_table(id_table *table, const km_identified *rows, int64_t n_rows,
                             const char *file, km_error *error)
{
    int64_t capacity = 2;
    while (capacity < 2 * n_rows)
        capacity *= 2;
    *table = (id_table){
        .slots = km_allocate_zeroed(capacity, sizeof *table->slots, "matching ids", error),
        .mask = (uint64_t)capacity - 1};
    for (int64_t i = 0; i < n_rows && error->code == KM_OK; i++) {
        const km_identified **slot = find_identified(table, &rows[i]);
        if (*slot != NULL)
            return km_fail(error, KM_DATA,
                           "ids occur twice (%s, ids, rows %lld and %lld): rows can't be matched "
                           "by them; run it again with another --id, or without",
                           file,
                           (long long)((*slot)->row < rows[i].row ? (*slot)->row : rows[i].row),
                           (long long)((*slot)->row < rows[i].row ? rows[i].row : (*slot)->row));
        *slot = &rows[i];
    }
    return error->code;
}

km_code km_join_by_id(const km_identified *a, int64_t n_a, const km_identified *b, int64_t n_b,
                      const char *const files[2], km_pair_counts *pairs, int64_t *n_pairs,
                      km_error *error)
{
    id_table table = {0};
    *n_pairs = 0;
    fill_id_table(&table, a, n_a, files[0], error); /* only to find ids that occur twice */
    free(table.slots);
    table.slots = NULL;
    if (error->code == KM_OK)
        fill_id_table(&table, b, n_b, files[1], error);
    for (int64_t i = 0; i < n_a && error->code == KM_OK; i++) {
        const km_identified *other = *find_identified(&table, &a[i]);
        if (other == NULL)
            continue;
        (*n_pairs)++;
        km_pairs_add(pairs, (int32_t)a[i].label, (int32_t)other->label, error);
    }
    free(table.slots);
    return error->code;
}
