/* What a rank will need, from the headers of the catalogue alone. */
#include "skymeans/plan.h"

static double largest(double a, double b)
{
    return a > b ? a : b;
}

static int64_t smallest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Samples with the map of their rows. */
static double samples_bytes(const km_catalogue *catalogue, int64_t rows)
{
    const int64_t blocks = rows / KM_BLOCK + (rows % KM_BLOCK > 0);
    const double block_bytes =
        (double)catalogue->n_features * KM_BLOCK * (double)km_precision_size(catalogue->precision);
    return (double)blocks * (block_bytes + sizeof(uint64_t) + sizeof(int64_t));
}

/* The copy of the drawn rows, their distances and flags, and the choice itself. */
static double seeding_bytes(const km_plan *plan, const km_catalogue *catalogue, int64_t rows)
{
    if (plan->seeding == NULL)
        return 0;
    const double beside = sizeof(double) + 1;
    if (plan->seeding_rows >= catalogue->n_rows)
        return (double)rows * beside;
    /* Rows are chosen at random: a rank has its share of them. */
    const int64_t drawn =
        (int64_t)((double)rows / (double)catalogue->n_rows * (double)plan->seeding_rows);
    return (double)smallest(drawn, rows) * (beside + 2 * sizeof(int64_t)) +
           samples_bytes(catalogue, smallest(drawn, rows));
}

/* A piece of rows to write and one to compare with. */
static double rows_bytes(const km_options *options, int64_t rows)
{
    const int64_t size = options->distances ? sizeof(double) : sizeof(int32_t);
    return 2 * (double)(size * smallest(rows, KM_H5_PIECE_ROWS));
}

km_memory km_plan_memory(const km_plan *plan, const km_options *options,
                         const km_catalogue *catalogue, int n_ranks)
{
    const int64_t rows = km_slab(catalogue->n_rows, n_ranks, 0).count;
    const double k = (double)options->clusters, d = (double)catalogue->n_features;
    const double centers = k * d * sizeof(double);
    const double labels = (double)rows * sizeof(int32_t);
    km_memory memory = {.samples = samples_bytes(catalogue, rows)};
    memory.reading = (double)km_catalogue_buffer_bytes(catalogue, rows);
    memory.seeding = centers + seeding_bytes(plan, catalogue, rows);
    /* First, next, used, previous and rounded centers; sums of this rank and of all, at most two
     * words. */
    memory.fitting = labels + 5 * centers + 2 * (2 * centers + k * sizeof(int64_t));
    memory.writing = labels + 5 * centers + rows_bytes(options, rows);
    if (options->verify) /* labels once more, sums in long double */
        memory.fitting = labels + 5 * centers + largest(labels + 2 * centers, 4 * centers);
    memory.most = memory.samples + largest(largest(memory.reading, memory.seeding),
                                           largest(memory.fitting, memory.writing));
    return memory;
}
