/* The state in a checkpoint: one walk writes it to bytes and reads it from them. */
#include "checkpoint.h"

#include <stdlib.h>
#include <string.h>

/* What malloc or realloc gave; remembers if that was nothing. */
static void *check_memory(km_archive *s, void *memory)
{
    s->is_out_of_memory = s->is_out_of_memory || memory == NULL;
    s->is_ok = s->is_ok && memory != NULL;
    return memory;
}

void km_archive_pass(km_archive *s, void *values, int64_t size)
{
    if (!s->is_ok || (s->is_reading && size > s->size - s->at)) {
        s->is_ok = false;
        return;
    }
    if (!s->is_reading && s->at + size > s->size) {
        const size_t room = (size_t)(2 * (s->at + size));
        char *grown = check_memory(s, km_fault_of_allocation() ? NULL : realloc(s->bytes, room));
        s->bytes = grown != NULL ? grown : s->bytes;
        s->size = 2 * (s->at + size);
    }
    if (s->is_ok && s->is_reading)
        memcpy(values, s->bytes + s->at, (size_t)size);
    else if (s->is_ok)
        memcpy(s->bytes + s->at, values, (size_t)size);
    s->at += size;
}

/* An array that is made when it is read. */
static void pass_new(km_archive *s, void **values, int64_t count, size_t size)
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
    km_archive_pass(s, *values, count * (int64_t)size);
}

#define PASS(stream, value)            km_archive_pass(stream, &(value), sizeof(value))
#define PASS_NEW(stream, array, count) pass_new(stream, (void **)&(array), count, sizeof *(array))

static void pass_state(km_archive *s, km_fit_state *state, int64_t n)
{
    PASS(s, state->n_iterations);
    PASS(s, state->n_words);
    if (state->n_iterations == 0)
        return;
    PASS_NEW(s, state->used, n);
    PASS_NEW(s, state->centers, n);
    PASS_NEW(s, state->history, state->n_iterations);
}

/* A fit without its labels. */
static void pass_fit(km_archive *s, km_fit *fit, int64_t k, int64_t n)
{
    PASS_NEW(s, fit->centers, n);
    PASS_NEW(s, fit->previous, n);
    PASS_NEW(s, fit->sizes, k);
    PASS_NEW(s, fit->weights, k);
    PASS(s, fit->n_refilled);
    PASS(s, fit->inertia);
    PASS(s, fit->n_iterations);
    PASS_NEW(s, fit->history, fit->n_iterations);
    PASS(s, fit->stop);
    PASS(s, fit->n_empty);
}

static void pass_restarts(km_archive *s, km_restarts *restarts, km_fit *best, int64_t most)
{
    const int64_t n = restarts->n_clusters * restarts->n_features;
    PASS(s, restarts->count);
    if (restarts->count < 0 || restarts->count > most)
        s->is_ok = false;
    if (!s->is_ok || restarts->count == 0)
        return;
    PASS(s, restarts->best);
    km_archive_pass(s, restarts->inertia, restarts->count * (int64_t)sizeof *restarts->inertia);
    km_archive_pass(s, restarts->n_iterations,
                    restarts->count * (int64_t)sizeof *restarts->n_iterations);
    km_archive_pass(s, restarts->centers, restarts->count * n * (int64_t)sizeof *restarts->centers);
    pass_fit(s, best, restarts->n_clusters, n);
}

void km_archive_checkpoint(km_archive *s, km_checkpoint *c, int64_t most_restarts)
{
    PASS(s, c->has_features_hash);
    PASS(s, c->features_hash);
    pass_state(s, &c->state, c->restarts->n_clusters * c->restarts->n_features);
    pass_restarts(s, c->restarts, c->best, most_restarts);
}
