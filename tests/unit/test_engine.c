/* The engine by its public header: the same answer, bit by bit, from rows in any form, on any
 * number of ranks and threads, by every algorithm and kernel.
 *
 * Ranks: 5. They work as communicators of 5; 3 and 2; and one rank alone. */
#include "engine.h"

#include "kernels/kernels.h"

#include <fenv.h>

static const char *const ALGORITHMS[] = {"auto", "lloyd", "tree", "bounds", "neighbours", NULL};

static mock_rows rows_of(int64_t n, MPI_Comm comm)
{
    return (mock_rows){.n = n, .d = 3, .type = SKYMEANS_FLOAT64, .missing = 0.02, .comm = comm};
}

static skymeans_problem short_problem(int64_t k)
{
    skymeans_problem problem = SKYMEANS_PROBLEM(k);
    problem.max_iterations = 75; /* for which exchanges of samples pay */
    problem.tolerance = 0.02;
    return problem;
}

/* Fits on all groups of ranks; the answers must be the same everywhere. Returns their digest. */
static uint64_t fit_everywhere(mock_rows m, const skymeans_problem *problem,
                               const skymeans_manner *manner)
{
    MPI_Comm comms[N_GROUPINGS];
    uint64_t right = 0;
    make_groups(comms);
    for (int g = N_GROUPINGS - 1; g >= 0; g--) {
        m.comm = comms[g];
        const uint64_t found = fit_rows(&m, problem, manner);
        ck_assert_all(is_same_everywhere(found));
        ck_assert(g == N_GROUPINGS - 1 || found == right);
        right = found;
    }
    free_groups(comms);
    return right;
}

/* ---- one answer ------------------------------------------------------------------------------ */

START_TEST(any_form_any_share)
{
    const skymeans_problem problem = short_problem(130);
    for (int type = 0; type < 2; type++)
        for (int has_weights = 0; has_weights < 2; has_weights++) {
            uint64_t right = 0;
            for (int i = 0; i < (int)N_FORMS; i++) {
                mock_rows m = rows_of(3000, MPI_COMM_NULL);
                m.type = (skymeans_type)type;
                m.has_weights = has_weights;
                m.form = (form)i;
                m.share = (share)(i % (int)N_SHARES);
                m.has_numbers = i % 2 == 0;
                const uint64_t found = fit_everywhere(m, &problem, NULL);
                ck_assert(i == 0 || found == right);
                right = found;
            }
        }
}
END_TEST

/* So many rows that pieces of them are dealt out, which ranks with few rows need room for. Some
 * ranks get one round more when the number is just above a whole number of pieces for each. */
START_TEST(pieces_dealt_out)
{
    enum { PIECE = 256 * 64, N_RANKS = 5 };
    const int64_t more[] = {0, 1, 64 * 3 + 1, 2 * PIECE + 17};
    skymeans_problem problem = short_problem(100);
    skymeans_manner manner = SKYMEANS_MANNER;
    manner.algorithm = "tree"; /* for which ranks exchange samples */
    problem.seeding = "random";
    problem.tolerance = 1e9;
    for (int i = 0; i < 4; i++) {
        mock_rows m = rows_of(N_RANKS * PIECE + more[i], MPI_COMM_SELF);
        m.d = 1;
        m.missing = i % 2 == 0 ? 0 : 0.001;
        m.has_weights = i == 3;
        const uint64_t right = fit_rows(&m, &problem, &manner);
        m.comm = MPI_COMM_WORLD;
        for (int s = 0; s < (int)N_SHARES; s++) {
            m.share = (share)s;
            ck_assert_all(fit_rows(&m, &problem, &manner) == right);
        }
    }
}
END_TEST

START_TEST(any_algorithm_kernel_and_threads)
{
    const skymeans_problem problem = short_problem(130);
    mock_rows m = rows_of(2500, MPI_COMM_WORLD);
    uint64_t right = 0;
    int n = 0;
    m.share = SHARE_UNEVEN;
    for (const char *const *name = ALGORITHMS; *name != NULL; name++)
        for (const km_kernel *const *kernel = km_kernels; *kernel != NULL; kernel++) {
            skymeans_manner manner = SKYMEANS_MANNER;
            manner.algorithm = *name;
            manner.kernel = (*kernel)->is_available() ? (*kernel)->name : "auto";
            manner.threads = 1 + n % 3;
            const uint64_t found = fit_rows(&m, &problem, &manner);
            ck_assert_all(n == 0 || found == right);
            right = found;
            n++;
        }
}
END_TEST

START_TEST(any_place_of_missing_values)
{
    const skymeans_problem problem = short_problem(4);
    const double shares[] = {0, 0.0005, 0.3, 0.97};
    for (int i = 0; i < 4; i++) {
        mock_rows m = rows_of(2100, MPI_COMM_NULL);
        m.missing = shares[i];
        m.form = i % 2 == 0 ? FORM_TABLE : FORM_STRUCTS;
        m.share = SHARE_UNEVEN;
        fit_everywhere(m, &problem, NULL);
    }
}
END_TEST

/* Fewer rows than ranks, and rows that lie between gaps in their numbers. */
START_TEST(few_rows)
{
    const skymeans_problem problem = short_problem(2);
    mock_rows m = rows_of(3, MPI_COMM_NULL);
    m.missing = 0;
    for (int i = 0; i < (int)N_SHARES; i++) {
        m.share = (share)i;
        fit_everywhere(m, &problem, NULL);
    }
}
END_TEST

START_TEST(any_scale)
{
    const char *const scales[] = {"none", "standard", "minmax"};
    const char *const seedings[] = {"random", "kmeans++", "kmeans-parallel"};
    uint64_t found[3];
    for (int i = 0; i < 3; i++) {
        skymeans_problem problem = short_problem(8);
        mock_rows m = rows_of(2000, MPI_COMM_NULL);
        m.share = SHARE_UNEVEN;
        problem.scale = scales[i];
        problem.seeding = seedings[i];
        problem.restarts = 1 + i;
        found[i] = fit_everywhere(m, &problem, NULL);
    }
    ck_assert(found[0] != found[1] && found[1] != found[2]);
}
END_TEST

/* ---- samples that are used again ------------------------------------------------------------- */

/* With 130 clusters ranks exchange samples; each fit must be as one of new samples. */
START_TEST(fits_of_the_same_samples)
{
    const int64_t ks[] = {130, 7, 150, 130};
    mock_rows m = rows_of(3000, MPI_COMM_WORLD);
    m.share = SHARE_LAST_HAS_ALL;
    m.has_weights = true;
    skymeans_samples *samples = make_samples(&m);
    for (int i = 0; i < 4; i++) {
        const skymeans_problem problem = short_problem(ks[i]);
        skymeans_answer *answer = fit_samples(samples, &problem, NULL, NULL, m.comm);
        const uint64_t found = digest(&m, answer, true);
        skymeans_answer_free(answer);
        ck_assert_all(found == fit_rows(&m, &problem, NULL));
    }
    skymeans_samples_free(samples);
}
END_TEST

static skymeans_answer *predict(const skymeans_answer *fitted, skymeans_samples *samples,
                                const mock_rows *m)
{
    skymeans_answer *answer;
    skymeans_error error;
    const int code = skymeans_predict(&answer, fitted, samples, NULL, m->comm, &error);
    ck_assert_msg(code == SKYMEANS_OK, "%s", error.text);
    ck_assert(skymeans_weights(answer) == NULL && skymeans_history(answer) == NULL);
    return answer;
}

/* Keeps the model of an answer, and makes another one of what was kept. */
static skymeans_answer *keep(const skymeans_answer *answer)
{
    skymeans_model model = SKYMEANS_MODEL;
    skymeans_answer *kept;
    skymeans_error error;
    skymeans_model_of(answer, &model);
    ck_assert_int_eq(skymeans_answer_from_model(&kept, &model, &error), SKYMEANS_OK);
    return kept;
}

static void check_prediction(const skymeans_answer *fitted, skymeans_samples *samples,
                             const mock_rows *m, uint64_t labels, const skymeans_answer *fit)
{
    const skymeans_summary s = summary_of(fit);
    skymeans_answer *answer = predict(fitted, samples, m);
    ck_assert_all(digest_labels(m, answer) == labels);
    ck_assert(memcmp(skymeans_sizes(answer), skymeans_sizes(fit), (size_t)s.n_clusters * 8) == 0);
    ck_assert(memcmp(skymeans_centers(answer), skymeans_centers(fit),
                     (size_t)(s.n_clusters * s.n_features) * 8) == 0);
    skymeans_answer_free(answer);
}

START_TEST(predictions)
{
    const char *const scales[] = {"none", "standard", "minmax"};
    for (int i = 0; i < 6; i++) {
        skymeans_problem problem = short_problem(i < 3 ? 9 : 120);
        mock_rows m = rows_of(2000, MPI_COMM_WORLD);
        m.share = SHARE_UNEVEN;
        m.type = (skymeans_type)(i % 2);
        problem.scale = scales[i % 3];
        skymeans_samples *samples = make_samples(&m), *others = make_samples(&m);
        skymeans_answer *answer = fit_samples(samples, &problem, NULL, NULL, m.comm);
        const uint64_t labels = digest_labels(&m, answer);
        skymeans_answer *kept = keep(answer);
        check_prediction(answer, others, &m, labels, answer);
        check_prediction(kept, others, &m, labels, answer);
        check_prediction(kept, samples, &m, labels, answer);
        skymeans_answer *again = fit_samples(samples, &problem, NULL, NULL, m.comm);
        ck_assert_all(digest(&m, again, true) == digest(&m, answer, true));
        skymeans_answer_free(again);
        skymeans_answer_free(kept);
        skymeans_answer_free(answer);
        skymeans_samples_free(samples);
        skymeans_samples_free(others);
    }
}
END_TEST

/* Distances are those to the centers, as far as rounding goes, and NaN where a value is missing. */
START_TEST(distances)
{
    mock_rows m = rows_of(2000, MPI_COMM_WORLD);
    const skymeans_problem problem = short_problem(110);
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, &problem, NULL, NULL, m.comm);
    const int64_t first = mock_first(&m, km_comm_rank(m.comm));
    const int64_t n = mock_first(&m, km_comm_rank(m.comm) + 1) - first;
    const int32_t *labels = skymeans_labels(answer);
    double *found = malloc((size_t)(n + 1) * sizeof *found);
    skymeans_error error;
    ck_assert_int_eq(skymeans_distances(answer, samples, found, &error), SKYMEANS_OK);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < m.d && labels[i] >= 0; j++) {
            const double center = skymeans_centers(answer)[labels[i] * m.d + j];
            sum += pow(mock_value(&m, first + i, j) - center, 2);
        }
        ck_assert(labels[i] < 0 ? isnan(found[i]) : fabs(found[i] - sqrt(sum)) < 1e-9);
    }
    free(found);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}
END_TEST

/* The second nearest centers of this rank's rows and the distances to them, as bytes. */
typedef struct seconds_found {
    int64_t n;
    int32_t *labels;
    double *distances;
} seconds_found;

static seconds_found find_seconds(const mock_rows *m, const skymeans_answer *answer,
                                  const skymeans_samples *samples)
{
    const int rank = km_comm_rank(m->comm);
    seconds_found s = {.n = mock_first(m, rank + 1) - mock_first(m, rank)};
    skymeans_error error;
    s.labels = malloc((size_t)(s.n + 1) * sizeof *s.labels);
    s.distances = malloc((size_t)(s.n + 1) * sizeof *s.distances);
    ck_assert_int_eq(skymeans_second(answer, samples, s.labels, s.distances, &error), SKYMEANS_OK);
    return s;
}

static void free_seconds(seconds_found *s)
{
    free(s->labels);
    free(s->distances);
}

/* Is the second center of each row another one, and no nearer than any but that of the label? */
static bool are_right_seconds(const mock_rows *m, const skymeans_answer *answer,
                              const seconds_found *s)
{
    const int64_t k = summary_of(answer).n_clusters, first = mock_first(m, km_comm_rank(m->comm));
    const int32_t *labels = skymeans_labels(answer);
    for (int64_t i = 0; i < s->n; i++) {
        if (labels[i] < 0 && (s->labels[i] != -1 || !isnan(s->distances[i])))
            return false;
        for (int64_t c = 0; c < k && labels[i] >= 0; c++) {
            double sum = 0;
            for (int64_t j = 0; j < m->d; j++)
                sum += pow(mock_value(m, first + i, j) - skymeans_centers(answer)[c * m->d + j], 2);
            if ((c == s->labels[i] && fabs(sqrt(sum) - s->distances[i]) > 1e-9) ||
                (c != labels[i] && sqrt(sum) < s->distances[i] - 1e-9))
                return false;
        }
        if (labels[i] >= 0 && s->labels[i] == labels[i])
            return false;
    }
    return true;
}

/* A prediction finds them with the labels if it is asked to, or afterwards. */
START_TEST(second_centers)
{
    mock_rows m = rows_of(2000, MPI_COMM_WORLD);
    const skymeans_problem problem = short_problem(110);
    skymeans_manner manner = SKYMEANS_MANNER;
    skymeans_samples *samples = make_samples(&m), *others = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, &problem, NULL, NULL, m.comm), *predicted;
    skymeans_error error;
    seconds_found right = find_seconds(&m, answer, samples);
    ck_assert_all(are_right_seconds(&m, answer, &right));
    for (manner.second = 0; manner.second < 2; manner.second++) {
        ck_assert_int_eq(skymeans_predict(&predicted, answer, others, &manner, m.comm, &error),
                         SKYMEANS_OK);
        seconds_found found = find_seconds(&m, predicted, others);
        const size_t n = (size_t)right.n;
        ck_assert_all(memcmp(found.labels, right.labels, n * sizeof *right.labels) == 0);
        for (size_t i = 0; i < n; i++)
            ck_assert(isnan(found.distances[i]) ? isnan(right.distances[i])
                                                : found.distances[i] == right.distances[i]);
        free_seconds(&found);
        skymeans_answer_free(predicted);
    }
    ck_assert_int_eq(skymeans_second(answer, samples, NULL, right.distances, &error),
                     SKYMEANS_USAGE);
    ck_assert_int_eq(skymeans_second(answer, others, right.labels, NULL, &error), SKYMEANS_USAGE);
    free_seconds(&right);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    skymeans_samples_free(others);
}
END_TEST

/* A fit that begins with the centers of another goes on where that one stopped: together they do
 * what one does. */
START_TEST(warm_start)
{
    mock_rows m = rows_of(2000, MPI_COMM_WORLD);
    skymeans_problem problem = short_problem(110);
    problem.max_iterations = 6;
    problem.tolerance = 0;
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *whole = fit_samples(samples, &problem, NULL, NULL, m.comm);
    problem.max_iterations = 3;
    skymeans_answer *half = fit_samples(samples, &problem, NULL, NULL, m.comm);
    problem.first_centers = skymeans_centers(half);
    skymeans_answer *other = fit_samples(samples, &problem, NULL, NULL, m.comm);
    ck_assert_all(digest_labels(&m, whole) == digest_labels(&m, other));
    ck_assert(memcmp(skymeans_centers(whole), skymeans_centers(other),
                     (size_t)(110 * m.d) * sizeof(double)) == 0);
    skymeans_answer_free(whole);
    skymeans_answer_free(half);
    skymeans_answer_free(other);
    skymeans_samples_free(samples);
}
END_TEST

/* ---- rounding -------------------------------------------------------------------------------- */

START_TEST(any_rounding)
{
    skymeans_problem problem = short_problem(110);
    problem.scale = "standard";
    mock_rows m = rows_of(2000, MPI_COMM_WORLD);
    const uint64_t right = fit_rows(&m, &problem, NULL);
    skymeans_samples *samples = make_samples(&m);
    skymeans_answer *answer = fit_samples(samples, &problem, NULL, NULL, m.comm);
    const uint64_t labels = digest_labels(&m, answer);
    const int roundings[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (int i = 0; i < 3; i++) {
        fesetround(roundings[i]);
        skymeans_samples *others = make_samples(&m);
        skymeans_answer *again = fit_samples(others, &problem, NULL, NULL, m.comm);
        skymeans_answer *kept = keep(again);
        skymeans_answer *predicted = predict(kept, samples, &m);
        const int rounding = fegetround();
        fesetround(FE_TONEAREST);
        ck_assert_all(rounding == roundings[i]);
        ck_assert_all(digest(&m, again, true) == right);
        ck_assert_all(digest_labels(&m, predicted) == labels);
        ck_assert(memcmp(skymeans_centers(kept), skymeans_centers(answer),
                         (size_t)(110 * m.d) * sizeof(double)) == 0);
        skymeans_answer_free(predicted);
        skymeans_answer_free(kept);
        skymeans_answer_free(again);
        skymeans_samples_free(others);
    }
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {any_form_any_share,
                                  pieces_dealt_out,
                                  any_algorithm_kernel_and_threads,
                                  any_place_of_missing_values,
                                  few_rows,
                                  any_scale,
                                  fits_of_the_same_samples,
                                  predictions,
                                  distances,
                                  second_centers,
                                  warm_start,
                                  any_rounding};
    return SUITE_OF("engine", tests);
}
