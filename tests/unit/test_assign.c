#include "mock.h"
#include "mpi_check.h"

#include "assign/assign.h"
#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"

#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* Samples of this rank, with an assigner on them. */
typedef struct setting {
    mock data;
    km_samples samples;
    km_grid *grids;
    km_assigner assigner;
    int64_t k;
    void *centers; /* [k][d], in working precision, of the last assignment */
} setting;

/* Grids of that many words, whatever is fine enough. */
static km_grid *make_grids(const mock *data, int n_words)
{
    km_grid *grids = mock_memory(data->d, sizeof *grids);
    for (int64_t j = 0; j < data->d; j++) {
        double lowest = INFINITY, highest = -INFINITY;
        for (int64_t i = 0; i < data->n; i++) {
            lowest = fmin(lowest, data->values[i * data->d + j]);
            highest = fmax(highest, data->values[i * data->d + j]);
        }
        grids[j] = km_grid_choose(lowest, highest, 5 * data->n, n_words); /* no weight is larger */
    }
    return grids;
}

static void start(setting *s, mock data, int64_t k, km_precision precision, int n_words,
                  const km_method *method)
{
    km_error error = {0};
    *s = (setting){.data = data, .k = k, .grids = make_grids(&data, n_words)};
    s->samples = mock_samples(&s->data, precision, MPI_COMM_WORLD);
    s->centers = mock_memory(k * data.d, sizeof(double));
    ck_assert_all(km_assigner_create(&s->assigner, method, km_kernel_choose("reference", 1),
                                     &s->samples, s->grids, k, &error) == KM_OK);
}

static void stop(setting *s, const km_method *method)
{
    km_assigner_free(&s->assigner, method);
    km_samples_free(&s->samples);
    mock_free(&s->data);
    free(s->grids);
    free(s->centers);
}

/* Centers for the round, some of them samples, and some far from all. */
static void assign(setting *s, const km_method *method, uint64_t round)
{
    const int64_t d = s->data.d;
    double *centers = mock_memory(s->k * d, sizeof *centers);
    for (int64_t i = 0; i < s->k * d; i++) {
        const int64_t c = i / d;
        const uint64_t row = (uint64_t)c * 17 + round * 31;
        centers[i] = s->data.values[(int64_t)(row % (uint64_t)s->data.n) * d + i % d];
        if (c % 3 == 2)
            centers[i] += 0.1 * mock_normal(round, (uint64_t)i);
        if (c % 7 == 6)
            centers[i] += 100;
    }
    km_round_to_precision(s->samples.precision, centers, s->k * d, s->centers);
    km_assigner_reset_count(&s->assigner);
    method->assign(&s->assigner, s->centers);
    free(centers);
}

static double center_at(const setting *s, int64_t i)
{
    return s->samples.precision == KM_FLOAT32 ? (double)((float *)s->centers)[i]
                                              : ((double *)s->centers)[i];
}

/* The nearest center of a sample by the definition. */
static int32_t naive_label(const setting *s, int64_t sample)
{
    double x[16], best = INFINITY;
    int32_t label = 0;
    km_samples_get(&s->samples, sample, x);
    for (int64_t c = 0; c < s->k; c++) {
        double d2 = 0;
        for (int64_t j = 0; j < s->data.d; j++) {
            const double center = center_at(s, c * s->data.d + j);
            const float narrow = (float)x[j] - (float)center;
            d2 = s->samples.precision == KM_FLOAT32 ? (double)fmaf(narrow, narrow, (float)d2)
                                                    : fma(x[j] - center, x[j] - center, d2);
        }
        if (d2 < best) {
            best = d2;
            label = (int32_t)c;
        }
    }
    return label;
}

/* The totals of the samples with their labels, added up one by one. */
static void naive_totals(const setting *s, km_totals *totals)
{
    km_error error = {0};
    const int n_words = s->grids[0].n_words;
    const bool has_weights = s->samples.weights != NULL;
    ck_assert(km_totals_create(totals, s->k, s->data.d, n_words, has_weights, &error) == KM_OK);
    for (int64_t i = 0; i < s->samples.n_samples; i++) {
        double x[16], block[KM_BLOCK] = {0};
        int64_t words[2 * KM_BLOCK];
        km_samples_get(&s->samples, i, x);
        const int64_t weight = has_weights ? (int64_t)s->samples.weights[i] : 1;
        totals->counts[s->assigner.labels[i]]++;
        if (has_weights)
            totals->weights[s->assigner.labels[i]] += weight;
        for (int64_t j = 0; j < s->data.d; j++) {
            block[0] = x[j];
            km_quantize_block(&s->grids[j], block, words);
            const km_exact point =
                n_words == 1 ? (km_exact){0, words[0]} : (km_exact){words[0], words[KM_BLOCK]};
            for (int64_t w = 0; w < weight; w++)
                km_totals_add(totals, s->assigner.labels[i], j, point, +1);
        }
    }
    km_totals_carry(totals);
}

/* The totals of all threads of this rank. The caller frees them. */
static int64_t *found_totals(setting *s)
{
    int64_t *words = mock_memory(s->assigner.totals[0].length, sizeof *words);
    km_assigner_add_up(&s->assigner, words);
    return words;
}

/* The count of changed labels of this rank. */
static int64_t count_relabeled(const setting *s)
{
    int64_t count = 0;
    for (int t = 0; t < s->assigner.n_threads; t++)
        count += s->assigner.totals[t].extras[KM_EXTRA_RELABELED];
    return count;
}

/* The same sum, of parts that were carried before they were added up? */
static bool is_same_total(km_exact found, km_exact right, int n_parts)
{
    const bool has_two_words = found.high != 0;
    if (has_two_words && (found.low < 0 || found.low >= (int64_t)n_parts << 40))
        return false;
    found = km_carry(found);
    right = km_carry(right);
    return found.high == right.high && found.low == right.low;
}

/* `before` are the labels of the last assignment, by row: methods may put samples in another order.
 */
static void check(setting *s, const int32_t *before)
{
    int64_t changed = 0;
    for (int64_t i = 0; i < s->samples.n_samples; i++) {
        ck_assert_int_eq(s->assigner.labels[i], naive_label(s, i));
        changed += s->assigner.labels[i] != before[s->samples.rows[i]] &&
                   (s->samples.weights == NULL || s->samples.weights[i] > 0);
    }
    ck_assert_int_eq(count_relabeled(s), changed);
    km_totals right;
    naive_totals(s, &right);
    right.extras[KM_EXTRA_RELABELED] = changed;
    int64_t *words = found_totals(s);
    ck_assert_int_eq(right.length, s->assigner.totals[0].length);
    km_totals found = right; /* the same shape */
    found.words = words;
    bool is_same = true;
    for (int64_t c = 0; c < s->k; c++)
        for (int64_t j = 0; j < s->data.d; j++)
            is_same &= is_same_total(km_totals_get(&found, c, j), km_totals_get(&right, c, j),
                                     s->assigner.n_threads);
    ck_assert_all(is_same);
    const int64_t n_sums = right.counts - right.words;
    ck_assert(
        memcmp(words + n_sums, right.counts, (size_t)(right.length - n_sums) * sizeof *words) == 0);
    free(words);
    km_totals_free(&right);
}

/* Several assignments in a row, each checked against everything built anew. */
static void check_rounds(const km_method *method, mock data, int64_t k, km_precision precision,
                         int n_words)
{
    setting s;
    start(&s, data, k, precision, n_words, method);
    int32_t *before = mock_memory(s.samples.slab.count, sizeof *before);
    for (int64_t i = 0; i < s.samples.n_samples; i++)
        ck_assert_int_eq(s.assigner.labels[i], -1);
    for (uint64_t round = 0; round < 5; round++) {
        for (int64_t i = 0; i < s.samples.n_samples; i++)
            before[s.samples.rows[i]] = s.assigner.labels[i];
        assign(&s, method, round);
        check(&s, before);
    }
    free(before);
    stop(&s, method);
}

START_TEST(methods_agree_with_the_definition)
{
    for (const km_method *method = km_methods; method->name != NULL; method++)
        for (int p = 0; p < 2; p++)
            for (int n_words = 1; n_words <= 2; n_words++) {
                mock data = mock_mixture(900, 3, 6, 1), weighted = mock_mixture(700, 3, 6, 7);
                mock_drop_rows(&data);
                mock_weigh(&weighted);
                check_rounds(method, data, 13, BOTH[p], n_words);
                check_rounds(method, weighted, 13, BOTH[p], n_words);
                check_rounds(method, mock_mixture(300, 1, 6, 2), 1, BOTH[p], n_words);
                check_rounds(method, mock_mixture(300, 11, 6, 3), 40, BOTH[p], n_words);
            }
}
END_TEST

START_TEST(methods_agree_with_the_definition_on_hostile_data)
{
    for (const km_method *method = km_methods; method->name != NULL; method++)
        for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
            for (int p = 0; p < 2; p++) {
                mock data = mock_hostile(kind, 333, 2);
                if (BOTH[p] == KM_FLOAT32) /* the grid is for the rounded values */
                    for (int64_t i = 0; i < 2 * data.n; i++)
                        data.values[i] = (double)(float)data.values[i];
                check_rounds(method, data, 9, BOTH[p], 2);
            }
}
END_TEST

START_TEST(the_same_centers_change_nothing)
{
    for (const km_method *method = km_methods; method->name != NULL; method++) {
        setting s;
        start(&s, mock_mixture(500, 2, 5, 4), 8, KM_FLOAT64, 2, method);
        assign(&s, method, 1);
        ck_assert_int_eq(count_relabeled(&s), s.samples.n_samples);
        assign(&s, method, 1);
        ck_assert_int_eq(count_relabeled(&s), 0);
        stop(&s, method);
    }
}
END_TEST

START_TEST(no_samples_have_no_labels)
{
    for (const km_method *method = km_methods; method->name != NULL; method++) {
        setting s;
        mock data = mock_mixture(100, 2, 2, 5);
        memset(data.is_missing, 1, 100);
        start(&s, data, 3, KM_FLOAT32, 1, method);
        assign(&s, method, 1);
        int64_t *words = found_totals(&s);
        for (int64_t i = 0; i < s.assigner.totals[0].length; i++)
            ck_assert_int_eq(words[i], 0);
        free(words);
        stop(&s, method);
    }
}
END_TEST

START_TEST(too_many_clusters_are_out_of_memory)
{
    mock data = mock_mixture(100, 2, 2, 6);
    km_samples samples = mock_samples(&data, KM_FLOAT32, MPI_COMM_WORLD);
    km_grid *grids = make_grids(&data, 2);
    km_assigner assigner;
    km_error error = {0};
    ck_assert(km_assigner_create(&assigner, &km_methods[0], &km_kernel_reference, &samples, grids,
                                 INT64_MAX / 64, &error) == KM_MEMORY);
    ck_assert_ptr_null(assigner.labels);
    free(grids);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

START_TEST(lloyd_is_the_first_method)
{
    ck_assert_str_eq(km_methods[0].name, "lloyd");
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        methods_agree_with_the_definition,   methods_agree_with_the_definition_on_hostile_data,
        the_same_centers_change_nothing,     no_samples_have_no_labels,
        too_many_clusters_are_out_of_memory, lloyd_is_the_first_method,
    };
    return SUITE_OF("assign", tests);
}
