/* Checkpoints whose hash is right, whatever is in their fields. */
#include "mock.h"
#include "mpi_check.h"
#include "refusals.h"

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

/* ---- a run that was stopped ------------------------------------------------------------------ */

typedef struct run {
    mock_folder folder;
    char path[1024];
    crafted written;
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
    r->written.bytes = mock_memory(4096, 1);
    r->written.size = (int64_t)fread(r->written.bytes, 1, 4096, file);
    fclose(file);
    r->written.begin = strchr(r->written.bytes, '\n') + 1 - r->written.bytes;
    memcpy(&question_size, r->written.bytes + r->written.begin, sizeof question_size);
    r->written.begin += (int64_t)sizeof question_size + question_size;
}

/* ---- crafted files --------------------------------------------------------------------------- */

/* By one rank. */
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

/* Into a run that has done nothing yet. */
static km_code read_into(const run *r, km_checkpoint *taken, km_error *error)
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

static km_code take(void *owner, const char *bytes, int64_t size, km_error *error)
{
    km_checkpoint taken;
    put_crafted(owner, bytes, size);
    return read_into(owner, &taken, error);
}

static void start(run *r)
{
    *r = (run){.folder = mock_folder_create()};
    snprintf(r->path, sizeof r->path, "%s", mock_path(&r->folder, "state"));
    write_whole(r);
    read_file(r);
    r->written.run = r;
    r->written.take = take;
    r->written.refusal = "damaged checkpoint (";
    MPI_Barrier(MPI_COMM_WORLD); /* before one rank writes another */
}

static void end(run *r)
{
    free(r->written.bytes);
    mock_folder_remove(&r->folder);
}

START_TEST(what_was_written_is_read)
{
    run r;
    km_checkpoint taken;
    km_error error;
    start(&r);
    put_crafted(&r, r.written.bytes, r.written.size - 8);
    ck_assert_all(read_into(&r, &taken, &error) == KM_OK);
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

static const wrong_field WRONG[] = {
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
    ck_assert_all(r.written.begin + END == r.written.size - 8); /* no field is missing here */
    check_fields(&r.written, WRONG, sizeof WRONG / sizeof *WRONG);
    end(&r);
}
END_TEST

/* The first line, and the question that follows it. */
START_TEST(the_question_is_checked)
{
    static const char *const lines[] = {"skymeans checkpoint 3 and no end of the line, never",
                                        "skymeans checkpoint \nand more and more and more",
                                        "skymeans checkpoint -3\nand more and more and more",
                                        "skymeans checkpoint 3x\nand more and more and more",
                                        "skymeans checkpoint 99999999999999999999999\nand more"};
    run r;
    start(&r);
    check_text_sizes(&r.written, strchr(r.written.bytes, '\n') + 1 - r.written.bytes,
                     "its question can't be what");
    check_lines(&r.written, lines, sizeof lines / sizeof *lines,
                "it is not whole, or not a checkpoint");
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

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        what_was_written_is_read, each_field_is_checked, the_question_is_checked,
        too_short_and_too_long,   no_bytes_crash,
    };
    return SUITE_OF("checkpoint", tests);
}
