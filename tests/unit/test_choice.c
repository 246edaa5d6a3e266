/* Several numbers of clusters: the same bits on any ranks and with any method, also after stops. */
#include "engine.h"

#include <stdlib.h>

static const int64_t NUMBERS[] = {1, 2, 3, 6, 13};
enum { N_NUMBERS = sizeof NUMBERS / sizeof *NUMBERS };

static skymeans_problem several_problem(void)
{
    skymeans_problem problem = SKYMEANS_PROBLEM(0);
    problem.several = NUMBERS;
    problem.n_several = N_NUMBERS;
    problem.restarts = 2;
    problem.bootstrap = 2;
    problem.gap = 2;
    problem.tolerance = 0;
    return problem;
}

static uint64_t digest_choice(const mock_rows *m, const skymeans_answer *answer)
{
    int64_t kept;
    uint64_t hash = digest(m, answer, true);
    const int64_t n = skymeans_n_choices(answer, &kept);
    for (int64_t i = 0; i < n; i++) {
        skymeans_choice c = SKYMEANS_CHOICE;
        skymeans_choice_of(answer, i, &c);
        const double criteria[] = {c.inertia,        c.silhouette, c.calinski_harabasz,
                                   c.davies_bouldin, c.stability,  c.coincidence,
                                   c.bootstrap,      c.gap,        c.gap_error};
        for (size_t j = 0; j < sizeof criteria / sizeof *criteria; j++)
            hash = isnan(criteria[j]) ? km_mix(hash + 5) : km_hash_double(hash, criteria[j]);
        hash = km_mix(hash + (uint64_t)(c.n_clusters * 1000 + c.n_iterations));
        hash = km_hash_doubles(hash, c.centers, c.n_clusters * m->d);
    }
    return km_mix(hash + (uint64_t)(kept * 100 + n));
}

static uint64_t choose_rows(const mock_rows *m, const skymeans_problem *problem,
                            const skymeans_manner *manner)
{
    skymeans_samples *samples = make_samples(m);
    skymeans_answer *answer = fit_samples(samples, problem, manner, NULL, m->comm);
    const uint64_t found = digest_choice(m, answer);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    return found;
}

/* ---- one answer ------------------------------------------------------------------------------ */

/* With few rows, some ranks have none, and resampled rows may be fewer than the clusters. */
static const mock_rows CASES[] = {
    {.n = 700, .d = 3, .type = SKYMEANS_FLOAT64, .missing = 0.1},
    {.n = 700, .d = 3, .type = SKYMEANS_FLOAT32, .has_weights = true},
    {.n = 400, .d = 14, .type = SKYMEANS_FLOAT32, .has_numbers = true},
    {.n = 16, .d = 2, .type = SKYMEANS_FLOAT64, .share = SHARE_LAST_HAS_ALL},
};

static void compare_groupings(mock_rows m)
{
    static const char *const algorithms[N_GROUPINGS] = {"bounds", "tree", "lloyd"};
    MPI_Comm comms[N_GROUPINGS];
    const skymeans_problem problem = several_problem();
    uint64_t first = 0;
    make_groups(comms);
    for (int g = 0; g < N_GROUPINGS; g++) {
        skymeans_manner manner = SKYMEANS_MANNER;
        manner.algorithm = algorithms[g];
        manner.kernel = g == 1 ? "reference" : "auto";
        manner.threads = 1 + g % 2;
        m.comm = comms[g];
        const uint64_t found = choose_rows(&m, &problem, &manner);
        first = g == 0 ? found : first;
        ck_assert_all(found == first && is_same_everywhere(found));
    }
    free_groups(comms);
}

START_TEST(ranks_and_methods_do_not_matter)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        compare_groupings(CASES[i]);
}
END_TEST

/* With more clusters than distinct rows some are empty, and not the nearest other ones of any row.
 */
static void check_silhouettes(const skymeans_answer *answer)
{
    for (int64_t i = 3; i < 6; i++) {
        skymeans_choice c = SKYMEANS_CHOICE;
        skymeans_choice_of(answer, i, &c);
        ck_assert(c.inertia == 0 && c.silhouette == 1);
    }
}

/* Five clouds of this width far from each other. */
static void find_clouds(const char *criterion, double width)
{
    static const int64_t numbers[] = {2, 3, 4, 5, 6, 7};
    const mock_rows m = {.n = 300, .d = 2, .type = SKYMEANS_FLOAT64, .comm = MPI_COMM_WORLD};
    skymeans_problem problem = several_problem();
    problem.several = numbers;
    problem.n_several = 6;
    problem.restarts = 5;
    problem.bootstrap = problem.gap = 0;
    problem.choose = criterion;
    handed h;
    hand_over(&m, &h);
    double *values = (double *)(void *)h.memory;
    for (int64_t i = 0; i < h.rows.n_rows; i++) {
        const int64_t cloud = (mock_first(&m, km_comm_rank(m.comm)) + i) % 5;
        values[2 * i] = width * values[2 * i] + (double)(cloud * cloud * 10);
        values[2 * i + 1] = width * values[2 * i + 1] - (double)(cloud * 20);
    }
    h.hash = hash_memory(h.memory, h.bytes) + hash_memory(h.weights, h.weight_bytes);
    skymeans_samples *samples;
    skymeans_error error;
    ck_assert(skymeans_samples_create(&samples, &h.rows, m.comm, &error) == SKYMEANS_OK);
    skymeans_answer *answer = fit_samples(samples, &problem, NULL, NULL, m.comm);
    int64_t kept;
    ck_assert_all(skymeans_n_choices(answer, &kept) == 6 && kept == 3);
    ck_assert_all(summary_of(answer).n_clusters == 5);
    if (width == 0)
        check_silhouettes(answer);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    drop_rows(&h);
}

START_TEST(clouds_are_found)
{
    find_clouds("silhouette", 0.01);
    find_clouds("calinski-harabasz", 0.01);
    find_clouds("davies-bouldin", 0.01);
    find_clouds("silhouette", 0);
}
END_TEST

/* All fits with one cluster agree, which is no merit. */
static void check_one_cluster(const skymeans_problem *problem)
{
    mock_rows m = CASES[0];
    int64_t kept;
    m.comm = MPI_COMM_WORLD;
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, problem, NULL, NULL, m.comm);
    skymeans_choice one = SKYMEANS_CHOICE, two = SKYMEANS_CHOICE;
    skymeans_n_choices(answer, &kept);
    skymeans_choice_of(answer, 0, &one);
    skymeans_choice_of(answer, 1, &two);
    ck_assert_int_eq(one.n_clusters, 1);
    ck_assert(isnan(one.stability) && isnan(one.coincidence) && isnan(one.bootstrap));
    ck_assert(isnan(two.bootstrap) == (problem->bootstrap == 0) && !isnan(two.stability));
    ck_assert_int_ne(kept, 0);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}

START_TEST(one_cluster_is_not_stable)
{
    skymeans_problem problem = several_problem();
    problem.choose = "stability";
    check_one_cluster(&problem);
    problem.bootstrap = 0;
    check_one_cluster(&problem);
}
END_TEST

/* ---- stopping -------------------------------------------------------------------------------- */

typedef struct stops {
    int64_t n_left;     /* iterations until the next stop */
    bool is_resampling; /* fits of resampled rows have begun */
    int64_t n_asked;    /* whether to stop, since then */
    int64_t stop_at;    /* it stops when it is asked so often */
    void *state;
    size_t size;
    int64_t n_saves;
} stops;

static void count_iterations(void *context, const skymeans_event *event)
{
    stops *s = context;
    s->n_left -= event->kind == SKYMEANS_ITERATED;
    s->is_resampling |= event->kind == SKYMEANS_PHASE && event->doing != NULL &&
                        (strstr(event->doing, "resampled") != NULL ||
                         strstr(event->doing, "without clusters") != NULL);
}

static int is_over(void *context)
{
    return ((const stops *)context)->n_left <= 0;
}

static int is_over_in_resampling(void *context)
{
    stops *s = context;
    return s->is_resampling && ++s->n_asked >= s->stop_at;
}

static int keep_state(void *context, const void *state, size_t size, skymeans_error *error)
{
    stops *s = context;
    (void)error;
    s->n_saves++;
    if (state == NULL)
        return 0;
    free(s->state);
    s->state = malloc(size);
    memcpy(s->state, state, size);
    s->size = size;
    return 0;
}

/* An answer that was stopped says nothing of numbers of clusters, and has centers, in the units of
 * the features, once a fit is done. */
static void check_stopped(const mock_rows *m, const skymeans_answer *answer, bool *has_centers)
{
    const skymeans_summary s = summary_of(answer);
    skymeans_choice c = SKYMEANS_CHOICE;
    const double *centers = skymeans_centers(answer);
    int64_t kept;
    bool is_inside = true;
    for (int64_t i = 0; i < s.n_clusters * m->d && centers != NULL; i++)
        is_inside = is_inside && centers[i] >= 0 && centers[i] <= 103;
    skymeans_choice_of(answer, 0, &c);
    ck_assert_all(s.stop == SKYMEANS_STOP_WISH);
    ck_assert_all(skymeans_n_choices(answer, &kept) == 0 && c.n_clusters == 0);
    ck_assert_all(centers != NULL || (!*has_centers && s.n_fits == 0));
    ck_assert_all(is_inside && is_same_everywhere(km_hash_doubles(
                                   0, centers, centers != NULL ? s.n_clusters * m->d : 0)));
    *has_centers = centers != NULL;
}

/* Goes on until the answer is complete, stopped every few iterations. */
static uint64_t choose_with_stops(const mock_rows *m, const skymeans_problem *problem,
                                  int64_t n_iterations, int64_t *n_saves)
{
    stops s = {0};
    uint64_t found = 0;
    bool is_complete = false, has_centers = false;
    for (int go = 0; go < 200 && !is_complete; go++) {
        skymeans_control control = SKYMEANS_CONTROL;
        control.context = &s;
        control.observe = count_iterations;
        control.wants_stop = is_over;
        control.save = keep_state;
        control.resume = s.state;
        control.resume_size = s.size;
        s.n_left = n_iterations + go;
        skymeans_samples *samples = make_samples(m);
        skymeans_answer *answer = fit_samples(samples, problem, NULL, &control, m->comm);
        is_complete = summary_of(answer).is_complete;
        if (is_complete)
            found = digest_choice(m, answer);
        else
            check_stopped(m, answer, &has_centers);
        skymeans_answer_free(answer);
        skymeans_samples_free(samples);
    }
    free(s.state);
    *n_saves = s.n_saves;
    ck_assert(is_complete);
    return found;
}

START_TEST(stops_do_not_matter)
{
    mock_rows m = CASES[0];
    skymeans_problem problem = several_problem();
    int64_t n_saves;
    m.comm = MPI_COMM_WORLD;
    for (int bootstrap = 0; bootstrap < 2; bootstrap++) {
        problem.bootstrap = problem.gap = bootstrap;
        const uint64_t right = choose_rows(&m, &problem, NULL);
        const uint64_t found = choose_with_stops(&m, &problem, 1 + 4 * bootstrap, &n_saves);
        ck_assert_all(found == right);
        ck_assert_all(n_saves > 3);
    }
}
END_TEST

/* Stops the first fits of resampled rows, or of rows without clusters, with a place to save or
 * without one; the summary says so, and a call that goes on from what was saved ends as if it had
 * not been stopped. */
static void stop_in_resampling(const skymeans_problem *problem, int64_t at, bool can_save)
{
    mock_rows m = CASES[0];
    stops s = {.stop_at = at};
    skymeans_control control = SKYMEANS_CONTROL;
    bool has_centers = true; /* of the number whose fits are done */
    m.comm = MPI_COMM_WORLD;
    control.context = &s;
    control.observe = count_iterations;
    control.wants_stop = is_over_in_resampling;
    control.save = can_save ? keep_state : NULL;
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, problem, NULL, &control, m.comm);
    ck_assert_all(s.n_asked >= at);
    ck_assert_all(summary_of(answer).stop == SKYMEANS_STOP_WISH);
    ck_assert_all(summary_of(answer).is_complete == !can_save);
    if (can_save)
        check_stopped(&m, answer, &has_centers);
    skymeans_answer_free(answer);
    if (can_save) {
        skymeans_control onwards = SKYMEANS_CONTROL;
        onwards.resume = s.state;
        onwards.resume_size = s.size;
        answer = fit_samples(samples, problem, NULL, &onwards, m.comm);
        ck_assert_all(summary_of(answer).stop != SKYMEANS_STOP_WISH);
        ck_assert_all(digest_choice(&m, answer) == choose_rows(&m, problem, NULL));
        skymeans_answer_free(answer);
    }
    skymeans_samples_free(samples);
    free(s.state);
}

START_TEST(stops_of_resampled_fits_are_known)
{
    skymeans_problem problem = several_problem();
    for (int i = 0; i < 2; i++) {
        problem.bootstrap = i == 0 ? 2 : 0;
        problem.gap = i == 0 ? 0 : 2;
        for (int64_t at = 1; at < 4; at += 2)
            for (int can_save = 0; can_save < 2; can_save++)
                stop_in_resampling(&problem, at, can_save != 0);
    }
}
END_TEST

/* ---- arguments ------------------------------------------------------------------------------- */

static void check_refused(const skymeans_problem *problem, const char *text)
{
    const mock_rows m = {.n = 100, .d = 2, .type = SKYMEANS_FLOAT64, .comm = MPI_COMM_WORLD};
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer;
    skymeans_error error;
    ck_assert_int_eq(skymeans_fit(&answer, problem, samples, NULL, NULL, m.comm, &error),
                     SKYMEANS_USAGE);
    ck_assert_msg(strstr(error.text, text) != NULL, "%s", error.text);
    ck_assert_ptr_null(answer);
    skymeans_samples_free(samples);
}

START_TEST(contradictions_are_refused)
{
    static const int64_t falling[] = {3, 2}, zero[] = {0, 2};
    static const double centers[26];
    skymeans_problem p = several_problem();
    p.several = falling;
    p.n_several = 2;
    check_refused(&p, "ascend");
    p.several = zero;
    check_refused(&p, "1 to 2^31");
    p = several_problem();
    p.n_several = -1;
    check_refused(&p, "n_several -1");
    p = (skymeans_problem)SKYMEANS_PROBLEM(3);
    p.n_several = -1;
    check_refused(&p, "n_several -1");
    p = several_problem();
    p.choose = "beauty";
    check_refused(&p, "choose beauty");
    p.choose = "stability";
    p.restarts = 1;
    p.bootstrap = 0;
    check_refused(&p, "single fit");
    p = several_problem();
    p.restarts = 1;
    p.first_centers = centers;
    check_refused(&p, "another seeding");
    p = several_problem();
    p.gap = -1;
    check_refused(&p, "gap -1");
    p = (skymeans_problem)SKYMEANS_PROBLEM(3);
    p.choose = "silhouette";
    check_refused(&p, "only one");
    p.choose = NULL;
    p.gap = 2;
    check_refused(&p, "only one");
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {ranks_and_methods_do_not_matter,   clouds_are_found,
                                  one_cluster_is_not_stable,         stops_do_not_matter,
                                  stops_of_resampled_fits_are_known, contradictions_are_refused};
    return SUITE_OF("choice", tests);
}
