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

/* By so many rows per cluster counts are right to some percent, and all rows tell the rest; more
 * cost more than they save. */
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
    const double slot = sizeof(int32_t) + sizeof(double);
    const double of_row = 5 * sizeof(double) + 3 * sizeof(int32_t) + KM_SOFT_SLOTS * slot;
    return n * (km_larger(of_row, record) + row) + (16 + KM_SETTLING_ARRAYS) * k * sizeof(double) +
           3 * km_centers_bytes(shape);
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
    rows->own = km_allocate(n_lanes, sizeof *rows->own, what, error);
    b->soft.costs = km_allocate(n, sizeof *b->soft.costs, what, error);
    b->soft.n_parts = km_allocate(n, sizeof *b->soft.n_parts, what, error);
    b->soft.clusters = km_allocate(n_lanes * KM_SOFT_SLOTS, sizeof *b->soft.clusters, what, error);
    b->soft.parts = km_allocate(n_lanes * KM_SOFT_SLOTS, sizeof *b->soft.parts, what, error);
    b->list = km_allocate(n, sizeof *b->list, what, error);
}

static void create_clusters(km_balancing *b, km_error *error)
{
    enum { N_ARRAYS = 12 + KM_SETTLING_ARRAYS };
    const char *what = "prices of clusters";
    const int64_t k = b->k;
    b->costs = km_allocate(km_threads() * k, sizeof *b->costs, what, error);
    b->left = km_allocate(km_threads() * k, sizeof *b->left, what, error);
    b->starts = km_allocate(k + 1, sizeof *b->starts, what, error);
    b->means = km_allocate(k * b->n_values, sizeof *b->means, what, error);
    b->kept = km_allocate(2 * k * b->n_values, sizeof *b->kept, what, error);
    b->fields = km_allocate(k, sizeof *b->fields, what, error);
    b->sizes = km_allocate(N_ARRAYS * k, sizeof *b->sizes, what, error);
    if (error->code != KM_OK)
        return;
    b->targets = b->sizes + k;
    b->wanted = b->sizes + 2 * k;
    b->counts = b->sizes + 3 * k;
    b->spreads = b->sizes + 4 * k;
    b->prices = b->sizes + 5 * k;
    b->trial = b->sizes + 6 * k;
    b->direction = b->sizes + 7 * k;
    b->solving = b->sizes + 8 * k;
    b->settling = b->sizes + 12 * k;
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
    *b = (km_balancing){.k = task->n_clusters,
                        .n_values = samples->n_features,
                        .precision = samples->precision,
                        .radius = task->radius};
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
    free(chosen);
    free(own);
    free(all);
    if (km_agree(comm, error) == KM_OK)
        km_balance_find_fields(b, error);
    return km_agree(comm, error);
}

void km_balancing_free(km_balancing *b)
{
    km_samples_free(&b->rows.samples);
    free(b->rows.middles);
    free(b->rows.radii);
    free(b->rows.shares);
    free(b->rows.nearest);
    free(b->rows.own);
    free(b->rows.fields);
    free(b->field_masses);
    free(b->joined);
    free(b->gaps);
    free(b->soft.costs);
    free(b->soft.n_parts);
    free(b->soft.clusters);
    free(b->soft.parts);
    free(b->starts);
    free(b->list);
    free(b->costs);
    free(b->left);
    free(b->means);
    free(b->kept);
    free(b->fields);
    free(b->sizes);
    *b = (km_balancing){0};
}
