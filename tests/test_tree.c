/* The tree against the plain method: the same labels and the same totals, bit for bit, in every
 * assignment, on data and centers that are hostile to both. Methods know no other ranks. Ranks: 1.
 */
#include "mock.h"
#include "mpi_check.h"

#include "skymeans/assign.h"

/* One set of samples and two assigners on it. */
typedef struct race {
    mock data;
    km_precision precision;
    int64_t k;
    km_samples samples;
    km_grid *grids;
    km_assigner plain, tree;
    double *centers; /* [k][d], where they will be next */
    void *rounded;
    km_totals plain_totals, tree_totals;
} race;

/* What is varied for each set of data. */
typedef struct variant {
    km_precision precision;
    int n_words, n_threads;
    bool has_weights;
    const km_kernel *kernel; /* of the tree */
} variant;

static void round_data(mock *data, km_precision precision)
{
    for (int64_t i = 0; i < data->n * data->d && precision == KM_FLOAT32; i++)
        data->values[i] = (double)(float)data->values[i];
}

static double *make_weights(int64_t n)
{
    double *weights = mock_memory(n, sizeof *weights);
    for (int64_t i = 0; i < n; i++) /* about every fourth is 0 */
        weights[i] = floor(4 * mock_uniform(71, (uint64_t)i));
    weights[0] = 1;
    return weights;
}

static km_samples make_samples(const mock *data, const variant *v)
{
    km_samples samples;
    km_error error = {0};
    const int64_t d = data->d;
    double *weights = make_weights(data->n);
    void *rounded = mock_memory(data->n * d, sizeof(double));
    km_values *features = mock_memory(d, sizeof *features);
    km_round_to_precision(v->precision, data->values, data->n * d, rounded);
    for (int64_t j = 0; j < d; j++)
        features[j] = mock_values(rounded, v->precision, j, d);
    ck_assert(km_samples_create(&samples, v->precision, d, v->has_weights, (km_rows){0, data->n},
                                &error) == KM_OK);
    km_samples_append(&samples, data->n, features, v->has_weights ? weights : NULL,
                      data->is_missing);
    if (v->has_weights)
        ck_assert(km_weights_settle(&samples, MPI_COMM_SELF, &error) == KM_OK);
    ck_assert(km_samples_order(&samples, &error) == KM_OK);
    free(features);
    free(rounded);
    free(weights);
    return samples;
}

static km_grid *make_grids(const mock *data, int n_words)
{
    km_grid *grids = mock_memory(data->d, sizeof *grids);
    for (int64_t j = 0; j < data->d; j++) {
        double lowest = INFINITY, highest = -INFINITY;
        for (int64_t i = 0; i < data->n; i++) {
            lowest = fmin(lowest, data->values[i * data->d + j]);
            highest = fmax(highest, data->values[i * data->d + j]);
        }
        grids[j] = km_grid_choose(lowest, highest, 4 * data->n, n_words);
    }
    return grids;
}

static const km_method *find_method(const char *name)
{
    for (const km_method *method = km_methods; method->name != NULL; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

static void create_totals(const race *r, const variant *v, km_totals *totals)
{
    km_error error = {0};
    ck_assert(km_totals_create(totals, r->k, r->data.d, v->n_words, v->has_weights, &error) ==
              KM_OK);
}

/* The first centers are rows. */
static void start(race *r, mock data, int64_t k, const variant *v)
{
    km_error error = {0};
    const int64_t d = data.d;
    km_threads_start(v->n_threads);
    round_data(&data, v->precision);
    *r = (race){.data = data, .precision = v->precision, .k = k};
    r->samples = make_samples(&data, v);
    r->grids = make_grids(&data, v->n_words);
    ck_assert(km_assigner_create(&r->plain, find_method("lloyd"), &km_kernels[0], &r->samples,
                                 r->grids, k, &error) == KM_OK);
    ck_assert(km_assigner_create(&r->tree, find_method("tree"), v->kernel, &r->samples, r->grids, k,
                                 &error) == KM_OK);
    r->centers = mock_memory(k * d, sizeof *r->centers);
    r->rounded = mock_memory(k * d, sizeof *r->centers);
    create_totals(r, v, &r->plain_totals);
    create_totals(r, v, &r->tree_totals);
    for (int64_t i = 0; i < k * d; i++)
        r->centers[i] = data.values[i / d * 7919 % data.n * d + i % d];
}

static void stop(race *r)
{
    km_assigner_free(&r->plain, find_method("lloyd"));
    km_assigner_free(&r->tree, find_method("tree"));
    km_samples_free(&r->samples);
    mock_free(&r->data);
    free(r->grids);
    free(r->centers);
    free(r->rounded);
    km_totals_free(&r->plain_totals);
    km_totals_free(&r->tree_totals);
    km_threads_start(1);
}

/* With words carried, so that equal sums have equal words. */
static void add_up(km_assigner *assigner, km_totals *totals)
{
    km_assigner_add_up(assigner, totals->words);
    km_totals_carry(totals);
}

/* One assignment by both, compared. */
static void step(race *r)
{
    km_round_to_precision(r->precision, r->centers, r->k * r->data.d, r->rounded);
    km_assigner_reset_count(&r->plain);
    km_assigner_reset_count(&r->tree);
    find_method("lloyd")->assign(&r->plain, r->rounded);
    find_method("tree")->assign(&r->tree, r->rounded);
    for (int64_t i = 0; i < r->samples.n_samples; i++)
        ck_assert_int_eq(r->tree.labels[i], r->plain.labels[i]);
    add_up(&r->plain, &r->plain_totals);
    add_up(&r->tree, &r->tree_totals);
    for (int64_t i = 0; i < r->plain_totals.length; i++)
        ck_assert_int_eq(r->tree_totals.words[i], r->plain_totals.words[i]);
}

/* Centers go to the middles of their clusters, without regard to weights. */
static void update(race *r)
{
    const int64_t d = r->data.d;
    int64_t *counts = mock_memory(r->k, sizeof *counts);
    double *sums = mock_memory(r->k * d, sizeof *sums), *x = mock_memory(d, sizeof *x);
    for (int64_t i = 0; i < r->samples.n_samples; i++) {
        km_samples_get(&r->samples, i, x);
        counts[r->plain.labels[i]]++;
        for (int64_t j = 0; j < d; j++)
            sums[r->plain.labels[i] * d + j] += x[j];
    }
    for (int64_t i = 0; i < r->k * d; i++)
        if (counts[i / d] > 0)
            r->centers[i] = sums[i] / (double)counts[i / d];
    free(counts);
    free(sums);
    free(x);
}

/* Some centers move by a small part of where they are, and some not at all. */
static void nudge(race *r, uint64_t round)
{
    for (int64_t i = 0; i < r->k * r->data.d; i++)
        if ((uint64_t)(i / r->data.d) % 3 == round % 3)
            r->centers[i] *= 1 + ldexp(mock_normal(72 + round, (uint64_t)i), -(int)(4 + 3 * round));
}

/* Some become other rows, some go far away. */
static void jump(race *r, uint64_t round)
{
    const int64_t d = r->data.d;
    for (int64_t c = (int64_t)(round % 3); c < r->k; c += 2 + (int64_t)(round % 2)) {
        const int64_t row = (c * 31 + (int64_t)round * 101) % r->data.n;
        for (int64_t j = 0; j < d; j++)
            r->centers[c * d + j] = r->data.values[row * d + j] * (c % 7 == 6 ? 50 : 1);
    }
}

static void run(race *r, int n_updates)
{
    for (int i = 0; i < n_updates; i++) {
        step(r);
        update(r);
    }
    for (uint64_t round = 0; round < 9; round++) {
        step(r);
        nudge(r, round);
    }
    step(r);
    step(r);
    for (uint64_t round = 0; round < 5; round++) {
        jump(r, round);
        step(r);
        update(r);
        step(r);
    }
}

static mock copy_of(const mock *data)
{
    mock copy = mock_create(data->n, data->d);
    memcpy(copy.values, data->values, (size_t)(data->n * data->d) * sizeof *copy.values);
    return copy;
}

/* All variants in turn; frees the data. */
static void compare(mock data, int64_t k, int n_updates)
{
    for (const km_kernel *kernel = km_kernels; kernel->name != NULL; kernel++)
        for (int s = 0; s < 4 && kernel->is_available(); s++) {
            const variant v = {.precision = s % 2 == 0 ? KM_FLOAT32 : KM_FLOAT64,
                               .n_words = s < 2 ? 1 : 2,
                               .n_threads = 1 + (s == 1 || s == 2),
                               .has_weights = s % 3 != 0,
                               .kernel = kernel};
            race r;
            start(&r, copy_of(&data), k, &v);
            run(&r, n_updates);
            stop(&r);
        }
    mock_free(&data);
}

/* Enough for several boxes at every level; sanitizers make it 20 times slower. */
#ifdef __SANITIZE_ADDRESS__
enum { MANY = 10000 };
#else
enum { MANY = 40000 };
#endif

START_TEST(mixtures)
{
    compare(mock_mixture(MANY, 3, 12, 1), 40, 12);
    compare(mock_mixture(3000, 1, 5, 2), 9, 12);
    compare(mock_mixture(5000, 2, 30, 3), 300, 6);
    compare(mock_mixture(4000, 5, 8, 4), 17, 6);
    compare(mock_mixture(2000, 11, 6, 5), 20, 6);
}
END_TEST

START_TEST(hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        compare(mock_hostile(kind, 2000, 2), 25, 4);
        compare(mock_hostile(kind, 1500, 3), 7, 4);
    }
}
END_TEST

START_TEST(as_many_clusters_as_rows)
{
    compare(mock_mixture(300, 3, 4, 6), 300, 2);
}
END_TEST

START_TEST(more_clusters_than_distinct_rows)
{
    compare(mock_hostile(MOCK_DUPLICATES, 400, 2), 50, 3);
}
END_TEST

START_TEST(one_row)
{
    compare(mock_mixture(1, 2, 1, 7), 1, 2);
    compare(mock_mixture(65, 2, 1, 8), 3, 2);
}
END_TEST

/* Both precisions have ties that are exact, and nearly exact ones far from the origin. */
START_TEST(ties)
{
    mock data = mock_create(4096, 2);
    for (int64_t i = 0; i < data.n; i++) {
        data.values[2 * i] = 1000 + (double)(i % 64) / 8;
        data.values[2 * i + 1] = -500 + (double)(i / 64) / 8;
    }
    compare(data, 36, 5);
}
END_TEST

/* How much the tree compares for each sample, samples and boxes with centers, in the first and in
 * the last of n assignments: it depends on nothing but data and code. */
static void check_work(mock data, int64_t k, int n, double most_first, double most_last)
{
    const variant v = {.precision = KM_FLOAT32,
                       .n_words = 1,
                       .n_threads = 1,
                       .kernel = km_kernel_choose("auto", km_kernels_available())};
    const double n_samples = (double)data.n;
    double work = 0;
    race r;
    start(&r, data, k, &v);
    for (int i = 0; i < n; i++) {
        const km_work before = r.tree.done;
        step(&r);
        update(&r);
        work = (double)(r.tree.done.distances - before.distances + r.tree.done.box_tests -
                        before.box_tests) /
               n_samples;
        ck_assert_msg(i > 0 || work < most_first, "%.2f comparisons a sample at first", work);
    }
    ck_assert_msg(work < most_last, "%.2f comparisons a sample at last", work);
    ck_assert_int_eq(r.plain.done.distances, n * ((r.samples.n_samples + 63) / 64 * 64) * k);
    stop(&r);
}

/* The plain method takes 64 and 200 comparisons; W1 and W4 of the benchmarks, but smaller. */
START_TEST(few_comparisons_are_made)
{
    check_work(mock_mixture(100000, 5, 32, 9), 64, 12, 9, 8);
    check_work(mock_mixture(100000, 3, 100, 10), 200, 12, 15, 13);
}
END_TEST

/* Without movement nothing is compared but boxes. */
START_TEST(leaves_are_skipped_when_nothing_moves)
{
    const variant v = {.precision = KM_FLOAT32,
                       .n_words = 1,
                       .n_threads = 1,
                       .kernel = km_kernel_choose("auto", km_kernels_available())};
    race r;
    start(&r, mock_mixture(50000, 3, 10, 11), 30, &v);
    for (int i = 0; i < 3; i++)
        step(&r);
    const int64_t before = r.tree.done.distances;
    step(&r);
    ck_assert_int_eq(r.tree.done.distances, before);
    stop(&r);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        mixtures, hostile_data, as_many_clusters_as_rows, more_clusters_than_distinct_rows,
        one_row,  ties,         few_comparisons_are_made, leaves_are_skipped_when_nothing_moves,
    };
    return SUITE_OF("tree", tests);
}
