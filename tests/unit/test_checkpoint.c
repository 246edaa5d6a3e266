/* Checkpoints whose hash is right, whatever is in their fields. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/timers.h"
#include "process/log.h"
#include "result/result.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 2, D = 2, N = K * D, N_ROWS = 100, N_RESTARTS = 3, N_STATE = 2, N_BEST = 3 };

/* ---- a run that was stopped in its last fit ----------------------------------------------------
 */

typedef struct run {
    mock_folder folder;
    char path[1024];
    km_options options;
    km_plan plan;
    km_catalogue catalogue;
    km_record record;
    km_restarts restarts;
    km_fit best;
    km_checkpoint checkpoint;
    char *bytes;         /* what it wrote; [size] */
    int64_t size, begin; /* of the fields */
} run;

static const char *NAMES[D] = {"x", "y"};

static void fill_history(km_iteration *history, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        history[i] = (km_iteration){i + 1, 9.0 - (double)i, 0.5, 7, 0.25};
}

static void fill_fits(run *r)
{
    km_error error = {0};
    ck_assert_all(km_restarts_create(&r->restarts, N_RESTARTS, K, D, &error) == KM_OK);
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
        km_restarts_take(&r->restarts, &fit, &r->best);
    }
}

static void write_whole(run *r)
{
    km_error error = {0};
    double used[N] = {1, 2, 3, 4}, centers[N] = {1, 2, 3, 5};
    km_iteration history[N_STATE];
    fill_history(history, N_STATE);
    r->checkpoint = (km_checkpoint){.started = 1e9,
                                    .past = {.n_goes = 2, .bytes_read = 3, .memory_peak = 4},
                                    .has_features_hash = true,
                                    .features_hash = 99,
                                    .state = {N_STATE, 2, used, centers, history},
                                    .restarts = &r->restarts,
                                    .best = &r->best};
    ck_assert_all(
        km_checkpoint_write(r->path, &r->checkpoint, &r->record, MPI_COMM_WORLD, &error) == KM_OK);
    r->checkpoint.state = (km_fit_state){0};
}

static void read_file(run *r)
{
    int64_t question_size;
    FILE *file = fopen(r->path, "rb");
    r->bytes = mock_memory(4096, 1);
    r->size = (int64_t)fread(r->bytes, 1, 4096, file);
    fclose(file);
    r->begin = strchr(r->bytes, '\n') + 1 - r->bytes;
    memcpy(&question_size, r->bytes + r->begin, sizeof question_size);
    r->begin += (int64_t)sizeof question_size + question_size;
}

static void start(run *r)
{
    *r = (run){.folder = mock_folder_create()};
    snprintf(r->path, sizeof r->path, "%s", mock_path(&r->folder, "state"));
    r->options = (km_options){.clusters = K, .restarts = N_RESTARTS, .seeding = "random"};
    r->plan.seeding = &km_seedings[0];
    r->catalogue = (km_catalogue){.table = "/t", .n_rows = N_ROWS, .n_features = D, .names = NAMES};
    r->record = (km_record){.options = &r->options, .plan = &r->plan, .catalogue = &r->catalogue};
    fill_fits(r);
    write_whole(r);
    read_file(r);
    MPI_Barrier(MPI_COMM_WORLD); /* before one rank writes another */
}

static void end(run *r)
{
    km_fit_free(&r->best);
    km_restarts_free(&r->restarts);
    free(r->bytes);
    mock_folder_remove(&r->folder);
}

/* ---- crafted files -----------------------------------------------------------------------------
 */

/* The hash of src/result/checkpoint.c. */
static uint64_t hash_bytes(const char *bytes, int64_t size)
{
    uint64_t hash = (uint64_t)size;
    for (int64_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, (size_t)(size - i < 8 ? size - i : 8));
        hash = km_mix(hash ^ word) + 0x9e3779b97f4a7c15u;
    }
    return hash;
}

/* Writes bytes and their hash. By one rank. */
static void put_crafted(const run *r, const char *bytes, int64_t size)
{
    const uint64_t hash = hash_bytes(bytes, size);
    if (km_comm_rank(MPI_COMM_WORLD) > 0)
        return;
    FILE *file = fopen(r->path, "wb");
    fwrite(bytes, 1, (size_t)size, file);
    fwrite(&hash, sizeof hash, 1, file);
    fclose(file);
}

/* Reads the file into a run that has done nothing yet. */
static km_code take(run *r, km_checkpoint *taken, km_error *error)
{
    const km_log log = km_log_create(false, KM_QUIET);
    bool is_found;
    *error = (km_error){0};
    km_fit best = {0};
    km_restarts restarts;
    ck_assert_all(km_restarts_create(&restarts, N_RESTARTS, K, D, error) == KM_OK);
    *taken = (km_checkpoint){.restarts = &restarts, .best = &best};
    km_checkpoint_read(r->path, taken, &r->record, &log, MPI_COMM_WORLD, &is_found, error);
    if (error->code == KM_OK)
        ck_assert_all(is_found && restarts.best >= 0 && restarts.best < N_RESTARTS);
    km_checkpoint_free(taken);
    km_fit_free(&best);
    km_restarts_free(&restarts);
    return error->code;
}

START_TEST(what_was_written_is_read)
{
    run r;
    km_checkpoint taken;
    km_error error;
    start(&r);
    put_crafted(&r, r.bytes, r.size - 8);
    ck_assert_all(take(&r, &taken, &error) == KM_OK);
    ck_assert_all(taken.past.n_goes == 2 && taken.past.bytes_read == 3 && taken.started == 1e9);
    ck_assert_all(taken.has_features_hash && taken.features_hash == 99);
    end(&r);
}
END_TEST

/* Where fields are, behind the question. */
enum {
    PHASES = 8 * KM_N_PHASES,
    STARTED = 0,
    GOES = STARTED + 8,
    BYTES = GOES + 8,
    MEMORY = BYTES + 8,
    SECONDS = MEMORY + 8,
    LEAST = SECONDS + 8,
    MOST = LEAST + 2 * PHASES,
    HAS_HASH = MOST + PHASES,
    STATE = HAS_HASH + 1 + 8,
    WORDS = STATE + 8,
    USED = WORDS + 4,
    CENTERS = USED + 8 * N,
    HISTORY = CENTERS + 8 * N,
    FITS = HISTORY + 40 * N_STATE,
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
    STOP = BEST_HISTORY + 40 * N_BEST,
    EMPTY = STOP + 4,
    END = EMPTY + 8
};

enum kind { BYTE, INT32, INT64, REAL };

static const struct {
    int at;
    enum kind kind;
    double value;
    const char *what;
} WRONG[] = {
    {STARTED, REAL, -1, "time of its beginning"},
    {STARTED, REAL, 1e300, "time of its beginning"},
    {GOES, INT64, 0, "count of goes"},
    {GOES, INT64, 9e18, "count of goes"},
    {BYTES, INT64, -1, "count of bytes read"},
    {BYTES, INT64, 9e18, "count of bytes read"},
    {MEMORY, INT64, -1, "memory"},
    {SECONDS, REAL, -1, "time of all goes"},
    {SECONDS, REAL, NAN, "time of all goes"},
    {LEAST, REAL, NAN, "time of a phase"},
    {LEAST + PHASES, REAL, -1, "time of a phase"},
    {MOST + PHASES - 8, REAL, INFINITY, "time of a phase"},
    {HAS_HASH, BYTE, 2, "word on the hash"},
    {HAS_HASH, BYTE, 0, "hash of the features"},
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
    {BEST_HISTORY + 80, INT64, 4, "numbers of iterations"},
    {STOP, INT32, KM_STOP_SIGNAL, "reason why a fit stopped"},
    {STOP, INT32, -1, "reason why a fit stopped"},
    {EMPTY, INT64, 1, "count of empty clusters"},
};

static void set_field(char *at, enum kind kind, double value)
{
    const uint8_t byte = kind == BYTE ? (uint8_t)value : 0;
    const int32_t word = kind == INT32 ? (int32_t)value : 0;
    const int64_t number = kind == INT64 ? (int64_t)value : 0;
    const void *const values[] = {&byte, &word, &number, &value};
    static const size_t sizes[] = {1, 4, 8, 8};
    memcpy(at, values[kind], sizes[kind]);
}

START_TEST(each_field_is_checked)
{
    run r;
    start(&r);
    ck_assert_all(r.begin + END == r.size - 8); /* no field is missing here */
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        char bytes[4096];
        km_checkpoint taken;
        km_error error;
        memcpy(bytes, r.bytes, (size_t)r.size);
        set_field(bytes + r.begin + WRONG[i].at, WRONG[i].kind, WRONG[i].value);
        put_crafted(&r, bytes, r.size - 8);
        take(&r, &taken, &error);
        ck_assert_fails(error, KM_DATA, "damaged checkpoint (");
        ck_assert_fails(error, KM_DATA, WRONG[i].what);
    }
    end(&r);
}
END_TEST

/* The first line, and the question that follows it. */
START_TEST(the_question_is_checked)
{
    run r;
    km_checkpoint taken;
    km_error error;
    start(&r);
    const int64_t head = strchr(r.bytes, '\n') + 1 - r.bytes, size = r.size - 8;
    const int64_t text_size = r.begin - head - 8;
    const int64_t sizes[] = {0, -1, 1, text_size - 1, text_size + 1, size, INT64_MAX, INT64_MIN};
    char bytes[4096];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(bytes, r.bytes, (size_t)size);
        memcpy(bytes + head, &sizes[i], sizeof sizes[i]);
        put_crafted(&r, bytes, size);
        take(&r, &taken, &error);
        ck_assert_fails(error, KM_DATA, "its question can't be what");
    }
    static const char *const lines[] = {"skymeans checkpoint 2 and no end of the line, never",
                                        "skymeans checkpoint \nand more and more and more",
                                        "skymeans checkpoint -2\nand more and more and more",
                                        "skymeans checkpoint 2x\nand more and more and more",
                                        "skymeans checkpoint 99999999999999999999999\nand more"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        put_crafted(&r, lines[i], (int64_t)strlen(lines[i]));
        take(&r, &taken, &error);
        ck_assert_fails(error, KM_DATA, "it is not whole, or not a checkpoint");
    }
    end(&r);
}
END_TEST

START_TEST(too_short_and_too_long)
{
    run r;
    km_checkpoint taken;
    km_error error;
    char bytes[4096] = {0};
    start(&r);
    memcpy(bytes, r.bytes, (size_t)r.size - 8);
    for (int64_t size = 0; size < r.size + 20; size++) {
        if (size == r.size - 8)
            continue;
        put_crafted(&r, bytes, size);
        take(&r, &taken, &error);
        ck_assert_fails(error, KM_DATA, "damaged checkpoint (");
    }
    end(&r);
}
END_TEST

/* ---- any bytes ---------------------------------------------------------------------------------
 */

/* Changes one to three words somewhere, to hostile numbers or by a bit. */
static void spoil(char *bytes, int64_t size, uint64_t number)
{
    static const int64_t hostile[] = {0,         1,         -1,           2,
                                      INT64_MAX, INT64_MIN, INT32_MAX,    INT32_MIN,
                                      1 << 20,   -(1 << 9), 0x7ff0 << 16, 0x7ff8 << 16};
    const uint64_t n_words = 1 + km_random(1, 0, number) % 3;
    for (uint64_t w = 0; w < n_words; w++) {
        const int64_t at = (int64_t)(km_random(2, w, number) % (uint64_t)(size - 8));
        const uint64_t choice = km_random(3, w, number) % 16;
        int64_t word = choice < 12 ? hostile[choice] : (int64_t)km_random(4, w, number);
        if (choice >= 14) {
            memcpy(&word, bytes + at, sizeof word);
            word ^= (int64_t)(1ull << km_random(5, w, number) % 64);
        }
        memcpy(bytes + at, &word, sizeof word);
    }
}

START_TEST(no_bytes_crash)
{
    enum { N_TRIALS = 3000 };
    int n_taken = 0, n_refused = 0;
    run r;
    start(&r);
    for (uint64_t number = 0; number < N_TRIALS; number++) {
        char bytes[4096];
        km_checkpoint taken;
        km_error error;
        memcpy(bytes, r.bytes, (size_t)r.size);
        spoil(bytes, r.size - 8, number);
        put_crafted(&r, bytes, r.size - 8);
        const km_code code = take(&r, &taken, &error);
        ck_assert_all(code == KM_OK || code == KM_DATA);
        n_taken += code == KM_OK;
        n_refused += code == KM_DATA;
    }
    ck_assert_all(n_taken + n_refused == N_TRIALS && n_refused > N_TRIALS / 2 && n_taken > 10);
    end(&r);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        what_was_written_is_read, each_field_is_checked, the_question_is_checked,
        too_short_and_too_long,   no_bytes_crash,
    };
    return SUITE_OF("checkpoint", tests);
}
