/* What a rank will need, from the headers of the catalogue alone. */
#include "skymeans/plan.h"

#include <math.h>
#include <string.h>

/* Of MPI, which grow when ranks exchange much: as measured with Open MPI 4.1. */
enum { MESSAGE_POOLS = 4 << 20 };

static double largest(double a, double b)
{
    return a > b ? a : b;
}

static int64_t smallest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Samples with the numbers of their rows, and their weights. */
static double samples_bytes(const km_catalogue *catalogue, int64_t rows)
{
    const int64_t blocks = rows / KM_BLOCK + (rows % KM_BLOCK > 0);
    const double lane_bytes =
        (double)catalogue->n_features * (double)km_precision_size(catalogue->precision) +
        (catalogue->has_weights ? sizeof(double) : 0);
    return (double)blocks * KM_BLOCK * lane_bytes + (double)rows * sizeof(uint32_t);
}

/* Texts of any length are taken to be of 32 bytes. */
static double ids_bytes(const km_catalogue *catalogue, int64_t rows)
{
    const bool is_variable =
        catalogue->has_ids && strcmp(km_catalogue_ids(catalogue)->type, "text") == 0;
    return catalogue->has_ids ? (double)rows * (is_variable ? 32 : (double)catalogue->ids_size) : 0;
}

/* Two places of each sample, and one of its values, weight or code on the way. */
static double ordering_bytes(const km_catalogue *catalogue, int64_t rows)
{
    const bool is_wide = catalogue->precision == KM_FLOAT64 || catalogue->has_weights;
    const int64_t row_bytes =
        2 * sizeof(uint32_t) + (is_wide ? sizeof(uint64_t) : sizeof(uint32_t));
    return (double)rows * (double)row_bytes;
}

/* The tree's boxes, two values of each feature a block, and as much again for each 16 of them; what
 * it remembers of blocks and of groups of 16; and candidates of each thread. */
static double tree_bytes(const km_plan *plan, const km_catalogue *catalogue, int64_t rows, double k,
                         double threads)
{
    const double d = (double)catalogue->n_features;
    const double value = (double)km_precision_size(catalogue->precision);
    const double of_block = 2 * d * value * 16 / 15 + sizeof(int32_t) + sizeof(double);
    const double of_group = 256 * sizeof(int32_t) + 6 * sizeof(double);
    const double of_center = (2 * d + 16) * value + 2 * sizeof(int64_t);
    if (strcmp(plan->method->name, "tree") != 0)
        return 0;
    return (double)rows / KM_BLOCK * (of_block + of_group / 16) + threads * k * of_center +
           k * (33 * sizeof(double) + d * value);
}

/* A gap of each block and center, and what sorting takes now and then; candidates of each thread.
 */
static double bounds_bytes(const km_plan *plan, const km_catalogue *catalogue, int64_t rows,
                           double k, double threads)
{
    const double d = (double)catalogue->n_features;
    const double value = (double)km_precision_size(catalogue->precision);
    const double columns = ceil(k / KM_GAPS_ALIGNED) * KM_GAPS_ALIGNED;
    const double of_block = (columns + 1) * sizeof(float);
    const double of_center = KM_BLOCK * value + sizeof(double) + sizeof(int32_t) + sizeof(int64_t);
    if (strcmp(plan->method->name, "bounds") != 0)
        return 0;
    return largest((double)rows / KM_BLOCK * of_block, ordering_bytes(catalogue, rows)) +
           threads * k * of_center + k * (2 * sizeof(double) + d * value);
}

/* Of rows that are drawn from: distance, nearest center, place in the catalogue and back, a flag;
 * and boxes of blocks. */
static double drawing_bytes(const km_catalogue *catalogue, int64_t rows)
{
    const double box_bytes = (double)catalogue->n_features * 2 * sizeof(double);
    return (double)rows * (sizeof(double) + 3 * sizeof(int32_t) + 1 + box_bytes / KM_BLOCK);
}

/* The copy of the drawn rows, what drawing takes, and the choice itself. */
static double seeding_bytes(const km_plan *plan, const km_catalogue *catalogue, int64_t rows)
{
    const double choice_bytes = 40; /* a key of 16 bytes, padding and two numbers */
    if (plan->seeding == NULL)
        return 0;
    if (km_plan_draws_from_all(plan, catalogue->n_rows))
        return drawing_bytes(catalogue, rows);
    /* Rows are chosen at random: a rank has its share of them. */
    const int64_t share =
        (int64_t)((double)rows / (double)catalogue->n_rows * (double)plan->seeding_rows);
    const int64_t drawn = smallest(share, rows);
    return (double)drawn * choice_bytes + samples_bytes(catalogue, drawn) +
           drawing_bytes(catalogue, drawn);
}

/* What is written of every row, and a piece to compare with. */
static double rows_bytes(const km_options *options, int64_t rows)
{
    const int64_t labels = sizeof(int32_t), distances = options->distances ? sizeof(double) : 0;
    const int64_t piece_bytes = distances > 0 ? distances : labels;
    return (double)rows * (double)(labels + distances) +
           (double)(piece_bytes * smallest(rows, KM_H5_PIECE_ROWS));
}

km_memory km_plan_memory(const km_plan *plan, const km_options *options,
                         const km_catalogue *catalogue, int n_ranks)
{
    const int64_t rows = km_slab(catalogue->n_rows, n_ranks, 0).count;
    const double k = (double)options->clusters, d = (double)catalogue->n_features;
    const double threads = options->threads > 0 ? (double)options->threads : 1;
    const double centers = k * d * sizeof(double);
    const double labels = (double)rows * sizeof(int32_t);
    const double sums = 2 * centers + 2 * k * sizeof(int64_t); /* of two words */
    /* Centers of all restarts, labels of the best. */
    const double restarts =
        options->restarts > 1 ? (double)options->restarts * centers + labels : 0;
    km_memory memory = {.samples = samples_bytes(catalogue, rows) + ids_bytes(catalogue, rows)};
    memory.reading = (double)km_catalogue_buffer_bytes(catalogue, rows, (int)threads);
    if (km_plan_orders(plan, options->clusters, catalogue->n_rows, catalogue->n_rows, n_ranks))
        memory.ordering = ordering_bytes(catalogue, rows);
    /* Before each fit. */
    if (km_plan_shares_space(plan, options->clusters, catalogue->n_rows, n_ranks))
        memory.ordering = ordering_bytes(catalogue, rows) + restarts + centers;
    if (n_ranks > 1 && memory.ordering > 0)
        memory.ordering += MESSAGE_POOLS;
    memory.seeding = restarts + centers + seeding_bytes(plan, catalogue, rows);
    /* First, next, used, previous and rounded centers; sums of each thread and of the ranks. */
    memory.fitting = restarts + labels + 5 * centers + (threads + 1) * sums +
                     tree_bytes(plan, catalogue, rows, k, threads) +
                     bounds_bytes(plan, catalogue, rows, k, threads);
    memory.writing = restarts + labels + 5 * centers + rows_bytes(options, rows);
    if (options->verify) /* labels once more, sums in long double */
        memory.writing += labels + 2 * sums + (double)km_catalogue_again_bytes(catalogue);
    memory.most =
        memory.samples + largest(largest(memory.reading, memory.ordering),
                                 largest(memory.seeding, largest(memory.fitting, memory.writing)));
    return memory;
}
