/* Values of exchanged samples come back to the slabs of their rows, some rows of every slab at a
 * time: every fourth block of the catalogue, or every eighth if values are twice as long, so that
 * no rank gets or sends more than 4 bytes for each sample, whatever the order of the catalogue. */
#include "skymeans/samples.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1 << 22 }; /* of a slab in a round, about */

typedef struct homecoming {
    const km_samples *samples;
    MPI_Comm comm;
    int n_ranks;
    int64_t n_rows;   /* of the catalogue */
    int64_t n_rounds; /* a power of two; those of round r are blocks r, r + n_rounds, ... */
    int64_t n_words;  /* of a row's number and its value */
    int *next;        /* [n_threads][n_rounds][n_ranks], samples counted, then the next's place */
    int *counts, *received_counts; /* [n_rounds][n_ranks], words */
    int *starts, *received_starts; /* [n_ranks], of one round */
    uint32_t *sent, *received;     /* a row, and its value, and so on: room for any round */
} homecoming;

static const char *const WHAT = "values of the rows of this rank's slab";

static void create_counts(homecoming *h, km_error *error)
{
    const int64_t n = h->n_rounds * h->n_ranks;
    h->next = km_allocate_zeroed(km_threads() * n, sizeof *h->next, WHAT, error);
    h->counts = km_allocate(n, sizeof *h->counts, WHAT, error);
    h->received_counts = km_allocate(n, sizeof *h->counts, WHAT, error);
    h->starts = km_allocate(h->n_ranks, sizeof *h->starts, WHAT, error);
    h->received_starts = km_allocate(h->n_ranks, sizeof *h->starts, WHAT, error);
}

static void destroy(homecoming *h)
{
    free(h->next);
    free(h->counts);
    free(h->received_counts);
    free(h->starts);
    free(h->received_starts);
    free(h->sent);
    free(h->received);
}

static int64_t round_of(const homecoming *h, uint32_t row)
{
    return row / KM_BLOCK & (h->n_rounds - 1);
}

static int *next_of_thread(const homecoming *h, int64_t thread, int64_t round)
{
    return h->next + (thread * h->n_rounds + round) * h->n_ranks;
}

/* How many of each thread's samples go to each rank in each round. */
static void count(homecoming *h)
{
    const uint32_t *rows = h->samples->rows;
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(h->samples->n_samples);
        int *next = next_of_thread(h, km_thread(), 0);
        for (int64_t i = mine.first; i < mine.first + mine.count; i++)
            next[round_of(h, rows[i]) * h->n_ranks +
                 km_slab_owner(h->n_rows, h->n_ranks, rows[i])]++;
    }
}

/* Puts the samples of a round, and their values, where those for their rank are. */
static void pack(homecoming *h, int64_t round, const char *values)
{
    const size_t size = (size_t)(h->n_words - 1) * sizeof(uint32_t);
    const uint32_t *rows = h->samples->rows;
#pragma omp parallel
    {
        const km_rows mine = km_thread_share(h->samples->n_samples);
        int *next = next_of_thread(h, km_thread(), round);
        for (int64_t i = mine.first; i < mine.first + mine.count; i++) {
            if (round_of(h, rows[i]) != round)
                continue;
            const int64_t place = next[km_slab_owner(h->n_rows, h->n_ranks, rows[i])]++;
            uint32_t *item = h->sent + place * h->n_words;
            item[0] = rows[i];
            memcpy(item + 1, values + (size_t)i * size, size);
        }
    }
}

/* From how many samples of each thread go to each rank, where they begin, and the words for each.
 */
static void add_up(homecoming *h, int64_t round)
{
    int n = 0;
    for (int r = 0; r < h->n_ranks; r++) {
        const int first = n;
        for (int t = 0; t < km_threads(); t++) {
            int *next = &next_of_thread(h, t, round)[r];
            const int count_of_thread = *next;
            *next = n;
            n += count_of_thread;
        }
        h->counts[round * h->n_ranks + r] = (int)((n - first) * h->n_words);
    }
}

/* Where the words for each rank, or from each, begin. Returns how many there are. */
static int64_t find_starts(const homecoming *h, const int *counts, int *starts)
{
    int64_t n = 0;
    for (int r = 0; r < h->n_ranks; r++) {
        starts[r] = (int)n;
        n += counts[r];
    }
    return n;
}

static uint32_t *create_room(const homecoming *h, const int *counts, int *starts, km_error *error)
{
    int64_t most = 0;
    for (int64_t round = 0; round < h->n_rounds; round++) {
        const int64_t n = find_starts(h, counts + round * h->n_ranks, starts);
        most = n > most ? n : most;
    }
    return km_allocate(most, sizeof(uint32_t), WHAT, error);
}

/* What goes where in all rounds, and room for it. */
static km_code plan(homecoming *h, km_error *error)
{
    count(h);
    for (int64_t round = 0; round < h->n_rounds; round++) {
        const int64_t at = round * h->n_ranks;
        add_up(h, round);
        km_exchange_counts(h->comm, h->counts + at, h->received_counts + at);
    }
    h->sent = create_room(h, h->counts, h->starts, error);
    h->received = create_room(h, h->received_counts, h->received_starts, error);
    return km_agree(h->comm, error);
}

static void put(const homecoming *h, int64_t n, char *home)
{
    const size_t size = (size_t)(h->n_words - 1) * sizeof(uint32_t);
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) {
        const uint32_t *item = h->received + i * h->n_words;
        memcpy(home + (size_t)(item[0] - h->samples->slab.first) * size, item + 1, size);
    }
}

static void bring_round(homecoming *h, int64_t round, const char *values, char *home)
{
    const int *counts = h->counts + round * h->n_ranks;
    const int *received_counts = h->received_counts + round * h->n_ranks;
    find_starts(h, counts, h->starts);
    const int64_t n = find_starts(h, received_counts, h->received_starts);
    pack(h, round, values);
    km_exchange_words(h->comm, h->sent, counts, h->starts, h->received, received_counts,
                      h->received_starts);
    put(h, n / h->n_words, home);
}

/* Samples of this rank's own slab. */
static void put_own(const km_samples *samples, const char *values, size_t size, char *home)
{
#pragma omp parallel for
    for (int64_t i = 0; i < samples->n_samples; i++)
        memcpy(home + samples->rows[i] * size, values + (size_t)i * size, size);
}

km_code km_samples_bring_home(const km_samples *samples, const void *values, size_t size,
                              void *home, MPI_Comm comm, km_error *error)
{
    homecoming h = {.samples = samples,
                    .comm = comm,
                    .n_ranks = km_comm_size(comm),
                    .n_rows = samples->slab.count,
                    .n_rounds = (int64_t)size,
                    .n_words = 1 + (int64_t)(size / sizeof(uint32_t))};
    if (!samples->is_exchanged) {
        put_own(samples, values, size, home);
        return KM_OK;
    }
    km_sum_int64(comm, &h.n_rows, 1);
    while (h.n_rounds * MOST_ROWS * h.n_ranks < h.n_rows)
        h.n_rounds *= 2;
    create_counts(&h, error);
    if (km_agree(comm, error) == KM_OK && plan(&h, error) == KM_OK)
        for (int64_t round = 0; round < h.n_rounds; round++)
            bring_round(&h, round, values, home);
    destroy(&h);
    return error->code;
}
