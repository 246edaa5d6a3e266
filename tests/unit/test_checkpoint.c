/* Checkpoints whose hash is right, whatever is in their fields. */
#include "crafted.h"
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

static const char QUESTION[] = "catalogue: in.h5\nclusters: 3\n";
enum { STATE_SIZE = 40 };

/* ---- a run that was stopped -------------------------------------------------------------------
 */

typedef struct run {
    mock_folder folder;
    char path[1024];
    char *bytes;         /* what it wrote; [size] */
    int64_t size, begin; /* of the fields */
} run;

static void write_whole(run *r)
{
    km_error error = {0};
    char state[STATE_SIZE];
    memset(state, 7, sizeof state);
    const km_checkpoint checkpoint = {.started = 1e9,
                                      .past = {.n_goes = 2, .bytes_read = 3, .memory_peak = 4},
                                      .state = state,
                                      .state_size = sizeof state};
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        km_checkpoint_write(r->path, &checkpoint, QUESTION, &error);
    ck_assert_all(km_agree(MPI_COMM_WORLD, &error) == KM_OK);
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
    write_whole(r);
    read_file(r);
    MPI_Barrier(MPI_COMM_WORLD); /* before one rank writes another */
}

static void end(run *r)
{
    free(r->bytes);
    mock_folder_remove(&r->folder);
}

/* ---- crafted files -----------------------------------------------------------------------------
 */

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
    km_checkpoint_read(r->path, taken, QUESTION, &log, MPI_COMM_WORLD, &is_found, error);
    if (error->code == KM_OK)
        ck_assert_all(is_found);
    km_checkpoint_free(taken);
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
    end(&r);
}
END_TEST

/* Where fields are, behind the question. */
enum {
    PHASES = 8 * KM_N_PHASES,
    STARTED = 0,
    SECONDS = STARTED + 8,
    JOULES = SECONDS + 8,
    GOES = JOULES + 8,
    BYTES = GOES + 8,
    MEMORY = BYTES + 8,
    LEAST = MEMORY + 8,
    MOST = LEAST + 2 * PHASES,
    COUNTS = MOST + PHASES,
    STATE = COUNTS + sizeof(km_counts),
    END = STATE + 8 + STATE_SIZE
};

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
    {JOULES, REAL, -1, "energy"},
    {JOULES, REAL, INFINITY, "energy"},
    {COUNTS, INT64, -1, "counts of work"},
    {COUNTS + 8, INT64, 9e18, "counts of work"},
    {COUNTS + 16, INT64, -1, "counts of work"},
    {COUNTS + 24, INT64, -1, "counts of work"},
    {STATE, INT64, STATE_SIZE - 1, "length"},
    {STATE, INT64, STATE_SIZE + 1, "length"},
    {STATE, INT64, -1, "length"},
};

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
    static const char *const lines[] = {"skymeans checkpoint 3 and no end of the line, never",
                                        "skymeans checkpoint \nand more and more and more",
                                        "skymeans checkpoint -3\nand more and more and more",
                                        "skymeans checkpoint 3x\nand more and more and more",
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
