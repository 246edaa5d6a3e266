/* A saved state is a line that says what it is, the problem as text, the numbers of km_state, and a
 * hash of all bytes before. The same functions write it and read it (archive.h). */
#include "cluster/cluster.h"

#include "base/fault.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/archive.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = "skymeans state 2\n";

/* ---- checks of what is read ------------------------------------------------------------------ */

static bool is_size(double value)
{
    return value >= 0 && value <= DBL_MAX;
}

static void check_finite(km_archive *s, const double *values, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count && s->is_ok; i++)
        km_check(s, isfinite(values[i]), what);
}

/* Centers that were rounded to float may be infinite, as given first centers may be too large. */
static void check_rounded(km_archive *s, const double *values, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count && s->is_ok; i++)
        km_check(s, !isnan(values[i]), what);
}

static void check_history(km_archive *s, const km_iteration *history, int64_t count, int64_t n_rows)
{
    for (int64_t i = 0; i < count && s->is_ok; i++) {
        const km_iteration *iteration = &history[i];
        km_check(s, iteration->number == i + 1, "numbers of iterations");
        km_check(s, iteration->inertia >= 0, "inertia of an iteration");
        km_check(s, !(iteration->shift < 0), "shift of an iteration");
        km_check(s, 0 <= iteration->relabeled && iteration->relabeled <= n_rows,
                 "count of relabeled rows");
        km_check(s, is_size(iteration->seconds), "time of an iteration");
        km_check(
            s, 0 <= iteration->most_distances && iteration->most_distances <= iteration->distances,
            "count of distances");
    }
}

/* Sizes are not negative, and their sum is at most the number of rows. */
static void check_sizes(km_archive *s, const km_fit *fit, int64_t k, int64_t n_rows)
{
    int64_t left = n_rows, n_empty = 0;
    for (int64_t c = 0; c < k && s->is_ok; c++) {
        km_check(s, 0 <= fit->sizes[c] && fit->sizes[c] <= left, "size of a cluster");
        km_check(s, is_size(fit->weights[c]), "weight of a cluster");
        left -= s->is_ok ? fit->sizes[c] : 0;
        n_empty += fit->weights[c] == 0;
    }
    km_check(s, fit->n_empty == n_empty, "count of empty clusters");
}

/* ---- parts of a state ------------------------------------------------------------------------ */

static void transfer_state(km_archive *s, km_fit_state *state, int64_t n, int64_t n_rows)
{
    TRANSFER(s, state->n_iterations);
    TRANSFER(s, state->n_words);
    km_check(s, state->n_iterations >= 0, "count of iterations");
    if (state->n_iterations == 0 || !s->is_ok)
        return;
    km_check(s, state->n_words == 1 || state->n_words == 2, "count of words");
    TRANSFER_ARRAY(s, state->used, n);
    TRANSFER_ARRAY(s, state->centers, n);
    TRANSFER_ARRAY(s, state->history, state->n_iterations);
    if (!s->is_reading || !s->is_ok)
        return;
    check_rounded(s, state->used, n, "centers that were used");
    check_finite(s, state->centers, n, "centers");
    check_history(s, state->history, state->n_iterations, n_rows);
}

/* A fit without its labels. */
static void transfer_fit(km_archive *s, km_fit *fit, int64_t k, int64_t n)
{
    TRANSFER_ARRAY(s, fit->centers, n);
    TRANSFER_ARRAY(s, fit->previous, n);
    TRANSFER_ARRAY(s, fit->sizes, k);
    TRANSFER_ARRAY(s, fit->weights, k);
    TRANSFER(s, fit->n_refilled);
    TRANSFER(s, fit->inertia);
    TRANSFER(s, fit->n_iterations);
    km_check(s, fit->n_iterations >= 1, "count of iterations of the best fit");
    TRANSFER_ARRAY(s, fit->history, fit->n_iterations);
    TRANSFER(s, fit->stop);
    TRANSFER(s, fit->n_empty);
}

static void transfer_balanced(km_archive *s, km_balanced *balanced, int64_t k)
{
    TRANSFER(s, *balanced);
    km_check(s, 1 <= balanced->n_fields && balanced->n_fields <= k, "count of fields");
    km_check(s, 0 <= balanced->n_straddling && balanced->n_straddling <= k, "count of clusters");
    km_check(s, is_size(balanced->lowest) && is_size(balanced->highest), "size of a cluster");
}

static void check_fit(km_archive *s, const km_fit *fit, int64_t k, int64_t n, int64_t n_rows)
{
    check_finite(s, fit->centers, n, "centers of the best fit");
    check_rounded(s, fit->previous, n, "centers before those of the best fit");
    check_sizes(s, fit, k, n_rows);
    km_check(s, 0 <= fit->n_refilled && fit->n_refilled <= k, "count of refilled clusters");
    check_history(s, fit->history, fit->n_iterations, n_rows);
    /* The best fit is one that ended by itself; stopped fits go on instead. */
    km_check(s, (int)fit->stop >= 0 && fit->stop <= KM_STOP_MAX_ITERATIONS,
             "reason why a fit stopped");
}

/* The best is the fit with the lowest inertia, and agrees with the list of all fits. */
static void check_restarts(km_archive *s, const km_restarts *restarts, const km_fit *best)
{
    const int64_t n = restarts->n_clusters * restarts->n_features, b = restarts->best;
    for (int64_t r = 0; r < restarts->count && s->is_ok; r++) {
        km_check(s, restarts->inertia[r] >= restarts->inertia[b], "inertia of a fit");
        km_check(s, restarts->inertia[r] >= 0, "inertia of a fit");
        km_check(s, restarts->n_iterations[r] >= 1, "count of iterations of a fit");
    }
    check_finite(s, restarts->centers, restarts->count * n, "centers of a fit");
    km_check(s, best->inertia == restarts->inertia[b], "inertia of the best fit");
    km_check(s, best->n_iterations == restarts->n_iterations[b],
             "count of iterations of the best fit");
    km_check(
        s, memcmp(best->centers, restarts->centers + b * n, (size_t)n * sizeof *best->centers) == 0,
        "centers of the best fit");
}

static void create_restarts(km_archive *s, km_restarts *restarts, int64_t k,
                            const km_state_key *key)
{
    km_error why = {0};
    const int64_t n_values = key->n_features + km_heights(km_balance_find(key->problem->balance));
    if (km_restarts_create(restarts, key->problem->restarts, k, n_values, &why) != KM_OK) {
        s->is_out_of_memory = true;
        s->is_ok = false;
    }
}

static void transfer_restarts(km_archive *s, km_restarts *restarts, km_fit *best,
                              const km_state_key *key)
{
    const int64_t k = restarts->n_clusters, n = k * restarts->n_features;
    TRANSFER(s, restarts->count);
    km_check(s, 0 <= restarts->count && restarts->count <= key->problem->restarts, "count of fits");
    if (!s->is_ok || restarts->count == 0)
        return;
    TRANSFER(s, restarts->best);
    km_check(s, 0 <= restarts->best && restarts->best < restarts->count, "number of the best fit");
    km_transfer(s, restarts->inertia, restarts->count * (int64_t)sizeof *restarts->inertia);
    km_transfer(s, restarts->n_iterations,
                restarts->count * (int64_t)sizeof *restarts->n_iterations);
    km_transfer(s, restarts->centers, restarts->count * n * (int64_t)sizeof *restarts->centers);
    transfer_fit(s, best, k, n);
    if (key->problem->balance != NULL)
        transfer_balanced(s, &best->balanced, k);
    if (!s->is_reading || !s->is_ok)
        return;
    check_fit(s, best, k, n, key->n_rows);
    check_restarts(s, restarts, best);
}

/* The criteria, centers and weights of the numbers of clusters that are done. */
static void transfer_choice_rows(km_archive *s, km_choices *choice)
{
    const int64_t row = km_choice_next(choice) + 1, first = km_choice_first(choice, row);
    const int64_t n = km_choice_first(choice, choice->count) - first, d = choice->n_features;
    for (int64_t i = row; i < choice->count; i++) {
        const int64_t k = choice->rows[i].n_clusters;
        TRANSFER(s, choice->rows[i]);
        km_check(s, choice->rows[i].n_clusters == k, "number of clusters");
        choice->rows[i].n_clusters = k;
        km_check(s, choice->rows[i].inertia >= 0, "inertia of a number of clusters");
        km_check(s, choice->rows[i].n_iterations >= 1, "count of iterations");
    }
    km_transfer(s, choice->centers + first * d, n * d * (int64_t)sizeof(double));
    km_transfer(s, choice->weights + first, n * (int64_t)sizeof(double));
    check_finite(s, choice->centers + first * d, s->is_reading ? n * d : 0, "centers of a fit");
    for (int64_t c = first; c < first + n && s->is_reading && s->is_ok; c++)
        km_check(s, is_size(choice->weights[c]), "weight of a cluster");
}

/* What is done of several numbers of clusters, with all fits of the best number. */
static void transfer_choice(km_archive *s, km_choices *choice, const km_state_key *key)
{
    if (choice->count == 0)
        return;
    TRANSFER(s, choice->n_done);
    km_check(s, 0 <= choice->n_done && choice->n_done < choice->count,
             "count of numbers of clusters");
    if (!s->is_ok || choice->n_done == 0)
        return;
    transfer_choice_rows(s, choice);
    TRANSFER(s, choice->best);
    km_check(s, km_choice_next(choice) < choice->best && choice->best < choice->count,
             "best number of clusters");
    if (s->is_ok && s->is_reading)
        create_restarts(s, &choice->restarts, choice->rows[choice->best].n_clusters, key);
    if (s->is_ok)
        transfer_restarts(s, &choice->restarts, &choice->fit, key);
    km_check(s, choice->restarts.count >= 1, "count of fits");
}

static void transfer_all(km_archive *s, km_state *state, const km_state_key *key)
{
    transfer_choice(s, &state->choice, key);
    if (s->is_ok && s->is_reading)
        create_restarts(s, &state->restarts,
                        state->choice.count > 0
                            ? state->choice.rows[km_choice_next(&state->choice)].n_clusters
                            : key->problem->n_clusters,
                        key);
    if (!s->is_ok)
        return;
    TRANSFER(s, state->features_hash);
    transfer_state(s, &state->next, state->restarts.n_clusters * state->restarts.n_features,
                   key->n_rows);
    transfer_restarts(s, &state->restarts, &state->best, key);
    /* No fit is running after the last one. */
    km_check(s, state->next.n_iterations == 0 || state->restarts.count < key->problem->restarts,
             "count of fits");
}

/* ---- the problem ----------------------------------------------------------------------------- */

/* Describes what must be the same for a call to go on, one line each. A new text, which the caller
 * frees; NULL if there is no memory. */
static char *describe_problem(const km_state_key *key)
{
    char *text = NULL;
    size_t size;
    FILE *file = km_fault_of_allocation() ? NULL : open_memstream(&text, &size);
    if (file == NULL)
        return NULL;
    fprintf(file, "rows: %lld\nfeatures: %lld\n", (long long)key->n_rows,
            (long long)key->n_features);
    km_problem_print(file, key->problem, key->n_features);
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static km_code compare_problems(const char *found, const char *asked, km_error *error)
{
    if (strcmp(found, asked) == 0)
        return KM_OK;
    km_text_difference(&found, &asked);
    return km_fail(error, KM_DATA,
                   "state of another problem: it has '%.*s', and now it is '%.*s'; solve that "
                   "problem, or begin anew without the state",
                   (int)strcspn(found, "\n"), found, (int)strcspn(asked, "\n"), asked);
}

/* ---- the whole state ------------------------------------------------------------------------- */

static km_code no_memory_for_state(km_error *error)
{
    return km_fail(error, KM_MEMORY, "out of memory (saved state): use fewer clusters");
}

char *km_state_write(const km_state *state, const km_state_key *key, size_t *size, km_error *error)
{
    km_archive s = {.is_ok = true};
    km_state copy = *state; /* not const, but writing changes nothing */
    char magic[sizeof MAGIC];
    memcpy(magic, MAGIC, sizeof magic);
    char *text = describe_problem(key);
    if (text == NULL) {
        no_memory_for_state(error);
        return NULL;
    }
    int64_t text_size = (int64_t)strlen(text) + 1;
    km_transfer(&s, magic, sizeof magic);
    TRANSFER(&s, text_size);
    km_transfer(&s, text, text_size);
    transfer_all(&s, &copy, key);
    if (s.is_ok) {
        uint64_t hash = km_hash_bytes(s.bytes, s.at);
        TRANSFER(&s, hash);
    }
    free(text);
    *size = (size_t)s.at;
    if (s.is_ok)
        return s.bytes;
    free(s.bytes);
    no_memory_for_state(error);
    return NULL;
}

static km_code damaged_state(const char *what, km_error *error)
{
    if (what == NULL)
        return km_fail(error, KM_DATA,
                       "damaged state: it is not whole, or none of this version of skymeans; begin "
                       "anew without it");
    return km_fail(error, KM_DATA,
                   "damaged state: its %s can't be what a call of this problem saved; begin anew "
                   "without it",
                   what);
}

/* Do the bytes begin as a state does, and is their hash right? */
static bool is_whole_state(const char *bytes, int64_t size)
{
    uint64_t hash;
    const int64_t n_hashed = size - (int64_t)sizeof hash;
    if (n_hashed < (int64_t)sizeof MAGIC || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return false;
    memcpy(&hash, bytes + n_hashed, sizeof hash);
    return km_hash_bytes(bytes, n_hashed) == hash;
}

/* Reads the text of the problem, in place; NULL if it is not a text. */
static const char *transfer_text(km_archive *s)
{
    int64_t size = 0;
    s->at = sizeof MAGIC;
    TRANSFER(s, size);
    const char *text = s->bytes + s->at;
    if (s->is_ok)
        km_check(s,
                 0 < size && size <= s->size - s->at &&
                     memchr(text, '\0', (size_t)size) == text + size - 1,
                 "problem");
    s->at += s->is_ok ? size : 0;
    return s->is_ok ? text : NULL;
}

km_code km_state_read(km_state *state, const void *bytes, size_t size, const km_state_key *key,
                      km_error *error)
{
    km_archive s = {.bytes = (char *)(uintptr_t)bytes, /* only read */
                    .size = (int64_t)size - (int64_t)sizeof(uint64_t),
                    .is_reading = true,
                    .is_ok = true};
    *state = (km_state){0};
    if (!is_whole_state(bytes, (int64_t)size))
        return damaged_state(NULL, error);
    if (km_choice_create(&state->choice, key->problem, key->n_features, error) != KM_OK)
        return error->code;
    char *asked = describe_problem(key);
    const char *found = transfer_text(&s);
    if (asked == NULL)
        no_memory_for_state(error);
    else if (found == NULL)
        damaged_state(s.wrong, error);
    else if (compare_problems(found, asked, error) == KM_OK) {
        transfer_all(&s, state, key);
        km_check(&s, s.at == s.size, "length");
        if (s.is_out_of_memory)
            no_memory_for_state(error);
        else if (!s.is_ok)
            damaged_state(s.wrong, error);
    }
    free(asked);
    return error->code;
}

void km_state_free(km_state *state)
{
    free(state->next.used);
    free(state->next.centers);
    free(state->next.history);
    km_restarts_free(&state->restarts);
    km_fit_free(&state->best);
    km_choice_free(&state->choice);
    *state = (km_state){0};
}
