#include "mock.h"
#include "mpi_check.h"

#include "assign/assign.h"
#include "assign/second.h"

#include <stdlib.h>
#include <string.h>

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* The canonical squared distance of a sample to a center, by the reference kernel. */
static double distance2_to(const km_samples *samples, int64_t sample, const void *centers,
                           int64_t center)
{
    const size_t size = (size_t)samples->n_features * km_precision_size(samples->precision);
    int32_t labels[KM_BLOCK];
    km_distances found;
    km_kernel_reference.nearest[samples->precision](km_samples_block(samples, sample / KM_BLOCK),
                                                    (const char *)centers + (size_t)center * size,
                                                    samples->n_features, 1, labels, &found);
    return km_distance_of(&found, samples->precision, (int)(sample % KM_BLOCK));
}

/* The nearest center but `label`, in the plainest way; -1 as the label: of all. */
static int32_t find_plainly(const km_samples *samples, int64_t sample, const void *centers,
                            int64_t k, int32_t label)
{
    double best = INFINITY;
    int32_t nearest = -1;
    for (int32_t c = 0; c < k; c++) {
        const double d2 = distance2_to(samples, sample, centers, c);
        if (c != label && (nearest < 0 || d2 < best)) {
            best = d2;
            nearest = c;
        }
    }
    return nearest;
}

/* What a way of finding seconds is given, and what is right. */
typedef struct second_case {
    km_second_query query;
    int32_t *labels, *seconds, *right; /* by row */
    double *distances;                 /* by row */
} second_case;

static void keep_by_row(void *context, int64_t block, const int32_t *seconds)
{
    const second_case *c = context;
    for (int l = 0; l < km_samples_lanes(c->query.samples, block); l++)
        c->seconds[c->query.samples->rows[block * KM_BLOCK + l]] = seconds[l];
}

static bool find_in_one_pass(const second_case *c)
{
    const km_second_query *q = &c->query;
    int32_t *labels = mock_memory(q->samples->n_samples, sizeof *labels);
    const bool is_done =
        km_label_pairs(q->samples, q->kernel, q->centers, q->k, labels, c->seconds);
    for (int64_t i = 0; i < q->samples->n_samples && is_done; i++)
        c->seconds[q->samples->rows[i]] =
            labels[i] == c->labels[q->samples->rows[i]] ? c->seconds[q->samples->rows[i]] : -1;
    free(labels);
    return is_done;
}

/* Those from AS_IT_PAYS on may overflow. */
enum { OF_ALL, NEAR, IN_BOXES, AS_IT_PAYS, PLAINLY, IN_ONE_PASS, N_WAYS };

static bool find_in_way(const second_case *c, int way)
{
    if (way == OF_ALL)
        km_second_find_of_all(&c->query);
    else if (way == PLAINLY)
        km_second_find_plainly(&c->query);
    else if (way == AS_IT_PAYS)
        km_second_find(&c->query);
    else if (way == IN_ONE_PASS)
        return find_in_one_pass(c);
    return way == NEAR       ? km_second_find_near(&c->query)
           : way == IN_BOXES ? km_second_find_in_boxes(&c->query)
                             : true;
}

static int64_t count_wrong(second_case *c, int way, bool may_overflow)
{
    const km_samples *samples = c->query.samples;
    int64_t n_wrong = 0;
    for (int64_t row = 0; row < samples->slab.count; row++)
        c->seconds[row] = -1;
    if (!find_in_way(c, way))
        return way == IN_ONE_PASS && may_overflow ? 0 : 1;
    for (int64_t i = 0; i < samples->n_samples; i++)
        n_wrong += c->seconds[samples->rows[i]] != c->right[samples->rows[i]];
    return n_wrong;
}

/* The last center as near as this one: after clusters got other numbers a label may be that. */
static int32_t last_equal(const km_second_query *q, int64_t sample, int32_t label)
{
    const double distance2 = distance2_to(q->samples, sample, q->centers, label);
    for (int32_t c = (int32_t)q->k - 1; c > label; c--)
        if (distance2_to(q->samples, sample, q->centers, c) == distance2)
            return c;
    return label;
}

static void find_right(second_case *c)
{
    km_second_query *q = &c->query;
    for (int64_t i = 0; i < q->samples->n_samples; i++) {
        const uint32_t row = q->samples->rows[i];
        c->labels[row] = find_plainly(q->samples, i, q->centers, q->k, -1);
        if (!q->are_lowest)
            c->labels[row] = last_equal(q, i, c->labels[row]);
        c->right[row] = find_plainly(q->samples, i, q->centers, q->k, c->labels[row]);
        c->distances[row] = sqrt(distance2_to(q->samples, i, q->centers, c->labels[row]));
        q->largest = fmax(q->largest, c->distances[row]);
    }
}

/* Compares all ways and kernels with the plain way. */
static void check_ways(second_case *c, bool are_lowest, bool may_overflow)
{
    const int n_ways = are_lowest ? N_WAYS : IN_ONE_PASS;
    int64_t n_wrong = 0;
    c->query.are_lowest = are_lowest;
    find_right(c);
    for (int kernel = 0; km_kernels[kernel] != NULL; kernel++) {
        c->query.kernel = km_kernels[kernel];
        for (int way = may_overflow ? AS_IT_PAYS : 0;
             way < n_ways && km_kernels[kernel]->is_available(); way++)
            n_wrong += count_wrong(c, way, may_overflow);
    }
    ck_assert_all(n_wrong == 0);
}

/* Centers are samples, twice some of them. */
static void check_seconds(const mock *data, int64_t k, km_precision precision, bool may_overflow)
{
    mock copy = *data;
    km_samples samples = mock_samples(&copy, precision, MPI_COMM_WORLD);
    const int64_t d = data->d, n = samples.slab.count;
    double *values = mock_memory(k * d, sizeof *values);
    void *centers = mock_memory(k * d, sizeof(double));
    second_case c = {.labels = mock_memory(n, sizeof *c.labels),
                     .seconds = mock_memory(n, sizeof *c.seconds),
                     .right = mock_memory(n, sizeof *c.right),
                     .distances = mock_memory(n, sizeof *c.distances)};
    c.query = (km_second_query){.samples = &samples,
                                .centers = centers,
                                .k = k,
                                .labels = c.labels,
                                .distances = c.distances,
                                .keep = keep_by_row,
                                .context = &c};
    for (int64_t i = 0; i < k; i++) /* every seventh is the one before once more: a tie */
        memcpy(values + i * d, data->values + (i - (i % 7 == 3)) * 5 % data->n * d,
               (size_t)d * sizeof *values);
    km_round_to_precision(precision, values, k * d, centers);
    check_ways(&c, true, may_overflow);
    check_ways(&c, false, may_overflow);
    km_samples_free(&samples);
    free(values);
    free(centers);
    free(c.labels);
    free(c.seconds);
    free(c.right);
    free(c.distances);
}

START_TEST(equals_plain_search)
{
    static const int64_t shapes[][3] = {{700, 2, 40}, {900, 5, 13},  {300, 17, 60}, {200, 70, 90},
                                        {130, 3, 2},  {200, 2, 300}, {200, 3, 97},  {100, 9, 400}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_mixture(shapes[s][0], shapes[s][1], 6, s + 1);
            check_seconds(&data, shapes[s][2], BOTH[p], false);
            mock_free(&data);
        }
}
END_TEST

/* Lattices, duplicates, denormals, offsets, and a feature of another scale. */
START_TEST(equals_plain_search_on_hostile_data)
{
    for (int kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_hostile((mock_kind)kind, 260, 3);
            for (int64_t i = 0; i < 3 * 260 && kind == MOCK_WIDE; i++)
                data.values[i] *= 0x1p-50; /* so that squares are in the range of float32 */
            check_seconds(&data, 24, BOTH[p], false);
            mock_free(&data);
        }
}
END_TEST

/* Rows so far away that squares overflow have equally near centers, but their own one is none. */
START_TEST(equals_plain_search_far_away)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_mixture(300, 2, 6, 3);
        for (int64_t i = 0; i < 600; i += 9)
            data.values[i] *= p == 0 ? 1e30 : 1e200;
        check_seconds(&data, 250, BOTH[p], true);
        mock_free(&data);
    }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        equals_plain_search,
        equals_plain_search_on_hostile_data,
        equals_plain_search_far_away,
    };
    return SUITE_OF("second", tests);
}
