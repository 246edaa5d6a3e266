/* Saved states whose hash is right, whatever is in their fields. Ranks: 1. */
#include "mock.h"
#include "mpi_check.h"
#include "refusals.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/timers.h"
#include "cluster/cluster.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 2, D = 2, N = K * D, N_ROWS = 100, N_RESTARTS = 3, N_STATE = 2, N_BEST = 3 };

/* ---- a call that was stopped in its last fit ------------------------------------------------- */

typedef struct run {
    skymeans_problem problem;
    km_state_key key;
    km_state state;
    crafted written;
} run;

static void fill_history(km_iteration *history, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        history[i] = (km_iteration){i + 1, 9.0 - (double)i, 0.5, 7, 0.25, 300, 200};
}

static void fill_fits(run *r)
{
    km_error error = {0};
    ck_assert_all(km_restarts_create(&r->state.restarts, N_RESTARTS, K, D, &error) == KM_OK);
    for (int f = 0; f < 2; f++) {
        km_fit fit = {.n_iterations = N_BEST, .inertia = 5 - f, .stop = KM_STOP_NO_CHANGE};
        fit.centers = mock_memory(N, sizeof(double));
        fit.previous = mock_memory(N, sizeof(double));
        fit.sizes = mock_memory(K, sizeof(int64_t));
        fit.weights = mock_memory(K, sizeof(double));
        fit.history = mock_memory(N_BEST, sizeof(km_iteration));
        fit.sizes[0] = 60;
        fit.weights[0] = fit.weights[1] = 1;
        fit.sizes[1] = 40;
        fill_history(fit.history, N_BEST);
        km_restarts_take(&r->state.restarts, &fit, &r->state.best);
    }
}

/* ---- crafted bytes --------------------------------------------------------------------------- */

/* Reads bytes with the hash that they should have behind them. */
static km_code take(void *owner, const char *bytes, int64_t size, km_error *error)
{
    const run *r = owner;
    char whole[8192];
    const uint64_t hash = hash_bytes(bytes, size);
    km_state state;
    *error = (km_error){0};
    memcpy(whole, bytes, (size_t)size);
    memcpy(whole + size, &hash, sizeof hash);
    km_state_read(&state, whole, (size_t)size + sizeof hash, &r->key, error);
    if (error->code == KM_OK)
        ck_assert(state.restarts.best >= 0 && state.restarts.best < N_RESTARTS);
    km_state_free(&state);
    return error->code;
}

static void start(run *r)
{
    km_error error = {0};
    static double used[N] = {1, 2, 3, 4}, centers[N] = {1, 2, 3, 5};
    static km_iteration history[N_STATE];
    size_t size;
    int64_t text_size;
    const skymeans_problem problem = SKYMEANS_PROBLEM(K);
    *r = (run){.problem = problem};
    r->problem.restarts = N_RESTARTS;
    r->problem.seeding_rows = 1000;
    r->key = (km_state_key){&r->problem, N_ROWS, D};
    fill_history(history, N_STATE);
    fill_fits(r);
    r->state.features_hash = 99;
    r->state.next = (km_fit_state){N_STATE, 2, used, centers, history};
    r->written.bytes = km_state_write(&r->state, &r->key, &size, &error);
    ck_assert_msg(r->written.bytes != NULL, "%s", error.text);
    r->written.size = (int64_t)size;
    r->written.begin = (int64_t)strlen(r->written.bytes) + 1;
    memcpy(&text_size, r->written.bytes + r->written.begin, sizeof text_size);
    r->written.begin += (int64_t)sizeof text_size + text_size;
    r->written.run = r;
    r->written.take = take;
    r->written.refusal = "damaged state: ";
}

static void end(run *r)
{
    r->state.next = (km_fit_state){0};
    km_state_free(&r->state);
    free(r->written.bytes);
}

START_TEST(what_was_written_is_read)
{
    run r;
    km_state state;
    km_error error = {0};
    start(&r);
    ck_assert_int_eq(km_state_read(&state, r.written.bytes, (size_t)r.written.size, &r.key, &error),
                     KM_OK);
    ck_assert(state.features_hash == 99 && state.next.n_iterations == N_STATE);
    ck_assert(state.restarts.count == 2 && state.best.inertia == 4);
    km_state_free(&state);
    end(&r);
}
END_TEST

/* Each bit is part of what the hash says, but for those of the hash itself, which is all of it. */
START_TEST(no_changed_byte_is_taken)
{
    run r;
    start(&r);
    for (int64_t i = 0; i < r.written.size; i++) {
        km_state state;
        km_error error = {0};
        r.written.bytes[i] = (char)(r.written.bytes[i] ^ (1 << i % 8));
        km_state_read(&state, r.written.bytes, (size_t)r.written.size, &r.key, &error);
        ck_assert_fails(error, KM_DATA, "damaged state");
        km_state_free(&state);
        r.written.bytes[i] = (char)(r.written.bytes[i] ^ (1 << i % 8));
    }
    end(&r);
}
END_TEST

START_TEST(a_state_of_another_problem_is_named)
{
    run r;
    km_error error;
    start(&r);
    r.problem.tolerance = 0.5;
    take(&r, r.written.bytes, r.written.size - 8, &error);
    ck_assert_fails(error, KM_DATA, "now it is 'tolerance: 0.5'");
    r.problem.tolerance = 1e-4;
    r.key.n_rows--;
    take(&r, r.written.bytes, r.written.size - 8, &error);
    ck_assert_fails(error, KM_DATA, "it has 'rows: 100', and now it is 'rows: 99'");
    end(&r);
}
END_TEST

/* Where fields are, behind the problem. */
enum {
    FEATURES = 0,
    STATE = FEATURES + 8,
    WORDS = STATE + 8,
    USED = WORDS + 4,
    CENTERS = USED + 8 * N,
    HISTORY = CENTERS + 8 * N,
    FITS = HISTORY + 56 * N_STATE,
    BEST = FITS + 8,
    INERTIA = BEST + 8,
    ITERATIONS = INERTIA + 2 * 8,
    ALL_CENTERS = ITERATIONS + 2 * 8,
    BEST_CENTERS = ALL_CENTERS + 2 * 8 * N,
    PREVIOUS = BEST_CENTERS + 8 * N,
    SIZES = PREVIOUS + 8 * N,
    WEIGHTS = SIZES + 8 * K,
    REFILLED = WEIGHTS + 8 * K,
    BEST_INERTIA = REFILLED + 8,
    BEST_ITERATIONS = BEST_INERTIA + 8,
    BEST_HISTORY = BEST_ITERATIONS + 8,
    STOP = BEST_HISTORY + 56 * N_BEST,
    EMPTY = STOP + 4,
    END = EMPTY + 8
};

static const wrong_field WRONG[] = {
    {STATE, INT64, -1, "count of iterations"},
    {STATE, INT64, 1e6, "not whole"},
    {STATE, INT64, 4e17, "not whole"},
    {WORDS, INT32, 0, "count of words"},
    {WORDS, INT32, 3, "count of words"},
    {USED + 8, REAL, NAN, "centers that were used"},
    {CENTERS + 24, REAL, -INFINITY, "its centers can't be"},
    {HISTORY, INT64, 0, "numbers of iterations"},
    {HISTORY + 8, REAL, -1, "inertia of an iteration"},
    {HISTORY + 8, REAL, NAN, "inertia of an iteration"},
    {HISTORY + 16, REAL, -1, "shift of an iteration"},
    {HISTORY + 24, INT64, -1, "count of relabeled rows"},
    {HISTORY + 24, INT64, N_ROWS + 1, "count of relabeled rows"},
    {HISTORY + 32, REAL, -1, "time of an iteration"},
    {HISTORY + 40, INT64, -1, "count of distances"},
    {HISTORY + 48, INT64, -1, "count of distances"},
    {HISTORY + 48, INT64, 301, "count of distances"},
    {FITS, INT64, -1, "count of fits"},
    {FITS, INT64, N_RESTARTS + 1, "count of fits"},
    {FITS, INT64, 0, "length"},
    {BEST, INT64, -1, "number of the best fit"},
    {BEST, INT64, 2, "number of the best fit"},
    {BEST, INT64, 0, "inertia of a fit"},
    {INERTIA, REAL, 3, "inertia of a fit"},
    {INERTIA, REAL, NAN, "inertia of a fit"},
    {INERTIA + 8, REAL, -1, "inertia of a fit"},
    {INERTIA + 8, REAL, 4.5, "inertia of the best fit"},
    {ITERATIONS, INT64, 0, "count of iterations of a fit"},
    {ITERATIONS + 8, INT64, 2, "count of iterations of the best fit"},
    {ALL_CENTERS, REAL, NAN, "centers of a fit"},
    {ALL_CENTERS + 8 * N, REAL, 7, "centers of the best fit"},
    {BEST_CENTERS, REAL, INFINITY, "centers of the best fit"},
    {PREVIOUS + 8, REAL, NAN, "centers before those of the best fit"},
    {SIZES, INT64, -1, "size of a cluster"},
    {SIZES, INT64, N_ROWS + 1, "size of a cluster"},
    {SIZES + 8, INT64, 41, "size of a cluster"},
    {WEIGHTS, REAL, -1, "weight of a cluster"},
    {WEIGHTS, REAL, 0, "count of empty clusters"},
    {REFILLED, INT64, -1, "count of refilled clusters"},
    {REFILLED, INT64, K + 1, "count of refilled clusters"},
    {BEST_INERTIA, REAL, NAN, "inertia of the best fit"},
    {BEST_ITERATIONS, INT64, 0, "count of iterations of the best fit"},
    {BEST_ITERATIONS, INT64, 4e17, "not whole"},
    {BEST_HISTORY + 112, INT64, 4, "numbers of iterations"},
    {STOP, INT32, KM_STOP_WISH, "reason why a fit stopped"},
    {STOP, INT32, -1, "reason why a fit stopped"},
    {EMPTY, INT64, 1, "count of empty clusters"},
};

START_TEST(each_field_is_checked)
{
    run r;
    start(&r);
    ck_assert_all(r.written.begin + END == r.written.size - 8); /* no field is missing here */
    check_fields(&r.written, WRONG, sizeof WRONG / sizeof *WRONG);
    end(&r);
}
END_TEST

/* The first line, and the problem that follows it. */
START_TEST(the_problem_is_checked)
{
    static const char *const lines[] = {"skymeans state 3\n and more",
                                        "skymeans checkpoint 3\n and", "skymeans state 2", ""};
    run r;
    start(&r);
    check_text_sizes(&r.written, (int64_t)strlen(r.written.bytes) + 1, "its problem can't be what");
    check_lines(&r.written, lines, sizeof lines / sizeof *lines,
                "it is not whole, or none of this version");
    end(&r);
}
END_TEST

START_TEST(too_short_and_too_long)
{
    run r;
    start(&r);
    check_sizes(&r.written);
    end(&r);
}
END_TEST

/* ---- any bytes ------------------------------------------------------------------------------- */

START_TEST(no_bytes_crash)
{
    run r;
    start(&r);
    check_spoiled(&r.written);
    end(&r);
}
END_TEST

/* ---- the text of the problem ------------------------------------------------------------------
 */

/* The text of a problem of 3 features, as states and checkpoints keep it. */
static void check_text(const skymeans_problem *given, const char *wanted)
{
    char *text = NULL;
    size_t size;
    skymeans_problem problem;
    km_error error = {0};
    FILE *file = open_memstream(&text, &size);
    ck_assert(km_problem_check(&problem, given, &error) == KM_OK);
    km_problem_print(file, &problem, 3);
    fclose(file);
    ck_assert_str_eq(text, wanted);
    free(text);
}

/* Word by word: states and checkpoints that exist are compared with it. */
START_TEST(the_text_of_a_problem)
{
    const double zeros[8 * 3] = {0};
    const int64_t several[] = {2, 3, 5}, others[] = {2, 4, 5};
    skymeans_problem problem = SKYMEANS_PROBLEM(8);
    check_text(&problem, "clusters: 8\nscale: none\nmissing: drop\nseeding: kmeans++\n"
                         "seeding-rows: 100000\nrandom-seed: 0\nrestarts: 1\n"
                         "tolerance: 0.0001\n");
    problem.first_centers = problem.factors = zeros;
    problem.tolerance = 0.1; /* 17 digits */
    problem.sky = 0.5;
    problem.balance = "count";
    problem.scale = "robust";
    check_text(&problem,
               "clusters: 8\nscale: robust (linear quantiles)\nmissing: drop\n"
               "sky-scale: 0.5\nbalance: count\nhash of the factors: 453e56e8cc63fa84\n"
               "hash of the first centers: 6488af541319a19f\nrandom-seed: 0\nrestarts: 1\n"
               "tolerance: 0.10000000000000001\n");
    skymeans_problem many = SKYMEANS_PROBLEM(0);
    many.several = several;
    many.n_several = 3;
    many.restarts = 4;
    many.gap = 7;
    check_text(&many, "clusters: 5\nnumbers of clusters: 2 3 5\nchoose: silhouette\n"
                      "bootstrap: 0\ngap: 7\nscale: none\nmissing: drop\nseeding: kmeans++\n"
                      "seeding-rows: 100000\nrandom-seed: 0\nrestarts: 4\ntolerance: 0.0001\n"
                      "max-iterations: 300\n");
    skymeans_problem other = many;
    other.several = others;
    ck_assert_str_eq(skymeans_problem_difference(&many, &other, 3), "several");
    other = many;
    other.gap = 0;
    ck_assert_str_eq(skymeans_problem_difference(&many, &other, 3), "gap");
    other = many;
    other.max_iterations = 301;
    ck_assert_str_eq(skymeans_problem_difference(&many, &other, 3), "max_iterations");
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        what_was_written_is_read, no_changed_byte_is_taken, a_state_of_another_problem_is_named,
        each_field_is_checked,    the_problem_is_checked,   too_short_and_too_long,
        no_bytes_crash,           the_text_of_a_problem,
    };
    return SUITE_OF("state", tests);
}
