#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/precision.h"
#include "base/timers.h"
#include "report/json.h"
#include "report/report.h"
#include "solve.h"

#include <stdio.h>
#include <stdlib.h>

enum { N_ROWS = 1000, N_FEATURES = 3, N_CLUSTERS = 4 };

/* ---- a run to tell about --------------------------------------------------------------------- */

/* An answer with its samples. */
typedef struct run {
    outcome o;
    skymeans_answer *answer;
} run;

static void start(run *r, km_precision precision, int64_t max_iterations, bool has_weights)
{
    mock data = mock_mixture(N_ROWS, N_FEATURES, N_CLUSTERS, 5);
    mock_drop_rows(&data);
    if (has_weights)
        mock_weigh(&data);
    solve_task task = solve_task_of(&data, N_CLUSTERS, precision);
    task.problem.first_centers = data.values;
    task.problem.max_iterations = max_iterations;
    r->o = solve(&task, MPI_COMM_WORLD);
    r->answer = r->o.answer;
    mock_free(&data);
}

static void end(run *r)
{
    outcome_free(&r->o);
}

/* ---- verification ---------------------------------------------------------------------------- */

START_TEST(what_is_right_passes)
{
    for (int precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++)
        for (int64_t most = 1; most <= 100; most += 33) {
            run r;
            km_error error = {0};
            start(&r, (km_precision)precision, most, most == 34);
            ck_assert_all(km_answer_verify(r.answer, r.o.samples, MPI_COMM_WORLD, &error) == KM_OK);
            end(&r);
        }
}
END_TEST

static void spoil_label(run *r) /* on one rank alone */
{
    const int64_t row = r->o.samples->memory.rows[0]; /* one that is used */
    if (km_comm_rank(MPI_COMM_WORLD) == km_comm_size(MPI_COMM_WORLD) - 1)
        r->answer->labels[row] = (r->answer->labels[row] + 1) % N_CLUSTERS;
}

static void spoil_size(run *r)
{
    r->answer->fit.sizes[1]++;
}

static void spoil_center(run *r) /* less than moves a label */
{
    r->answer->fit.centers[2] += 1e-6;
}

static void spoil_inertia(run *r)
{
    r->answer->fit.inertia *= 1 + 1e-10;
}

static void spoil_checksum(run *r)
{
    r->answer->checksum ^= 1;
}

static void spoil_missing(run *r)
{
    r->answer->spread.n_used++;
}

START_TEST(what_is_wrong_fails_and_is_named)
{
    static const struct {
        void (*spoil)(run *r);
        const char *word;
    } cases[] = {{spoil_label, "labels that differ"}, {spoil_size, "sizes of clusters"},
                 {spoil_center, "not the mean"},      {spoil_inertia, "inertia"},
                 {spoil_checksum, "checksum"},        {spoil_missing, "rows labeled or missing"}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        run r;
        km_error error = {0};
        start(&r, KM_FLOAT64, 100, i % 2 == 1);
        cases[i / 2].spoil(&r);
        km_answer_verify(r.answer, r.o.samples, MPI_COMM_WORLD, &error);
        ck_assert_fails(error, KM_INTERNAL, cases[i / 2].word);
        ck_assert_fails(error, KM_INTERNAL, "verification FAILED: ");
        end(&r);
    }
}
END_TEST

/* ---- JSON ------------------------------------------------------------------------------------ */

START_TEST(json_is_escaped_and_separated)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    km_json json = {.file = memory, .is_first = true};
    km_json_open(&json, NULL, '{');
    km_json_text(&json, "a\"b", "line\nback\\slash \x01 \xc3\xa9 \xe9!");
    km_json_open(&json, "list", '[');
    km_json_int(&json, NULL, -5);
    km_json_real(&json, NULL, 0.1);
    km_json_real(&json, NULL, NAN);
    km_json_close(&json, ']');
    km_json_bool(&json, "is", true);
    km_json_close(&json, '}');
    fclose(memory);
    ck_assert_str_eq(text, "{\"a\\\"b\": \"line\\u000aback\\\\slash \\u0001 \xc3\xa9 \\ufffd!\", "
                           "\"list\": [-5, 0.10000000000000001, null], \"is\": true}");
    free(text);
}
END_TEST

/* ---- progress -------------------------------------------------------------------------------- */

START_TEST(time_left_is_said_where_it_is_known)
{
    const km_progress first = {.n_restarts = 1, .max_iterations = 300, .pace = 0.5};
    const km_progress second = {.n_restarts = 4,
                                .restart = 1,
                                .max_iterations = 300,
                                .pace = 0.5,
                                .fit_started = 1000,
                                .n_timed = 1,
                                .seconds_of_fits = 20};
    km_progress several = first, endless = first;
    several.n_restarts = 3;
    endless.max_iterations = INT64_MAX;
    const struct {
        const km_progress *progress;
        int64_t number;
        double now;
        const char *text;
    } cases[] = {{&first, 240, 0, ", at most 30 s left"}, /* 60 iterations */
                 {&first, 299, 0, ""},                    /* less than a second */
                 {&first, 300, 0, ""},
                 {&several, 240, 0, ", at most 6 min left"}, /* 30 s and two fits of 150 */
                 {&second, 3, 1005, ", about 55 s left"},    /* 15 s and two fits of 20 */
                 {&second, 200, 1100, ", about 40 s left"},  /* one that takes longer */
                 {&endless, 1, 0, ""}};
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        km_progress_time_left(cases[i].progress, cases[i].number, cases[i].now, text, sizeof text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        what_is_right_passes,
        what_is_wrong_fails_and_is_named,
        json_is_escaped_and_separated,
        time_left_is_said_where_it_is_known,
    };
    return SUITE_OF("result", tests);
}
