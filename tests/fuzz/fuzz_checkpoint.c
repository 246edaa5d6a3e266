/* Checkpoints with any bytes and a right hash: they are refused with one message, or a fit goes on
 * from them and ends as any other. */
#include "fuzz.h"

#include "crafted.h"
#include "process/log.h"
#include "result/result.h"
#include "skymeans.h"

enum { N_ROWS = 150, D = 2, K = 3, N_PROBLEMS = 3, MOST_BYTES = 1 << 16 };
static const char QUESTION[] = "catalogue: in.h5\nclusters: 3\n";

/* A fit that was saved, and the file of its checkpoint. */
typedef struct saved {
    skymeans_problem problem;
    char *bytes;
    int64_t size, state_begin; /* where the state of the engine begins */
} saved;

static saved fits[N_PROBLEMS];
static double values[N_ROWS * D];

static int keep_state(void *context, const void *state, size_t size, skymeans_error *error)
{
    saved *fit = context;
    (void)error;
    free(fit->bytes);
    fit->bytes = mock_memory((int64_t)size, 1);
    memcpy(fit->bytes, state, size);
    fit->size = (int64_t)size;
    return 0;
}

static int fit_from(const skymeans_problem *problem, const skymeans_control *control)
{
    skymeans_rows rows = SKYMEANS_ROWS;
    skymeans_samples *samples;
    skymeans_answer *answer = NULL;
    skymeans_error error;
    skymeans_summary summary = SKYMEANS_SUMMARY;
    rows.n_rows = N_ROWS;
    rows.n_features = D;
    rows.values = values;
    skymeans_samples_create(&samples, &rows, MPI_COMM_WORLD, &error);
    const int code = skymeans_fit(&answer, problem, samples, NULL, control, MPI_COMM_WORLD, &error);
    ck_assert_msg(code == SKYMEANS_OK || code == SKYMEANS_DATA, "code %d: %s\n", code, error.text);
    if (code == SKYMEANS_OK) {
        skymeans_summarize(answer, &summary);
        ck_assert(summary.n_used == N_ROWS && summary.is_complete);
        for (int64_t row = 0; row < N_ROWS; row++)
            ck_assert(skymeans_labels(answer)[row] < (int32_t)summary.n_clusters);
    }
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    return code;
}

/* Replaces the state of a fit by the file of a checkpoint that has it. */
static void wrap(saved *fit)
{
    const char *path = mock_path(&folder, "whole");
    const km_checkpoint checkpoint = {.started = 1e9,
                                      .past = {.n_goes = 2, .bytes_read = 3, .memory_peak = 4},
                                      .state = fit->bytes,
                                      .state_size = (size_t)fit->size};
    km_error error = {0};
    ck_assert(km_checkpoint_write(path, &checkpoint, QUESTION, &error) == KM_OK);
    const int64_t state_size = fit->size;
    free(fit->bytes);
    fit->bytes = mock_memory(MOST_BYTES, 1);
    FILE *file = fopen(path, "rb");
    fit->size = (int64_t)fread(fit->bytes, 1, MOST_BYTES, file) - 8;
    fclose(file);
    fit->state_begin = fit->size - state_size;
    ck_assert(fit->state_begin > 0 && fit->size < MOST_BYTES / 2);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const int64_t several[] = {2, K};
    const skymeans_problem plain = SKYMEANS_PROBLEM(K);
    fuzz_start(argc, argv);
    for (int i = 0; i < N_ROWS * D; i++)
        values[i] = mock_uniform(1, (uint64_t)i);
    for (int p = 0; p < N_PROBLEMS; p++) {
        saved *fit = &fits[p];
        skymeans_control control = SKYMEANS_CONTROL;
        fit->problem = plain;
        fit->problem.max_iterations = 10;
        fit->problem.restarts = p == 0 ? 3 : 1;
        fit->problem.several = p == 1 ? several : NULL;
        fit->problem.n_several = p == 1 ? 2 : 0;
        fit->problem.balance = p == 2 ? "count" : NULL;
        control.context = fit;
        control.save = keep_state;
        control.save_interval = 0;
        ck_assert(fit_from(&fit->problem, &control) == SKYMEANS_OK && fit->bytes != NULL);
        wrap(fit);
    }
    return 0;
}

/* Changes words, bits and the length of a checkpoint. */
static int64_t change(draw *d, char *bytes, int64_t size, int64_t begin)
{
    static const int64_t numbers[] = {0,         1,         -1,        2,         3,
                                      INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, 1 << 20};
    static const double reals[] = {1, -1, 1e300, -1e300, 0x1p-1074, INFINITY, NAN, -0.0};
    for (uint64_t n = 1 + draw_below(d, 6); n > 0 && size > begin + 16; n--) {
        const bool is_of_state = draw_below(d, 4) > 0;
        const int64_t first = is_of_state ? begin : 0, last = (is_of_state ? size : begin) - 8;
        const int64_t at = first + (int64_t)draw_below(d, (uint64_t)(last - first));
        switch (draw_below(d, 6)) {
        case 0:
            memcpy(bytes + at, &numbers[draw_below(d, 10)], 8);
            break;
        case 1:
            memcpy(bytes + at, &reals[draw_below(d, 8)], 8);
            break;
        case 2:
            bytes[at] ^= (char)(1 << draw_below(d, 8));
            break;
        case 3:
            bytes[at] = (char)draw_below(d, 256);
            break;
        case 4: /* something is missing */
            memmove(bytes + at, bytes + at + 8, (size_t)(size - at - 8));
            size -= 8;
            break;
        default: /* or twice there */
            memmove(bytes + at + 8, bytes + at, (size_t)(size - at));
            size += 8;
        }
    }
    return size;
}

/* The hash behind the state and that behind all; its length is mostly right, too. */
static int64_t put_hashes(draw *d, char *bytes, int64_t size, int64_t begin)
{
    if (size > begin + 8) {
        const uint64_t hash = hash_bytes(bytes + begin, size - begin - 8);
        const int64_t state_size = size - begin;
        memcpy(bytes + size - 8, &hash, sizeof hash);
        if (draw_below(d, 8) > 0)
            memcpy(bytes + begin - 8, &state_size, sizeof state_size);
    }
    const uint64_t hash = hash_bytes(bytes, size);
    memcpy(bytes + size, &hash, sizeof hash);
    return size + 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char bytes[MOST_BYTES];
    draw d = fuzz_draw(data, size);
    const saved *fit = &fits[draw_below(&d, N_PROBLEMS)];
    const char *path = mock_path(&folder, "state");
    const km_log log = km_log_create(false, KM_QUIET);
    km_checkpoint taken;
    km_error error = {0};
    bool is_found;
    memcpy(bytes, fit->bytes, (size_t)fit->size);
    const int64_t changed = change(&d, bytes, fit->size, fit->state_begin);
    mock_write_file(path, bytes, (size_t)put_hashes(&d, bytes, changed, fit->state_begin));
    if (km_checkpoint_read(path, &taken, QUESTION, &log, MPI_COMM_WORLD, &is_found, &error) !=
        KM_OK) {
        check_error(0, &error);
    } else if (taken.state_size > 0) {
        skymeans_control control = SKYMEANS_CONTROL;
        control.resume = taken.state;
        control.resume_size = taken.state_size;
        fit_from(&fit->problem, &control);
    }
    km_checkpoint_free(&taken);
    return 0;
}
