/* The rows of a random sample that every rank has, and what they say of clusters with prices. */
#include "base/memory.h"
#include "base/random.h"
#include "base/threads.h"
#include "fit/balance.h"
#include "order/order.h"
#include "seeding/seeding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As many rows per cluster make a facet of some ten of them, from which steps converge; more cost
 * more than they save. */
enum { MIN_ROWS = 16384, ROWS_PER_CLUSTER = 256 };

/* What is taken of a row; its values follow. */
typedef struct row_head {
    int64_t number, weight;
} row_head;

static int64_t rows_wanted(int64_t n_clusters)
{
    const int64_t n = ROWS_PER_CLUSTER * n_clusters;
    return n > MIN_ROWS ? n : MIN_ROWS;
}

double km_balancing_bytes(const km_shape *shape)
{
    const double k = (double)shape->n_clusters;
    const double n = km_smaller((double)shape->n_rows, (double)rows_wanted(shape->n_clusters));
    const double row = (double)shape->n_features * km_value_bytes(shape) + sizeof(uint32_t);
    const double record = (double)shape->n_features * km_value_bytes(shape) + sizeof(row_head);
    const double facet = sizeof(int32_t) + sizeof(double);
    const double of_row = 2 * sizeof(int64_t) + 2 * sizeof(int32_t) + sizeof(double) + 2 * facet;
    return n * (km_larger(of_row, record) + row) + 15 * k * sizeof(double) +
           km_rounded_bytes(shape);
}

/* ---- taking rows ----------------------------------------------------------------------------- */

static int by_row_number(const void *a, const void *b)
{
    row_head x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x.number > y.number) - (x.number < y.number);
}

/* Records of the chosen samples of this rank, one after the other. */
static char *pack_sampled_rows(const km_samples *samples, const int64_t *chosen, int64_t n,
                               size_t record_size, km_error *error)
{
    const size_t size = km_precision_size(samples->precision);
    char *records = km_allocate(n, record_size, "rows to balance clusters by", error);
    for (int64_t i = 0; i < n && records != NULL; i++) {
        char *record = records + (size_t)i * record_size;
        const int64_t block = chosen[i] / KM_BLOCK, lane = chosen[i] % KM_BLOCK;
        const char *values = km_samples_block(samples, block);
        const row_head head = {km_samples_row(samples, chosen[i]),
                               samples->weights != NULL ? (int64_t)samples->weights[chosen[i]] : 1};
        memcpy(record, &head, sizeof head);
        for (int64_t j = 0; j < samples->n_features; j++)
            memcpy(record + sizeof head + (size_t)j * size,
                   values + (size_t)(j * KM_BLOCK + lane) * size, size);
    }
    return records;
}

/* Samples of the records of all ranks, in the order of the catalogue. */
static void unpack_sampled_rows(km_balancing *b, char *records, int64_t n, size_t record_size,
                                bool is_by_weight)
{
    const size_t size = km_precision_size(b->precision);
    qsort(records, (size_t)n, record_size, by_row_number);
    for (int64_t i = 0; i < n; i++) {
        const char *record = records + (size_t)i * record_size;
        row_head head;
        memcpy(&head, record, sizeof head);
        b->rows.samples.weights[i] = is_by_weight ? (double)head.weight : 1;
        char *values = (char *)b->rows.samples.values;
        for (int64_t j = 0; j < b->n_values; j++)
            memcpy(values +
                       (size_t)((i / KM_BLOCK * b->n_values + j) * KM_BLOCK + i % KM_BLOCK) * size,
                   record + sizeof head + (size_t)j * size, size);
    }
    km_samples_complete(&b->rows.samples, n);
}

/* The ball round the rows of each block. */
static void find_balls(km_balancing *b)
{
    const km_samples *samples = &b->rows.samples;
    for (int64_t block = 0; block < samples->n_blocks; block++) {
        double values[KM_BLOCK], distances2[KM_BLOCK] = {0}, largest = 0;
        for (int64_t j = 0; j < b->n_values; j++) {
            double *middle = &b->rows.middles[block * b->n_values + j];
            km_samples_load(samples, block, j, values);
            *middle = 0;
            for (int l = 0; l < KM_BLOCK; l++)
                *middle += values[l] / KM_BLOCK;
            for (int l = 0; l < KM_BLOCK; l++)
                distances2[l] += (values[l] - *middle) * (values[l] - *middle);
        }
        for (int l = 0; l < KM_BLOCK; l++)
            largest = fmax(largest, distances2[l]);
        b->rows.radii[block] = sqrt(largest) * (1 + 1e-6); /* roundings of costs included */
    }
}

static void create_rows(km_balancing *b, int64_t n, km_error *error)
{
    const char *what = "rows to balance clusters by";
    const int64_t n_lanes = (n / KM_BLOCK + 1) * KM_BLOCK;
    km_balance_rows *rows = &b->rows;
    km_samples_create(&rows->samples, b->precision, b->n_values, true, (km_rows){0, n}, error);
    rows->middles =
        km_allocate(n_lanes / KM_BLOCK * b->n_values, sizeof *rows->middles, what, error);
    rows->radii = km_allocate(n_lanes / KM_BLOCK, sizeof *rows->radii, what, error);
    rows->shares = km_allocate(n, sizeof *rows->shares, what, error);
    rows->nearest = km_allocate(n_lanes, sizeof *rows->nearest, what, error);
    rows->second = km_allocate(n_lanes, sizeof *rows->second, what, error);
    rows->gap = km_allocate(n_lanes, sizeof *rows->gap, what, error);
    rows->own = km_allocate(n_lanes, sizeof *rows->own, what, error);
    b->facets.others = km_allocate(2 * n, sizeof *b->facets.others, what, error);
    b->facets.shares = km_allocate(2 * n, sizeof *b->facets.shares, what, error);
}

static void create_clusters(km_balancing *b, km_error *error)
{
    enum { N_ARRAYS = 13 };
    const char *what = "prices of clusters";
    const int64_t k = b->k;
    b->costs = km_allocate(km_threads() * k, sizeof *b->costs, what, error);
    b->left = km_allocate(km_threads() * k, sizeof *b->left, what, error);
    b->facets.starts = km_allocate(k + 1, sizeof *b->facets.starts, what, error);
    b->half = km_allocate(b->n_values, sizeof *b->half, what, error);
    b->fields = km_allocate(2 * k, sizeof *b->fields, what, error);
    b->sizes = km_allocate(N_ARRAYS * k, sizeof *b->sizes, what, error);
    if (error->code != KM_OK)
        return;
    b->marks = b->fields + k;
    b->targets = b->sizes + k;
    b->counts = b->sizes + 2 * k;
    b->prices = b->sizes + 3 * k;
    b->direction = b->sizes + 5 * k;
    b->field_sizes = b->sizes + 6 * k;
    b->field_clusters = b->sizes + 7 * k;
    b->spreads = b->sizes + 8 * k;
    b->solving = b->sizes + 9 * k;
}

km_code km_balancing_create(km_balancing *b, const km_fit_task *task, const km_samples *samples,
                            MPI_Comm comm, km_error *error)
{
    const km_choice choice = {rows_wanted(task->n_clusters), task->random_seed,
                              km_stream(KM_RANDOM_BALANCE, 0, 0)};
    const size_t record_size =
        sizeof(row_head) + (size_t)samples->n_features * km_precision_size(samples->precision);
    int64_t *chosen = NULL, n_chosen = 0, n = 0;
    char *own = NULL, *all = NULL;
    *b = (km_balancing){
        .k = task->n_clusters, .n_values = samples->n_features, .precision = samples->precision};
    create_clusters(b, error);
    if (km_agree(comm, error) == KM_OK &&
        km_choose_samples(samples, &choice, comm, &chosen, &n_chosen, error) == KM_OK)
        own = pack_sampled_rows(samples, chosen, n_chosen, record_size, error);
    if (km_agree(comm, error) == KM_OK)
        km_concatenate(comm, own, n_chosen, record_size, (void **)&all, &n, error);
    if (error->code == KM_OK)
        create_rows(b, n, error);
    if (km_agree(comm, error) == KM_OK) {
        unpack_sampled_rows(b, all, n, record_size, task->balance == KM_BALANCE_WEIGHT);
        km_samples_order(&b->rows.samples, km_comm_alone(), error);
        find_balls(b);
    }
    km_agree(comm, error);
    free(chosen);
    free(own);
    free(all);
    return error->code;
}

void km_balancing_free(km_balancing *b)
{
    km_samples_free(&b->rows.samples);
    free(b->rows.middles);
    free(b->rows.radii);
    free(b->rows.shares);
    free(b->rows.nearest);
    free(b->rows.second);
    free(b->rows.gap);
    free(b->rows.own);
    free(b->facets.starts);
    free(b->facets.others);
    free(b->facets.shares);
    free(b->costs);
    free(b->left);
    free(b->half);
    free(b->fields);
    free(b->sizes);
    *b = (km_balancing){0};
}

/* ---- looking at them ------------------------------------------------------------------------- */

/* What a thread looks with: for each center, first its cost in the middle of a block; and which
 * ones are left. */
typedef struct looker {
    double *costs;
    int32_t *left;
} looker;

static double cost_of_center(const double *center, const double *place, int64_t n)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++)
        sum += (center[j] - place[j]) * (center[j] - place[j]);
    return sum;
}

/* Lists the centers that are the cheapest of a row in a ball, or dearer by less than `width`: the
 * difference of two costs is linear, and changes by at most 2 r times the distance of the centers
 * from the middle of the ball on. Returns how many there are. */
static int64_t list_cheap_centers(const km_balancing *b, const looker *own, const double *centers,
                                  const double *middle, double radius, double width)
{
    const int64_t n = b->n_values;
    int64_t best = 0, n_left = 0;
    for (int64_t c = 0; c < b->k; c++) {
        own->costs[c] = cost_of_center(centers + c * n, middle, n);
        best = own->costs[c] < own->costs[best] ? c : best;
    }
    for (int64_t c = 0; c < b->k; c++) {
        const double behind = own->costs[c] - own->costs[best] - width;
        const double apart2 = cost_of_center(centers + c * n, centers + best * n, n - 1);
        if (behind <= 0 || behind * behind <= 4 * radius * radius * apart2)
            own->left[n_left++] = (int32_t)c;
    }
    return n_left;
}

/* Costs of a center for the rows of a block. */
static void find_costs(const km_balancing *b, int64_t block, const double *center, double *costs)
{
    double values[KM_BLOCK];
    for (int l = 0; l < KM_BLOCK; l++)
        costs[l] = 0;
    for (int64_t j = 0; j < b->n_values; j++) {
        km_samples_load(&b->rows.samples, block, j, values);
        for (int l = 0; l < KM_BLOCK; l++)
            costs[l] += (values[l] - center[j]) * (values[l] - center[j]);
    }
}

static void look_at_sampled_block(km_balancing *b, const looker *own, int64_t block,
                                  const double *centers, double width)
{
    double first[KM_BLOCK], other[KM_BLOCK], costs[KM_BLOCK];
    int32_t *nearest = b->rows.nearest + block * KM_BLOCK;
    int32_t *second = b->rows.second + block * KM_BLOCK;
    const int64_t n_left = list_cheap_centers(
        b, own, centers, b->rows.middles + block * b->n_values, b->rows.radii[block], width);
    for (int l = 0; l < KM_BLOCK; l++) {
        first[l] = other[l] = INFINITY;
        nearest[l] = second[l] = own->left[0];
    }
    for (int64_t i = 0; i < n_left; i++) {
        const int32_t c = own->left[i];
        find_costs(b, block, centers + c * b->n_values, costs);
        for (int l = 0; l < KM_BLOCK; l++) {
            const bool is_first = costs[l] < first[l], is_other = costs[l] < other[l];
            other[l] = is_first ? first[l] : is_other ? costs[l] : other[l];
            second[l] = is_first ? nearest[l] : is_other ? c : second[l];
            first[l] = is_first ? costs[l] : first[l];
            nearest[l] = is_first ? c : nearest[l];
        }
    }
    for (int l = 0; l < KM_BLOCK; l++) {
        const double height = centers[(nearest[l] + 1) * b->n_values - 1];
        b->rows.gap[block * KM_BLOCK + l] = other[l] - first[l];
        b->rows.own[block * KM_BLOCK + l] = fmax(first[l] - height * height, 0);
    }
}

void km_balance_look(km_balancing *b, const double *centers, double width)
{
#pragma omp parallel for
    for (int64_t block = 0; block < b->rows.samples.n_blocks; block++) {
        const looker own = {b->costs + km_thread() * b->k, b->left + km_thread() * b->k};
        look_at_sampled_block(b, &own, block, centers, width);
    }
}

void km_balance_share(km_balancing *b)
{
    const km_balance_rows *rows = &b->rows;
    for (int64_t c = 0; c < b->k; c++)
        b->counts[c] = b->spreads[c] = 0;
    for (int64_t i = 0; i < rows->samples.n_samples; i++) {
        b->counts[rows->nearest[i]] += rows->samples.weights[i];
        b->spreads[rows->nearest[i]] += rows->samples.weights[i] * rows->own[i];
    }
    for (int64_t i = 0; i < rows->samples.n_samples; i++) {
        const int32_t c = rows->nearest[i];
        const double part = rows->samples.weights[i] / b->counts[c];
        rows->shares[i] = llrint(part * (b->sizes[c] / b->total) * KM_SHARES);
    }
    for (int64_t c = 0; c < b->k; c++)
        b->spreads[c] /= b->counts[c] > 0 ? b->counts[c] : 1;
}

/* By how much the cost of a center rises for a row when it moves; heights stay. */
static double rise_of_cost(const km_balancing *b, int64_t row, int32_t c, const double *before,
                           const double *after)
{
    const int64_t n = b->n_values;
    double rise = 0;
    for (int64_t j = 0; j < n - 1; j++) {
        const double x = km_value_get(b->precision, b->rows.samples.values,
                                      (row / KM_BLOCK * n + j) * KM_BLOCK + row % KM_BLOCK);
        const double old = x - before[c * n + j], new = x - after[c * n + j];
        rise += (new - old) * (new + old);
    }
    return rise;
}

void km_balance_foresee(km_balancing *b, const double *before, const double *after)
{
    for (int64_t i = 0; i < b->rows.samples.n_samples; i++) {
        const int32_t one = b->rows.nearest[i], two = b->rows.second[i];
        const double width = km_near(b, one, two);
        if (!(b->rows.gap[i] < width))
            continue;
        const double rise =
            rise_of_cost(b, i, one, before, after) - rise_of_cost(b, i, two, before, after);
        const double flow = (double)b->rows.shares[i] * rise / (2 * width);
        b->counts[one] -= flow;
        b->counts[two] += flow;
    }
}
