/* What can't be asked of the engine comes back as a code and one line, the same on all ranks.
 *
 * Ranks: 1, 3. */
#include "engine.h"

static mock_rows small_rows(void)
{
    return (mock_rows){.n = 200, .d = 3, .type = SKYMEANS_FLOAT64, .comm = MPI_COMM_WORLD};
}

/* Collective: is an error one line, with its code, and the same on all ranks? */
static void check_error(int code, int wanted, const skymeans_error *error)
{
    ck_assert_msg(code == wanted && error->code == wanted, "%d, not %d: %s", code, wanted,
                  error->text);
    ck_assert(error->text[0] != '\0' && strchr(error->text, '\n') == NULL);
    ck_assert_all(is_same_everywhere(hash_memory(error->text, strlen(error->text))));
}

/* ---- problems, manners and controls that can't be -------------------------------------------- */

typedef struct asked {
    skymeans_problem problem;
    skymeans_manner manner;
    skymeans_control control;
} asked;

#define ASK(name, change)      \
    static void name(asked *a) \
    {                          \
        change;                \
    }

static const double FIRST[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const double NO_NUMBERS[9] = {NAN, 2, 3, 4, 5, 6, 7, 8, 9};
ASK(no_size, a->problem.size = 0)
ASK(newer_size, a->problem.size += 8)
ASK(no_cluster, a->problem.n_clusters = 0)
ASK(negative_clusters, a->problem.n_clusters = INT64_MIN)
ASK(many_clusters, a->problem.n_clusters = INT64_MAX)
ASK(no_seeding, a->problem.seeding = "two\nlines")
ASK(few_seeding_rows, a->problem.seeding_rows = 2)
ASK(negative_seeding_rows, a->problem.seeding_rows = -1)
ASK(no_restart, a->problem.restarts = 0)
ASK(no_iteration, a->problem.max_iterations = 0)
ASK(negative_tolerance, a->problem.tolerance = -1e-9)
ASK(nan_tolerance, a->problem.tolerance = NAN)
ASK(no_scale, a->problem.scale = "log")
ASK(no_missing, a->problem.missing = "")
ASK(no_algorithm, a->manner.algorithm = "fastest")
ASK(no_kernel, a->manner.kernel = "cray")
ASK(negative_threads, a->manner.threads = -1)
ASK(many_threads, a->manner.threads = INT64_MAX)
ASK(no_second, a->manner.second = 2)
ASK(manner_size, a->manner.size = 1)
ASK(control_size, a->control.size = 7777)
ASK(negative_seconds, a->control.seconds = -1)
ASK(nan_seconds, a->control.seconds = NAN)
ASK(negative_interval, a->control.save_interval = -1)
ASK(first_and_restarts, a->problem.first_centers = FIRST; a->problem.restarts = 2)

static void (*const USAGE[])(asked *) = {
    no_size,       newer_size,         no_cluster,       negative_clusters, many_clusters,
    no_seeding,    few_seeding_rows,   no_restart,       no_iteration,      negative_seeding_rows,
    nan_tolerance, negative_tolerance, no_scale,         no_missing,        no_algorithm,
    no_kernel,     negative_threads,   many_threads,     manner_size,       control_size,
    no_second,     first_and_restarts, negative_seconds, nan_seconds,       negative_interval};
ASK(too_many_clusters, a->problem.n_clusters = 201)
ASK(most_clusters, a->problem.n_clusters = INT32_MAX)
ASK(first_centers_of_nan, a->problem.first_centers = NO_NUMBERS)
ASK(no_state, a->control.resume = ""; a->control.resume_size = 0)

static void (*const DATA[])(asked *) = {too_many_clusters, most_clusters, first_centers_of_nan,
                                        no_state};

static asked usual(void)
{
    const skymeans_problem problem = SKYMEANS_PROBLEM(3);
    const skymeans_manner manner = SKYMEANS_MANNER;
    const skymeans_control control = SKYMEANS_CONTROL;
    return (asked){problem, manner, control};
}

static void refuse(skymeans_samples *samples, void (*change)(asked *), int wanted)
{
    skymeans_answer *answer = (void *)&answer;
    skymeans_error error;
    asked a = usual();
    change(&a);
    const int code =
        skymeans_fit(&answer, &a.problem, samples, &a.manner, &a.control, MPI_COMM_WORLD, &error);
    check_error(code, wanted, &error);
    ck_assert_ptr_null(answer);
}

START_TEST(what_can_not_be_asked)
{
    mock_rows m = small_rows();
    asked a = usual();
    skymeans_samples *samples = make_samples(&m);
    for (size_t i = 0; i < sizeof USAGE / sizeof *USAGE; i++)
        refuse(samples, USAGE[i], SKYMEANS_USAGE);
    for (size_t i = 0; i < sizeof DATA / sizeof *DATA; i++)
        refuse(samples, DATA[i], SKYMEANS_DATA);
    skymeans_answer *answer = fit_samples(samples, &a.problem, NULL, NULL, m.comm);
    ck_assert_all(digest(&m, answer, true) == fit_rows(&m, &a.problem, NULL));
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}
END_TEST

/* What the last rank asks for otherwise than the others, which all ask for the first. */
static const double FACTORS[3] = {1, 2, 3};
static const int64_t SEVERAL[] = {2, 3}, OTHERS[] = {1, 3};
ASK(nothing, (void)a)
ASK(several, a->problem.several = SEVERAL; a->problem.n_several = 2)
ASK(one_more_cluster, a->problem.n_clusters++)
ASK(one_more_iteration, a->problem.max_iterations++)
ASK(one_more_restart, a->problem.restarts++)
ASK(given_centers, a->problem.first_centers = FIRST)
ASK(other_seeding, a->problem.seeding = "random")
ASK(other_seeding_rows, a->problem.seeding_rows = 100)
ASK(other_seed, a->problem.random_seed = 1)
ASK(other_tolerance, a->problem.tolerance = 0)
ASK(other_scale, a->problem.scale = "minmax")
ASK(other_missing, a->problem.missing = "error")
ASK(with_factors, a->problem.factors = FACTORS)
ASK(on_the_sky, a->problem.sky = 1)
ASK(balanced, a->problem.balance = "count")
ASK(other_numbers, a->problem.several = OTHERS; a->problem.n_several = 2)
ASK(other_choice, several(a); a->problem.choose = "davies-bouldin")
ASK(with_bootstrap, several(a); a->problem.bootstrap = 1)
ASK(with_gap, several(a); a->problem.gap = 1)
ASK(other_algorithm, a->manner.algorithm = "tree")
ASK(with_second, a->manner.second = 1)
ASK(no_cluster_at_all, a->problem.n_clusters = 0)

static const struct {
    void (*all)(asked *), (*last)(asked *);
} DISAGREE[] = {{nothing, one_more_cluster}, {nothing, one_more_iteration},
                {nothing, one_more_restart}, {nothing, given_centers},
                {nothing, other_seeding},    {nothing, other_seeding_rows},
                {nothing, other_seed},       {nothing, other_tolerance},
                {nothing, other_scale},      {nothing, other_missing},
                {nothing, with_factors},     {nothing, on_the_sky},
                {nothing, balanced},         {nothing, several},
                {several, other_numbers},    {several, other_choice},
                {several, with_bootstrap},   {several, with_gap},
                {nothing, other_algorithm},  {nothing, with_second},
                {nothing, no_cluster_at_all}};

/* What differs between ranks is said, and no rank waits for others. */
START_TEST(ranks_that_disagree)
{
    mock_rows m = small_rows();
    skymeans_samples *samples = make_samples(&m);
    const bool is_last = km_comm_rank(m.comm) == km_comm_size(m.comm) - 1;
    skymeans_answer *answer;
    skymeans_error error;
    for (size_t i = 0; i < sizeof DISAGREE / sizeof *DISAGREE && km_comm_size(m.comm) > 1; i++) {
        asked a = usual();
        (is_last ? DISAGREE[i].last : DISAGREE[i].all)(&a);
        const int code =
            skymeans_fit(&answer, &a.problem, samples, &a.manner, &a.control, m.comm, &error);
        check_error(code, SKYMEANS_USAGE, &error);
    }
    for (int threads = 1; threads < 4; threads++) { /* which may differ */
        asked a = usual();
        a.manner.threads = is_last ? threads : 0;
        skymeans_answer_free(fit_samples(samples, &a.problem, &a.manner, NULL, m.comm));
    }
    skymeans_samples_free(samples);
}
END_TEST

/* The last rank predicts by a model that does not fit the samples, or by another one. */
START_TEST(ranks_with_other_models)
{
    mock_rows m = small_rows();
    const bool is_last = km_comm_rank(m.comm) == km_comm_size(m.comm) - 1;
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer, *fitted;
    skymeans_error error;
    for (int d = 2; d < 4 && km_comm_size(m.comm) > 1; d++) {
        skymeans_model model = SKYMEANS_MODEL;
        model.n_clusters = is_last ? 2 : 3;
        model.n_features = is_last ? d : 3;
        model.working_centers = FIRST;
        ck_assert_int_eq(skymeans_answer_from_model(&fitted, &model, &error), SKYMEANS_OK);
        const int code = skymeans_predict(&answer, fitted, samples, NULL, m.comm, &error);
        check_error(code, SKYMEANS_USAGE, &error);
        skymeans_answer_free(fitted);
    }
    skymeans_samples_free(samples);
}
END_TEST

START_TEST(null_and_other_communicators)
{
    mock_rows m = small_rows();
    const asked a = usual();
    skymeans_samples *samples = make_samples(&m), *none;
    skymeans_answer *answer;
    skymeans_error error;
    check_error(skymeans_fit(&answer, NULL, samples, NULL, NULL, m.comm, &error), SKYMEANS_USAGE,
                &error);
    check_error(skymeans_fit(&answer, &a.problem, NULL, NULL, NULL, m.comm, &error), SKYMEANS_USAGE,
                &error);
    check_error(skymeans_fit(NULL, &a.problem, samples, NULL, NULL, m.comm, &error), SKYMEANS_USAGE,
                &error);
    check_error(skymeans_fit(&answer, &a.problem, samples, NULL, NULL, MPI_COMM_NULL, &error),
                SKYMEANS_USAGE, &error);
    check_error(skymeans_predict(&answer, NULL, samples, NULL, m.comm, &error), SKYMEANS_USAGE,
                &error);
    check_error(skymeans_samples_create(&none, NULL, m.comm, &error), SKYMEANS_USAGE, &error);
    check_error(skymeans_answer_from_model(&answer, NULL, &error), SKYMEANS_USAGE, &error);
    ck_assert_int_eq(skymeans_fit(&answer, NULL, samples, NULL, NULL, m.comm, NULL),
                     SKYMEANS_USAGE);
    if (km_comm_size(m.comm) > 1)
        ck_assert_int_eq(
            skymeans_fit(&answer, &a.problem, samples, NULL, NULL, MPI_COMM_SELF, &error),
            SKYMEANS_USAGE);
    skymeans_answer_free(NULL);
    skymeans_samples_free(NULL);
    skymeans_samples_free(samples);
}
END_TEST

/* The first rank beside all others. */
START_TEST(intercommunicators)
{
    mock_rows m = small_rows();
    const int rank = km_comm_rank(m.comm);
    MPI_Comm group, between;
    skymeans_samples *samples = (void *)&samples;
    skymeans_rows rows = SKYMEANS_ROWS;
    skymeans_error error;
    if (km_comm_size(m.comm) == 1)
        return;
    MPI_Comm_split(m.comm, rank == 0, rank, &group);
    MPI_Intercomm_create(group, 0, m.comm, rank == 0 ? 1 : 0, 0, &between);
    rows.n_features = 1;
    check_error(skymeans_samples_create(&samples, &rows, between, &error), SKYMEANS_USAGE, &error);
    ck_assert_ptr_null(samples);
    MPI_Comm_free(&between);
    MPI_Comm_free(&group);
}
END_TEST

/* ---- rows that can't be ---------------------------------------------------------------------- */

#define CHANGE(name, change)           \
    static void name(skymeans_rows *r) \
    {                                  \
        change;                        \
    }
CHANGE(no_feature, r->n_features = 0)
CHANGE(many_features, r->n_features = INT64_MAX; r->n_rows = 0)
CHANGE(negative_rows, r->n_rows = -1)
CHANGE(many_rows, r->n_rows = (int64_t)1 << 32)
CHANGE(no_values, r->values = NULL)
CHANGE(no_type, r->type = (skymeans_type)9)
CHANGE(negative_row, r->first_row = -2)
CHANGE(last_row, r->first_row = INT64_MAX)
CHANGE(rows_size, r->size = 3)
static void no_column(skymeans_rows *r)
{
    static const void *const columns[3] = {NULL, NULL, NULL};
    r->columns = columns;
}

static void (*const ROWS[])(skymeans_rows *) = {no_feature, many_features, negative_rows, many_rows,
                                                no_values,  no_type,       negative_row,  last_row,
                                                rows_size,  no_column};

/* Of some ranks only, which the others can't know. */
CHANGE(other_features, r->n_features = 2)
CHANGE(other_type, r->type = SKYMEANS_FLOAT32)
CHANGE(no_weights, r->weights = NULL)
CHANGE(given_row, r->first_row = 0)

static void (*const SOME[])(skymeans_rows *) = {other_features, other_type, no_weights, given_row};

static void refuse_rows(const mock_rows *m, void (*change)(skymeans_rows *), bool is_changed)
{
    handed h;
    skymeans_samples *samples = (void *)&samples;
    skymeans_error error;
    hand_over(m, &h);
    if (is_changed)
        change(&h.rows);
    check_error(skymeans_samples_create(&samples, &h.rows, m->comm, &error), SKYMEANS_USAGE,
                &error);
    ck_assert_ptr_null(samples);
    drop_rows(&h);
}

START_TEST(rows_that_can_not_be)
{
    mock_rows m = small_rows();
    m.has_weights = true;
    const int rank = km_comm_rank(m.comm), n_ranks = km_comm_size(m.comm);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        refuse_rows(&m, ROWS[i], true);
        refuse_rows(&m, ROWS[i], rank == n_ranks - 1);
    }
    for (size_t i = 0; n_ranks > 1 && i < sizeof SOME / sizeof *SOME; i++)
        refuse_rows(&m, SOME[i], rank == n_ranks - 1);
    m.has_numbers = true;
    if (n_ranks > 1) /* numbers that ranks have both */
        refuse_rows(&m, given_row, rank == 1);
}
END_TEST

/* A weight that can't be, by value and rank; or all of them 0. */
START_TEST(bad_weights)
{
    const double bad[] = {-1, -0x1p-1074, NAN, INFINITY, -INFINITY};
    mock_rows m = small_rows();
    const asked a = usual();
    skymeans_samples *samples;
    skymeans_answer *answer;
    skymeans_error error;
    handed h;
    m.has_weights = true;
    for (int i = 0; i < 6; i++) {
        hand_over(&m, &h);
        for (int64_t row = 0; row < h.rows.n_rows; row++)
            h.weights[2 * row] = i < 5 ? h.weights[2 * row] : 0;
        if (i < 5 && km_comm_rank(m.comm) == km_comm_size(m.comm) - 1)
            h.weights[2 * (h.rows.n_rows / 2)] = bad[i];
        const int code = skymeans_samples_create(&samples, &h.rows, m.comm, &error);
        free(h.memory);
        free(h.weights);
        if (i < 5) {
            check_error(code, SKYMEANS_DATA, &error);
            continue;
        }
        for (int again = 0; again < 2; again++)
            check_error(skymeans_fit(&answer, &a.problem, samples, NULL, NULL, m.comm, &error),
                        SKYMEANS_DATA, &error);
        skymeans_samples_free(samples);
    }
}
END_TEST

/* Values that are further apart than the largest double; all missing; some missing, which fails. */
START_TEST(samples_that_can_not_be_fitted)
{
    mock_rows m = small_rows();
    asked a = usual();
    skymeans_answer *answer;
    skymeans_samples *samples;
    skymeans_error error;
    handed h;
    hand_over(&m, &h);
    for (int64_t i = 0; i < h.rows.n_rows; i++)
        ((double *)h.memory)[3 * i] = i % 2 == 0 ? 1.7e308 : -1.7e308;
    ck_assert_int_eq(skymeans_samples_create(&samples, &h.rows, m.comm, &error), SKYMEANS_OK);
    free(h.memory);
    free(h.weights);
    for (int again = 0; again < 2; again++)
        check_error(skymeans_fit(&answer, &a.problem, samples, NULL, NULL, m.comm, &error),
                    SKYMEANS_DATA, &error);
    skymeans_samples_free(samples);
    for (int i = 0; i < 3; i++) {
        m.n = i == 0 ? 0 : 200;
        m.missing = i == 1 ? 2 : 0.2;
        m.d = i == 1 ? 1 : 3;
        a.problem.missing = i == 2 ? "error" : "drop";
        samples = make_samples(&m);
        check_error(skymeans_fit(&answer, &a.problem, samples, NULL, NULL, m.comm, &error),
                    SKYMEANS_DATA, &error);
        skymeans_samples_free(samples);
    }
}
END_TEST

/* Samples of the values of the rows times a factor, or of unit vectors of which one is longer. */
static skymeans_samples *other_samples(const mock_rows *m, double factor, int64_t longer,
                                       double length)
{
    skymeans_samples *samples;
    skymeans_error error;
    handed h;
    hand_over(m, &h);
    double *values = (double *)h.memory;
    const int64_t first = mock_first(m, km_comm_rank(m->comm));
    for (int64_t i = 0; i < 3 * h.rows.n_rows && factor != 0; i++)
        values[i] *= factor;
    for (int64_t i = 0; i < h.rows.n_rows && factor == 0; i++) {
        const double size = first + i == longer ? length : 1, angle = 0.1 * (double)(first + i);
        values[3 * i] = size * cos(angle);
        values[3 * i + 1] = size * sin(angle);
        values[3 * i + 2] = 0;
    }
    ck_assert_int_eq(skymeans_samples_create(&samples, &h.rows, m->comm, &error), SKYMEANS_OK);
    free(h.memory);
    free(h.weights);
    return samples;
}

/* Squares that are infinite, or 0: one fit has an answer, and of several none is the best. */
START_TEST(fits_that_can_not_be_compared)
{
    const double factors[] = {1e160, 1e-170};
    const mock_rows m = small_rows();
    for (int i = 0; i < 2; i++) {
        asked a = usual();
        skymeans_answer *answer;
        skymeans_error error;
        skymeans_samples *samples = other_samples(&m, factors[i], -1, 1);
        ck_assert_int_eq(skymeans_fit(&answer, &a.problem, samples, NULL, NULL, m.comm, &error),
                         SKYMEANS_OK);
        skymeans_answer_free(answer);
        a.problem.restarts = 3;
        check_error(skymeans_fit(&answer, &a.problem, samples, NULL, NULL, m.comm, &error),
                    SKYMEANS_DATA, &error);
        ck_assert_ptr_nonnull(strstr(error.text, "none of 3 restarts is the best"));
        skymeans_samples_free(samples);
    }
}
END_TEST

/* Positions on the sky are unit vectors, but for roundings of float32, in a fit and a prediction.
 */
START_TEST(rows_that_are_not_on_the_sky)
{
    const mock_rows m = small_rows();
    asked a = usual();
    skymeans_answer *answer, *labels;
    skymeans_error error;
    a.problem.sky = 2;
    skymeans_samples *samples = other_samples(&m, 0, 77, 1 + 1e-7);
    ck_assert_int_eq(skymeans_fit(&answer, &a.problem, samples, NULL, NULL, m.comm, &error),
                     SKYMEANS_OK);
    skymeans_samples_free(samples);
    const double lengths[] = {1.001, 0, 57.3};
    for (int i = 0; i < 6; i++) {
        samples = other_samples(&m, 0, 77 + i, lengths[i % 3]);
        const int code =
            i < 3 ? skymeans_fit(&labels, &a.problem, samples, NULL, NULL, m.comm, &error)
                  : skymeans_predict(&labels, answer, samples, NULL, m.comm, &error);
        check_error(code, SKYMEANS_DATA, &error);
        char row[32];
        snprintf(row, sizeof row, "(row %d)", 77 + i);
        ck_assert_msg(strstr(error.text, row) != NULL, "%s", error.text);
        skymeans_samples_free(samples);
    }
    skymeans_answer_free(answer);
}
END_TEST

START_TEST(used_otherwise)
{
    mock_rows m = small_rows(), others = small_rows();
    asked a = usual();
    others.d = 2;
    skymeans_samples *samples = make_samples(&m), *fresh = make_samples(&m);
    skymeans_samples *narrow = make_samples(&others);
    skymeans_answer *answer = fit_samples(samples, &a.problem, NULL, NULL, m.comm), *second;
    skymeans_error error;
    check_error(skymeans_predict(&second, answer, narrow, NULL, m.comm, &error), SKYMEANS_USAGE,
                &error);
    a.problem.scale = "standard";
    check_error(skymeans_fit(&second, &a.problem, samples, NULL, NULL, m.comm, &error),
                SKYMEANS_USAGE, &error);
    ck_assert_int_eq(skymeans_predict(&second, answer, fresh, NULL, m.comm, &error), SKYMEANS_OK);
    skymeans_answer_free(second);
    check_error(skymeans_fit(&second, &a.problem, fresh, NULL, NULL, m.comm, &error),
                SKYMEANS_USAGE, &error);
    skymeans_samples_free(samples);
    skymeans_samples_free(fresh);
    skymeans_samples_free(narrow);
    skymeans_answer_free(answer);
}
END_TEST

START_TEST(bad_models)
{
    const int64_t others[][3] = {{0, 1, 3}, {-1, 1, 2}, {2, 1, 2}};
    for (int i = 0; i < 13; i++) {
        skymeans_model model = SKYMEANS_MODEL;
        skymeans_answer *answer;
        skymeans_error error;
        model.n_clusters = i == 0 ? 0 : i == 1 ? INT64_MAX : i == 6 ? INT32_MAX : 3;
        model.n_features = i == 2 ? 0 : i == 6 ? INT64_MAX : 3;
        model.working_centers = i == 3 ? NULL : i == 7 ? NO_NUMBERS : FIRST;
        model.scale = i == 4 ? "cubic" : "none";
        model.exponent = i == 8 ? INT_MIN : i == 9 ? 5000 : 0;
        model.numbers = i >= 10 ? others[i - 10] : NULL;
        model.type = i == 5 ? (skymeans_type)5 : SKYMEANS_FLOAT64;
        check_error(skymeans_answer_from_model(&answer, &model, &error), SKYMEANS_USAGE, &error);
        ck_assert_ptr_null(answer);
    }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {what_can_not_be_asked,
                                  ranks_that_disagree,
                                  ranks_with_other_models,
                                  null_and_other_communicators,
                                  intercommunicators,
                                  rows_that_can_not_be,
                                  bad_weights,
                                  samples_that_can_not_be_fitted,
                                  used_otherwise,
                                  fits_that_can_not_be_compared,
                                  rows_that_are_not_on_the_sky,
                                  bad_models};
    return SUITE_OF("engine_errors", tests);
}
