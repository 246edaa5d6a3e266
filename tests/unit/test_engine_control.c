/* Seeing, stopping, saving and going on, by the public header of the engine.
 *
 * Ranks: 5. They work as communicators of 5; 3 and 2; and one rank alone. */
#include "engine.h"

#include <stdlib.h>

/* What a call was told, and what it is to be told. */
typedef struct watcher {
    MPI_Comm comm;
    int n_begun, n_ended, n_iterated, n_asked, n_exchanged;
    bool is_wrong; /* events that can't follow each other */
    bool is_fit;
    int64_t fit, number;
    int stop_after; /* iterations, on this rank; 0: never */
    int n_saved;
    char *state; /* the last, on rank 0 */
    size_t size;
    int fail_on; /* save number, on the last rank; 0: none */
    char **all;  /* states one after the other; NULL: only the last is kept */
    size_t *sizes;
} watcher;

static void observe(void *context, const skymeans_event *event)
{
    watcher *w = context;
    w->is_wrong = w->is_wrong || event->part > 1 || event->fit < 0;
    w->n_exchanged += event->kind == SKYMEANS_PHASE && event->doing != NULL &&
                      strcmp(event->doing, "exchanging samples between ranks") == 0;
    if (event->kind == SKYMEANS_FIT_BEGINS) {
        w->is_wrong = w->is_wrong || (w->n_begun > 0 && event->fit != w->fit + 1);
        w->is_fit = true;
        w->number = 0;
        w->fit = event->fit;
        w->n_begun++;
    } else if (event->kind == SKYMEANS_ITERATED) {
        w->is_wrong = w->is_wrong || !w->is_fit || event->fit != w->fit;
        w->is_wrong = w->is_wrong || (w->number > 0 && event->iteration->number != w->number + 1);
        w->number = event->iteration->number;
        w->n_iterated++;
    } else if (event->kind == SKYMEANS_FIT_ENDS) {
        w->is_wrong = w->is_wrong || !w->is_fit || event->fit != w->fit;
        w->is_fit = false;
        w->n_ended++;
    }
}

static int wants_stop(void *context)
{
    watcher *w = context;
    w->n_asked++;
    return w->stop_after > 0 && w->n_iterated >= w->stop_after;
}

static void keep_state(watcher *w, const void *state, size_t size)
{
    free(w->all == NULL ? w->state : NULL);
    w->state = malloc(size);
    memcpy(w->state, state, size);
    w->size = size;
    if (w->all != NULL) {
        w->all[w->n_saved] = w->state;
        w->sizes[w->n_saved] = size;
    }
}

/* Collective over the call's ranks, which it proves by a call. */
static int save(void *context, const void *state, size_t size, skymeans_error *error)
{
    watcher *w = context;
    const int rank = km_comm_rank(w->comm);
    MPI_Barrier(w->comm);
    w->is_wrong = w->is_wrong || (state != NULL) != (rank == 0);
    if (state != NULL)
        keep_state(w, state, size);
    w->n_saved++;
    if (w->n_saved == w->fail_on && rank == km_comm_size(w->comm) - 1) {
        error->code = 42;
        snprintf(error->text, sizeof error->text, "the disk is full");
        return 1;
    }
    return 0;
}

static skymeans_control control_of(watcher *w, MPI_Comm comm)
{
    skymeans_control control = SKYMEANS_CONTROL;
    w->comm = comm;
    control.context = w;
    control.observe = observe;
    control.wants_stop = wants_stop;
    return control;
}

static mock_rows some_rows(MPI_Comm comm)
{
    return (mock_rows){.n = 2000,
                       .d = 2,
                       .type = SKYMEANS_FLOAT64,
                       .missing = 0.02,
                       .share = SHARE_UNEVEN,
                       .comm = comm};
}

static skymeans_problem some_problem(int64_t k, int64_t restarts)
{
    skymeans_problem problem = SKYMEANS_PROBLEM(k);
    problem.max_iterations = 5;
    problem.tolerance = 0;
    problem.restarts = restarts;
    return problem;
}

START_TEST(events_in_order)
{
    mock_rows m = some_rows(MPI_COMM_WORLD);
    skymeans_problem problem = some_problem(110, 3);
    problem.max_iterations = 75; /* for which an exchange pays */
    problem.tolerance = 0.1;
    watcher w = {0};
    const skymeans_control control = control_of(&w, m.comm);
    skymeans_manner manner = SKYMEANS_MANNER;
    manner.algorithm = "tree";
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, &problem, &manner, &control, m.comm);
    ck_assert_int_eq(w.n_exchanged, km_comm_size(m.comm) > 1 ? 3 : 0);
    ck_assert(w.n_begun == 3 && w.n_ended == 3 && !w.is_wrong && w.n_asked > 0);
    ck_assert(w.n_iterated >= 3 && w.n_iterated <= 15);
    ck_assert_all(digest(&m, answer, true) == fit_rows(&m, &problem, NULL));
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}
END_TEST

/* Without a place to save, a call that is stopped has the labels of where it was. */
START_TEST(one_rank_wants_to_stop)
{
    mock_rows m = some_rows(MPI_COMM_WORLD);
    const int last = km_comm_size(m.comm) - 1;
    skymeans_problem problem = some_problem(110, 4);
    watcher w = {.stop_after = km_comm_rank(m.comm) == last ? 2 : 0};
    const skymeans_control control = control_of(&w, m.comm);
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, &problem, NULL, &control, m.comm);
    skymeans_summary s = summary_of(answer);
    ck_assert(s.stop == SKYMEANS_STOP_WISH && s.is_complete && s.n_fits == 1);
    const uint64_t labels = digest_labels(&m, answer);
    problem.restarts = 1;
    problem.max_iterations = s.n_iterations;
    skymeans_answer *other = fit_samples(samples, &problem, NULL, NULL, m.comm);
    ck_assert_all(digest_labels(&m, other) == labels);
    ck_assert(summary_of(other).stop == SKYMEANS_STOP_MAX_ITERATIONS);
    skymeans_answer_free(other);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}
END_TEST

/* Time that is up at once still gives one fit, or a state if there is a place for it. */
START_TEST(time_is_up)
{
    mock_rows m = some_rows(MPI_COMM_WORLD);
    const skymeans_problem problem = some_problem(110, 4);
    watcher w = {0};
    skymeans_control control = control_of(&w, m.comm);
    control.seconds = 1e-9;
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, &problem, NULL, &control, m.comm);
    ck_assert(summary_of(answer).stop == SKYMEANS_STOP_TIME && summary_of(answer).is_complete);
    skymeans_answer_free(answer);
    w = (watcher){.comm = m.comm};
    control.save = save;
    answer = fit_samples(samples, &problem, NULL, &control, m.comm);
    ck_assert(summary_of(answer).stop == SKYMEANS_STOP_TIME && !summary_of(answer).is_complete);
    ck_assert(w.n_saved >= 1 && !w.is_wrong && skymeans_labels(answer) == NULL);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    free(w.state);
}
END_TEST

/* A call that was stopped and saved leaves samples that can be used for anything. */
START_TEST(samples_after_a_stop)
{
    mock_rows m = some_rows(MPI_COMM_WORLD);
    const skymeans_problem problem = some_problem(110, 4);
    watcher w = {.stop_after = 7};
    skymeans_control control = control_of(&w, m.comm);
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *whole = fit_samples(samples, &problem, NULL, NULL, m.comm), *predicted;
    control.save = save;
    skymeans_answer *answer = fit_samples(samples, &problem, NULL, &control, m.comm);
    skymeans_error error;
    double *distances = malloc(2000 * sizeof *distances);
    ck_assert(!summary_of(answer).is_complete && skymeans_centers(answer) != NULL);
    ck_assert_int_eq(skymeans_distances(whole, samples, distances, &error), SKYMEANS_OK);
    ck_assert_int_eq(skymeans_distances(answer, samples, distances, &error), SKYMEANS_USAGE);
    ck_assert_int_eq(skymeans_predict(&predicted, whole, samples, NULL, m.comm, &error), 0);
    ck_assert_all(digest_labels(&m, predicted) == digest_labels(&m, whole));
    skymeans_answer *again = fit_samples(samples, &problem, NULL, NULL, m.comm);
    ck_assert_all(digest(&m, again, true) == digest(&m, whole, true));
    skymeans_answer_free(again);
    skymeans_answer_free(predicted);
    skymeans_answer_free(answer);
    skymeans_answer_free(whole);
    skymeans_samples_free(samples);
    free(distances);
    free(w.state);
}
END_TEST

START_TEST(saving_fails)
{
    mock_rows m = some_rows(MPI_COMM_WORLD);
    const skymeans_problem problem = some_problem(110, 2);
    watcher w = {.fail_on = 3};
    skymeans_control control = control_of(&w, m.comm);
    skymeans_answer *answer;
    skymeans_error error;
    control.save = save;
    control.save_interval = 0;
    skymeans_samples *samples = make_samples(&m);
    ck_assert_int_eq(skymeans_fit(&answer, &problem, samples, NULL, &control, m.comm, &error), 42);
    ck_assert(answer == NULL && error.code == 42 && strcmp(error.text, "the disk is full") == 0);
    ck_assert_int_eq(w.n_saved, 3);
    answer = fit_samples(samples, &problem, NULL, NULL, m.comm);
    ck_assert_all(digest(&m, answer, true) == fit_rows(&m, &problem, NULL));
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    free(w.state);
}
END_TEST

/* ---- going on -------------------------------------------------------------------------------- */

enum { MOST_STATES = 64 };

/* Saves after every iteration, on all ranks of the world. Rank 0 has the states; all their sizes.
 */
static int save_all(mock_rows m, const skymeans_problem *problem, char **all, size_t *sizes)
{
    watcher w = {.all = all, .sizes = sizes};
    skymeans_control control = control_of(&w, m.comm);
    control.save = save;
    control.save_interval = 0;
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer_free(fit_samples(samples, problem, NULL, &control, m.comm));
    skymeans_samples_free(samples);
    ck_assert(!w.is_wrong && w.n_saved < MOST_STATES);
    for (int i = 0; i < w.n_saved; i++) { /* for other groups, whose first ranks are others */
        km_broadcast(m.comm, 0, &sizes[i], sizeof sizes[i]);
        if (km_comm_rank(m.comm) > 0)
            all[i] = malloc(sizes[i]);
        km_broadcast(m.comm, 0, all[i], (int64_t)sizes[i]);
    }
    return w.n_saved;
}

static int resume(const mock_rows *m, const skymeans_problem *problem, const void *state,
                  size_t size, skymeans_error *error, uint64_t *found)
{
    skymeans_control control = SKYMEANS_CONTROL;
    skymeans_manner manner = SKYMEANS_MANNER;
    skymeans_answer *answer;
    control.resume = km_comm_rank(m->comm) == 0 ? state : NULL;
    control.resume_size = size;
    manner.algorithm = problem->restarts == 2 ? "tree" : "lloyd";
    skymeans_samples *samples = make_samples(m);
    const int code = skymeans_fit(&answer, problem, samples, &manner, &control, m->comm, error);
    ck_assert((answer == NULL) == (code != SKYMEANS_OK));
    *found = code == SKYMEANS_OK ? digest(m, answer, true) : 0;
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    return code;
}

START_TEST(going_on_elsewhere)
{
    char *all[MOST_STATES];
    size_t sizes[MOST_STATES];
    MPI_Comm comms[N_GROUPINGS];
    mock_rows m = some_rows(MPI_COMM_WORLD);
    const skymeans_problem problem = some_problem(110, 2);
    const uint64_t right = fit_rows(&m, &problem, NULL);
    const int n = save_all(m, &problem, all, sizes);
    ck_assert(n >= 5);
    make_groups(comms);
    for (int i = 0; i < n; i++)
        for (int g = 0; g < N_GROUPINGS; g++) {
            skymeans_error error;
            uint64_t found;
            m.comm = comms[g];
            const int code = resume(&m, &problem, all[i], sizes[i], &error, &found);
            ck_assert_msg(code == SKYMEANS_OK, "%s", error.text);
            ck_assert_all(found == right);
        }
    for (int i = 0; i < n; i++)
        free(all[i]);
    free_groups(comms);
}
END_TEST

/* A stop in any iteration, and then the rest. */
START_TEST(stopped_and_gone_on)
{
    const skymeans_problem problem = some_problem(8, 3);
    mock_rows m = some_rows(MPI_COMM_WORLD);
    const uint64_t right = fit_rows(&m, &problem, NULL);
    for (int i = 1; i < 15; i += 2) {
        watcher w = {.stop_after = i};
        skymeans_control control = control_of(&w, m.comm);
        skymeans_error error;
        uint64_t found;
        control.save = save;
        skymeans_samples *samples = make_samples(&m);
        skymeans_answer *answer = fit_samples(samples, &problem, NULL, &control, m.comm);
        const bool is_complete = summary_of(answer).is_complete;
        ck_assert(is_complete == (w.state == NULL) || km_comm_rank(m.comm) > 0);
        if (!is_complete)
            ck_assert_int_eq(resume(&m, &problem, w.state, w.size, &error, &found), SKYMEANS_OK);
        else
            found = digest(&m, answer, true);
        ck_assert_all(found == right);
        skymeans_answer_free(answer);
        skymeans_samples_free(samples);
        free(w.state);
    }
}
END_TEST

START_TEST(damaged_states)
{
    char *all[MOST_STATES];
    size_t sizes[MOST_STATES];
    mock_rows m = some_rows(MPI_COMM_WORLD);
    skymeans_problem problem = some_problem(2, 2);
    m.n = 200;
    const uint64_t right = fit_rows(&m, &problem, NULL);
    const int n = save_all(m, &problem, all, sizes);
    skymeans_error error;
    uint64_t found;
    m.comm = MPI_COMM_SELF; /* each rank tries others */
    const size_t rank = (size_t)km_comm_rank(MPI_COMM_WORLD);
    const size_t n_ranks = (size_t)km_comm_size(MPI_COMM_WORLD);
    char *state = all[n - 1];
    for (size_t i = rank; i < sizes[n - 1]; i += n_ranks) {
        state[i] ^= (char)(1 << i % 8);
        const int code = resume(&m, &problem, state, sizes[n - 1], &error, &found);
        ck_assert(code == SKYMEANS_DATA || (code == SKYMEANS_OK && found == right));
        state[i] ^= (char)(1 << i % 8);
    }
    for (size_t size = rank; size < sizes[n - 1]; size += 7 * n_ranks) /* cut off */
        ck_assert_int_eq(resume(&m, &problem, state, size, &error, &found), SKYMEANS_DATA);
    for (int i = 0; i < n; i++)
        free(all[i]);
}
END_TEST

START_TEST(foreign_states)
{
    char *all[MOST_STATES];
    size_t sizes[MOST_STATES];
    mock_rows m = some_rows(MPI_COMM_WORLD);
    skymeans_problem problem = some_problem(4, 2), others[4];
    const int n = save_all(m, &problem, all, sizes);
    skymeans_error error;
    uint64_t found;
    for (int i = 0; i < 4; i++)
        others[i] = problem;
    others[0].n_clusters = 5;
    others[1].random_seed = 1;
    others[2].tolerance = 0.25;
    others[3].scale = "minmax";
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(resume(&m, &others[i], all[n - 1], sizes[n - 1], &error, &found),
                         SKYMEANS_DATA);
        ck_assert(strchr(error.text, '\n') == NULL && strstr(error.text, "another problem"));
        ck_assert(skymeans_problem_difference(&problem, &others[i], m.d) != NULL);
    }
    m.missing = 0.01; /* other rows */
    ck_assert_int_eq(resume(&m, &problem, all[n - 1], sizes[n - 1], &error, &found), SKYMEANS_DATA);
    for (int i = 0; i < n; i++)
        free(all[i]);
}
END_TEST

/* Nothing is drawn for given centers, but for the rows that clusters are balanced by. */
START_TEST(states_of_given_centers)
{
    const double centers[4 * 2] = {0, 0, 1, 0, 0, 1, 1, 1};
    for (int is_balanced = 0; is_balanced < 2; is_balanced++) {
        char *all[MOST_STATES];
        size_t sizes[MOST_STATES];
        const mock_rows m = some_rows(MPI_COMM_WORLD);
        skymeans_problem problem = some_problem(4, 1);
        skymeans_error error;
        uint64_t found;
        problem.first_centers = centers;
        problem.balance = is_balanced ? "count" : NULL;
        const int n = save_all(m, &problem, all, sizes);
        problem.random_seed = 1;
        ck_assert_int_eq(resume(&m, &problem, all[0], sizes[0], &error, &found),
                         is_balanced ? SKYMEANS_DATA : SKYMEANS_OK);
        for (int i = 0; i < n; i++)
            free(all[i]);
    }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        events_in_order, one_rank_wants_to_stop, time_is_up,          samples_after_a_stop,
        saving_fails,    going_on_elsewhere,     stopped_and_gone_on, damaged_states,
        foreign_states,  states_of_given_centers};
    return SUITE_OF("engine_control", tests);
}
