/* Several fits: which is the best, and how well the others agree with it. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/precision.h"
#include "fit/fit.h"

#include <stdlib.h>
#include <string.h>

/* ---- the best ------------------------------------------------------------------------------- */

/* A fit of nothing with this inertia; its one center is its number. */
static km_fit made_up(double inertia, double number)
{
    km_fit fit = {.inertia = inertia, .n_iterations = 10 + (int64_t)number};
    fit.centers = mock_memory(1, sizeof *fit.centers);
    fit.centers[0] = number;
    return fit;
}

/* Takes fits with these inertias; the best must be that one. */
static void check_best(const double *inertia, int64_t count, int64_t right)
{
    km_restarts restarts;
    km_error error = {0};
    km_fit best = {0};
    ck_assert(km_restarts_create(&restarts, count, 1, 1, &error) == KM_OK);
    for (int64_t r = 0; r < count; r++) {
        km_fit fit = made_up(inertia[r], (double)r);
        km_restarts_take(&restarts, &fit, &best);
        ck_assert_ptr_null(fit.centers);
    }
    ck_assert_int_eq(restarts.count, count);
    ck_assert_int_eq(restarts.best, right);
    ck_assert(best.inertia == inertia[right] && best.centers[0] == (double)right);
    for (int64_t r = 0; r < count; r++) {
        ck_assert(restarts.inertia[r] == inertia[r]);
        ck_assert(restarts.centers[r] == (double)r);
        ck_assert_int_eq(restarts.n_iterations[r], 10 + r);
    }
    km_fit_free(&best);
    km_restarts_free(&restarts);
}

START_TEST(the_first_of_equals_wins)
{
    check_best((const double[]){7}, 1, 0);
    check_best((const double[]){5, 3, 3, 4}, 4, 1);
    check_best((const double[]){3, 3, 3}, 3, 0);
    check_best((const double[]){3, 4, 2, 2.5, 2}, 5, 2);
    check_best((const double[]){1, 1 - 0x1p-53}, 2, 1);
    check_best((const double[]){0, -0.0, 0}, 3, 0);
}
END_TEST

/* ---- agreement ------------------------------------------------------------------------------ */

/* Rows on a line and, for each restart, centers on it. */
typedef struct setting {
    mock data;
    int64_t k, count, best;
    double *centers; /* [count][k] */
} setting;

static int32_t nearest(const setting *s, int64_t restart, double x)
{
    const double *centers = s->centers + restart * s->k;
    int32_t label = 0;
    for (int32_t c = 1; c < s->k; c++)
        if ((x - centers[c]) * (x - centers[c]) < (x - centers[label]) * (x - centers[label]))
            label = c;
    return label;
}

/* The labels of all rows, -1 for those that are missing. The caller frees them. */
static int32_t *label_rows(const setting *s, int64_t restart)
{
    int32_t *labels = mock_memory(s->data.n, sizeof *labels);
    for (int64_t i = 0; i < s->data.n; i++)
        labels[i] = s->data.is_missing[i] ? -1 : nearest(s, restart, s->data.values[i]);
    return labels;
}

/* The adjusted Rand index by its definition: every pair of rows, together or apart. */
static double plain_index(const setting *s, const int32_t *a, const int32_t *b)
{
    double both = 0, in_a = 0, in_b = 0, all = 0;
    for (int64_t i = 0; i < s->data.n; i++)
        for (int64_t j = 0; j < i && a[i] >= 0; j++) {
            if (a[j] < 0)
                continue;
            both += a[i] == a[j] && b[i] == b[j];
            in_a += a[i] == a[j];
            in_b += b[i] == b[j];
            all++;
        }
    const double expected = in_a * in_b / all, most = (in_a + in_b) / 2;
    return most == expected ? 1 : (both - expected) / (most - expected);
}

/* The largest share of a cluster in `a` that is together in `b`. */
static double plain_coincidence(const setting *s, const int32_t *a, const int32_t *b, int32_t c)
{
    double size = 0, most = 0;
    double *counts = mock_memory(s->k, sizeof *counts);
    for (int64_t i = 0; i < s->data.n; i++)
        if (a[i] == c) {
            size++;
            most = fmax(most, ++counts[b[i]]);
        }
    free(counts);
    return most / size;
}

/* What the fits left, and the best of them. */
static void make_restarts(const setting *s, const km_samples *samples, km_restarts *restarts,
                          km_fit *best)
{
    km_error error = {0};
    ck_assert_all(km_restarts_create(restarts, s->count, s->k, 1, &error) == KM_OK);
    restarts->count = s->count;
    restarts->best = s->best;
    memcpy(restarts->centers, s->centers, (size_t)(s->count * s->k) * sizeof(double));
    *best = (km_fit){.labels = mock_memory(samples->n_samples, sizeof(int32_t)),
                     .sizes = mock_memory(s->k, sizeof(int64_t))};
    for (int64_t i = 0; i < samples->n_samples; i++) {
        double x;
        km_samples_get(samples, i, &x);
        best->labels[i] = nearest(s, s->best, x);
        best->sizes[best->labels[i]]++;
    }
    km_sum_int64(MPI_COMM_WORLD, best->sizes, s->k);
}

static void compare(const setting *s, const km_method *method, km_restarts *restarts)
{
    km_samples samples = mock_samples(&s->data, KM_FLOAT64, MPI_COMM_WORLD);
    km_facts facts = mock_facts(&samples, MPI_COMM_WORLD);
    km_error error = {0};
    km_fit best;
    make_restarts(s, &samples, restarts, &best);
    const km_fit_task task = {.n_clusters = s->k,
                              .facts = &facts,
                              .method = method,
                              .kernel = km_kernel_choose("auto", km_kernels_available("auto"))};
    ck_assert_all(km_restarts_compare(restarts, &task, &samples, &best, MPI_COMM_WORLD, &error) ==
                  KM_OK);
    km_fit_free(&best);
    km_facts_free(&facts);
    km_samples_free(&samples);
}

static bool is_close(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-12;
}

static void check_agreement(const setting *s, const km_method *method)
{
    km_restarts found;
    compare(s, method, &found);
    int32_t *best = label_rows(s, s->best);
    double *coincidence = mock_memory(s->k, sizeof *coincidence);
    for (int64_t r = 0; r < s->count; r++) {
        int32_t *other = label_rows(s, r);
        ck_assert(r == s->best ? found.rand_index[r] == 1
                               : is_close(found.rand_index[r], plain_index(s, best, other)));
        for (int32_t c = 0; c < s->k && r != s->best; c++)
            coincidence[c] += plain_coincidence(s, best, other, c) / (double)(s->count - 1);
        free(other);
    }
    for (int64_t c = 0; c < s->k; c++)
        ck_assert(is_close(found.coincidence[c], coincidence[c]));
    free(coincidence);
    free(best);
    km_restarts_free(&found);
}

/* Centers at random among rows at random. */
static setting random_setting(int64_t n, int64_t k, int64_t count)
{
    setting s = {.data = mock_create(n, 1), .k = k, .count = count, .best = count / 2};
    for (int64_t i = 0; i < n; i++)
        s.data.values[i] = mock_uniform(1, (uint64_t)i);
    s.centers = mock_memory(count * k, sizeof *s.centers);
    for (int64_t i = 0; i < count * k; i++)
        s.centers[i] = mock_uniform(2, (uint64_t)i);
    return s;
}

static void setting_free(setting *s)
{
    mock_free(&s->data);
    free(s->centers);
}

START_TEST(agreement_is_that_of_counted_pairs)
{
    for (const km_method *method = km_methods; method->name != NULL; method++)
        for (int64_t k = 1; k <= 50; k = 3 * k + 1) {
            setting s = random_setting(400, k, 4);
            mock_drop_rows(&s.data);
            check_agreement(&s, method);
            setting_free(&s);
        }
}
END_TEST

/* The table of 2^22 cells holds some of its rows at a time. */
START_TEST(more_clusters_than_the_table_holds_at_once)
{
    setting s = random_setting(3000, 2600, 2);
    check_agreement(&s, km_methods);
    setting_free(&s);
}
END_TEST

/* Rows 0 to 5 in {0 1 2} {3 4 5}, and in {0 1} {2 3} {4 5}: 2 pairs are together in both, 6 and 3
 * in each, of 15. The third cluster of the best is empty. */
START_TEST(a_partition_by_hand)
{
    double centers[] = {1, 4, 100, 0.5, 2.5, 4.5};
    setting s = {.data = mock_create(6, 1), .k = 3, .count = 2, .best = 0, .centers = centers};
    for (int i = 0; i < 6; i++)
        s.data.values[i] = i;
    km_restarts found;
    compare(&s, km_methods, &found);
    ck_assert(found.rand_index[0] == 1);
    ck_assert(is_close(found.rand_index[1], (2 - 1.2) / (4.5 - 1.2)));
    ck_assert(is_close(found.coincidence[0], 2.0 / 3));
    ck_assert(is_close(found.coincidence[1], 2.0 / 3));
    ck_assert(isnan(found.coincidence[2]));
    km_restarts_free(&found);
    mock_free(&s.data);
}
END_TEST

/* Other numbers for the same clusters; one cluster for all; a cluster for each. */
START_TEST(equal_partitions_agree_entirely)
{
    double centers[] = {1, 4, 4, 1};
    setting s = {.data = mock_create(6, 1), .k = 2, .count = 2, .best = 0, .centers = centers};
    for (int i = 0; i < 6; i++)
        s.data.values[i] = i;
    for (int i = 0; i < 2; i++) {
        km_restarts found;
        compare(&s, km_methods, &found);
        ck_assert(found.rand_index[1] == 1);
        ck_assert(found.coincidence[0] == 1);
        km_restarts_free(&found);
        s.k = 1; /* now all are one cluster */
    }
    mock_free(&s.data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        the_first_of_equals_wins,
        agreement_is_that_of_counted_pairs,
        more_clusters_than_the_table_holds_at_once,
        a_partition_by_hand,
        equal_partitions_agree_entirely,
    };
    return SUITE_OF("restarts", tests);
}
