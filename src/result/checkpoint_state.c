/* The state in a checkpoint: one walk writes it to bytes and reads it from them. */
#include "base/fault.h"
#include "base/timers.h"
#include "checkpoint.h"

#include <float.h>
#include <math.h>
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

/* ---- what a run can have written ---------------------------------------------------------------
 */

void km_archive_check(km_archive *s, bool is_right, const char *what)
{
    if (!s->is_reading || !s->is_ok || is_right)
        return;
    s->is_ok = false;
    s->wrong = what;
}

static bool is_size(double value)
{
    return value >= 0 && value <= DBL_MAX;
}

static void check_finite(km_archive *s, const double *values, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count && s->is_ok; i++)
        km_archive_check(s, isfinite(values[i]), what);
}

/* Centers that were rounded to float may be infinite, as the user's first centers may be. */
static void check_rounded(km_archive *s, const double *values, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count && s->is_ok; i++)
        km_archive_check(s, !isnan(values[i]), what);
}

static void check_history(km_archive *s, const km_iteration *history, int64_t count, int64_t n_rows)
{
    for (int64_t i = 0; i < count && s->is_ok; i++) {
        const km_iteration *iteration = &history[i];
        km_archive_check(s, iteration->number == i + 1, "numbers of iterations");
        km_archive_check(s, iteration->inertia >= 0, "inertia of an iteration");
        km_archive_check(s, !(iteration->shift < 0), "shift of an iteration");
        km_archive_check(s, 0 <= iteration->relabeled && iteration->relabeled <= n_rows,
                         "count of relabeled rows");
        km_archive_check(s, is_size(iteration->seconds), "time of an iteration");
    }
}

/* Each cluster has some of the rows, and all of them together no more than there are. */
static void check_clusters(km_archive *s, const km_fit *fit, int64_t k, int64_t n_rows)
{
    int64_t left = n_rows, n_empty = 0;
    for (int64_t c = 0; c < k && s->is_ok; c++) {
        km_archive_check(s, 0 <= fit->sizes[c] && fit->sizes[c] <= left, "size of a cluster");
        km_archive_check(s, is_size(fit->weights[c]), "weight of a cluster");
        left -= s->is_ok ? fit->sizes[c] : 0;
        n_empty += fit->weights[c] == 0;
    }
    km_archive_check(s, fit->n_empty == n_empty, "count of empty clusters");
}

/* ---- the walk ----------------------------------------------------------------------------------
 */

static void pass_state(km_archive *s, km_fit_state *state, int64_t n, int64_t n_rows)
{
    PASS(s, state->n_iterations);
    PASS(s, state->n_words);
    km_archive_check(s, state->n_iterations >= 0, "count of iterations");
    if (state->n_iterations == 0 || !s->is_ok)
        return;
    km_archive_check(s, state->n_words == 1 || state->n_words == 2, "count of words");
    PASS_NEW(s, state->used, n);
    PASS_NEW(s, state->centers, n);
    PASS_NEW(s, state->history, state->n_iterations);
    if (!s->is_reading || !s->is_ok)
        return;
    check_rounded(s, state->used, n, "centers that were used");
    check_finite(s, state->centers, n, "centers");
    check_history(s, state->history, state->n_iterations, n_rows);
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
    km_archive_check(s, fit->n_iterations >= 1, "count of iterations of the best fit");
    PASS_NEW(s, fit->history, fit->n_iterations);
    PASS(s, fit->stop);
    PASS(s, fit->n_empty);
}

static void check_fit(km_archive *s, const km_fit *fit, int64_t k, int64_t n, int64_t n_rows)
{
    check_finite(s, fit->centers, n, "centers of the best fit");
    check_rounded(s, fit->previous, n, "centers before those of the best fit");
    check_clusters(s, fit, k, n_rows);
    km_archive_check(s, 0 <= fit->n_refilled && fit->n_refilled <= k, "count of refilled clusters");
    check_history(s, fit->history, fit->n_iterations, n_rows);
    /* A fit that was stopped is not done, and goes on. */
    km_archive_check(s, (int)fit->stop >= 0 && fit->stop <= KM_STOP_MAX_ITERATIONS,
                     "reason why a fit stopped");
}

/* The best is one of the fits, and is what the list of them says of it. */
static void check_restarts(km_archive *s, const km_restarts *restarts, const km_fit *best)
{
    const int64_t n = restarts->n_clusters * restarts->n_features, b = restarts->best;
    for (int64_t r = 0; r < restarts->count && s->is_ok; r++) {
        km_archive_check(s, restarts->inertia[r] >= restarts->inertia[b], "inertia of a fit");
        km_archive_check(s, restarts->inertia[r] >= 0, "inertia of a fit");
        km_archive_check(s, restarts->n_iterations[r] >= 1, "count of iterations of a fit");
    }
    check_finite(s, restarts->centers, restarts->count * n, "centers of a fit");
    km_archive_check(s, best->inertia == restarts->inertia[b], "inertia of the best fit");
    km_archive_check(s, best->n_iterations == restarts->n_iterations[b],
                     "count of iterations of the best fit");
    km_archive_check(
        s, memcmp(best->centers, restarts->centers + b * n, (size_t)n * sizeof *best->centers) == 0,
        "centers of the best fit");
}

static void pass_restarts(km_archive *s, km_restarts *restarts, km_fit *best,
                          const km_archive_limits *most)
{
    const int64_t k = restarts->n_clusters, n = k * restarts->n_features;
    PASS(s, restarts->count);
    km_archive_check(s, 0 <= restarts->count && restarts->count <= most->n_restarts,
                     "count of fits");
    if (!s->is_ok || restarts->count == 0)
        return;
    PASS(s, restarts->best);
    km_archive_check(s, 0 <= restarts->best && restarts->best < restarts->count,
                     "number of the best fit");
    km_archive_pass(s, restarts->inertia, restarts->count * (int64_t)sizeof *restarts->inertia);
    km_archive_pass(s, restarts->n_iterations,
                    restarts->count * (int64_t)sizeof *restarts->n_iterations);
    km_archive_pass(s, restarts->centers, restarts->count * n * (int64_t)sizeof *restarts->centers);
    pass_fit(s, best, k, n);
    if (!s->is_reading || !s->is_ok)
        return;
    check_fit(s, best, k, n, most->n_rows);
    check_restarts(s, restarts, best);
}

/* The bytes of a file are no bool until they have been looked at. */
static void pass_truth(km_archive *s, bool *truth)
{
    uint8_t byte = *truth;
    PASS(s, byte);
    km_archive_check(s, byte <= 1, "word on the hash of the features");
    *truth = byte == 1;
}

static void pass_seconds(km_archive *s, km_timers *timers)
{
    PASS(s, timers->seconds);
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        km_archive_check(s, is_size(timers->seconds[phase]), "time of a phase");
}

/* What goes so far took. */
static void pass_past(km_archive *s, km_checkpoint *c)
{
    enum { MOST_GOES = 1000000000 };
    const double year_3000 = 32503680000;
    const int64_t most_bytes = INT64_MAX / 2; /* there is room for those of this go */
    PASS(s, c->started);
    PASS(s, c->past.n_goes);
    PASS(s, c->past.bytes_read);
    PASS(s, c->past.memory_peak);
    PASS(s, c->past.seconds);
    km_archive_check(s, 0 <= c->started && c->started < year_3000, "time of its beginning");
    km_archive_check(s, 1 <= c->past.n_goes && c->past.n_goes <= MOST_GOES, "count of goes");
    km_archive_check(s, 0 <= c->past.bytes_read && c->past.bytes_read <= most_bytes,
                     "count of bytes read");
    km_archive_check(s, 0 <= c->past.memory_peak && c->past.memory_peak <= most_bytes, "memory");
    km_archive_check(s, is_size(c->past.seconds), "time of all goes");
    pass_seconds(s, &c->past.least);
    pass_seconds(s, &c->past.mean);
    pass_seconds(s, &c->past.most);
}

void km_archive_checkpoint(km_archive *s, km_checkpoint *c, const km_archive_limits *most)
{
    pass_past(s, c);
    pass_truth(s, &c->has_features_hash);
    PASS(s, c->features_hash);
    pass_state(s, &c->state, c->restarts->n_clusters * c->restarts->n_features, most->n_rows);
    pass_restarts(s, c->restarts, c->best, most);
    /* Whoever has fitted has read the catalogue, and there is no fit after the last. */
    const bool has_begun = c->state.n_iterations > 0;
    km_archive_check(s, c->has_features_hash || (!has_begun && c->restarts->count == 0),
                     "hash of the features");
    km_archive_check(s, !has_begun || c->restarts->count < most->n_restarts, "count of fits");
    km_archive_check(s, s->at == s->size, "length");
}
