/* What a rank will need, from the headers of the catalogue alone.
 *
 * Step by step: what is in use at once in the fullest moment of each, as the rooms allocate it.
 * Between steps what was freed is returned (km_memory_return), so the peak is that of the step that
 * needs most. Pages that are never written do not count, nor does what only huge catalogues see. */
#include "base/partition.h"
#include "base/precision.h"
#include "plan/plan.h"

#include <math.h>
#include <string.h>

enum {
    /* Of MPI, which grow when ranks exchange much: as measured with Open MPI 4.1. */
    MESSAGE_POOLS = 4 << 20,
    /* Of HDF5 1.10, for the file that the result is read back from, which is open beside those of
     * the catalogue; and for each open file with texts of any length two buffers to convert them in
     * and its cache of metadata full of heaps, of which each text takes so much beside its bytes.
     */
    OPEN_FILE = 1 << 20,
    CONVERSION = 2 << 20,
    HEAP_CACHE = 2 << 20,
    HEAP_HEADER = 24,
    TEXT_PIECE_ROWS = 1 << 16, /* as src/result/ids.c writes and reads them back */
};

/* What all steps ask. */
typedef struct shape {
    const km_plan *plan;
    const km_options *options;
    const km_catalogue *catalogue;
    int n_ranks;
    double n; /* rows of the largest slab */
    double k, d, threads;
    double value; /* bytes of one in working precision */
} shape;

static double largest(double a, double b)
{
    return a > b ? a : b;
}

static double smallest(double a, double b)
{
    return a < b ? a : b;
}

static double centers_bytes(const shape *s)
{
    return s->k * s->d * sizeof(double);
}

static double labels_bytes(const shape *s)
{
    return s->n * sizeof(int32_t);
}

/* Samples with the numbers of their rows, and their weights. */
static double samples_bytes(const shape *s, double n, bool has_weights)
{
    const double lane_bytes = s->d * s->value + (has_weights ? sizeof(double) : 0);
    return ceil(n / KM_BLOCK) * KM_BLOCK * lane_bytes + n * sizeof(uint32_t);
}

/* What HDF5 keeps of a file with texts: beside each heap lists of all that it could hold. */
static double heaps_bytes(const shape *s)
{
    const double lists = 2.5;
    const double heaps = s->n * (double)(s->catalogue->ids_size + HEAP_HEADER);
    return CONVERSION + (1 + lists) * smallest(heaps, HEAP_CACHE);
}

static double ids_bytes(const shape *s)
{
    const km_catalogue *catalogue = s->catalogue;
    return (catalogue->has_ids ? s->n * (double)catalogue->ids_size : 0) +
           (km_catalogue_has_long_ids(catalogue) ? heaps_bytes(s) : 0);
}

/* Two places of each sample, and one of its values, weight or code on the way. */
static double ordering_bytes(const shape *s, double n, bool has_weights)
{
    const bool is_wide = s->catalogue->precision == KM_FLOAT64 || has_weights;
    return n * (double)(2 * sizeof(uint32_t) + (is_wide ? sizeof(uint64_t) : sizeof(uint32_t)));
}

/* ---- seeding -------------------------------------------------------------------------------- */

/* Of rows that are drawn from: distance, place in the catalogue and back, a flag, perhaps the
 * nearest center; boxes of blocks and of 16 of them, and what they remember; and of each thread
 * room for 512 centers. */
static double drawing_bytes(const shape *s, double n, bool has_numbers)
{
    const double box_bytes = (2 * s->d + 1) * sizeof(double) * 17 / 16;
    const double lane_bytes = s->value + 2 * sizeof(uint32_t) + (has_numbers ? sizeof(int32_t) : 1);
    return n * (lane_bytes + box_bytes / KM_BLOCK) +
           s->threads * 512 * (s->d * s->value + 2 * sizeof(int32_t));
}

/* Some rows at random: keys of a few more, padded; then their numbers. */
static double choosing_bytes(double wanted)
{
    const double key_bytes = 32;
    return (wanted + 6 * sqrt(wanted)) * (key_bytes + sizeof(int64_t));
}

/* kmeans++ from some rows: the choice, or its numbers and the copy while that is put in order, or
 * the copy and what drawing takes. A rank has its share of them. */
static double subset_bytes(const shape *s)
{
    const double share = s->n / (double)s->catalogue->n_rows * (double)s->plan->seeding_rows;
    const double drawn = smallest(share, s->n);
    const bool has_weights = s->catalogue->has_weights;
    const double copying = largest(drawn * sizeof(int64_t), ordering_bytes(s, drawn, has_weights));
    return largest(choosing_bytes(drawn), samples_bytes(s, drawn, has_weights) +
                                              largest(copying, drawing_bytes(s, drawn, false)));
}

/* kmeans-parallel: in each of five rounds about 2 k candidates more, which are copied as they come,
 * with those before, as they are and rounded; in the end they are samples to draw from. */
static double candidates_bytes(const shape *s)
{
    const double all = smallest(10 * s->k, (double)s->catalogue->n_rows);
    const double of_one = s->d * (sizeof(double) + s->value), of_new = s->d * sizeof(double);
    const double adding = all * (1.8 * of_one + 0.2 * of_new * (1 + 1.0 / s->n_ranks));
    const double drawing = all * (of_one + 2 * sizeof(double)) + samples_bytes(s, all, true) +
                           largest(ordering_bytes(s, all, true), drawing_bytes(s, all, false));
    return drawing_bytes(s, s->n, true) + largest(adding, drawing);
}

/* random: a choice, and the rows that were chosen on their way to all ranks. */
static double rows_chosen_bytes(const shape *s)
{
    const double row_bytes = 2 * sizeof(uint64_t) + s->d * sizeof(double);
    return choosing_bytes(s->k / s->n_ranks) + s->k * row_bytes * (1 + 1.0 / s->n_ranks);
}

static double seeding_bytes(const shape *s)
{
    if (s->plan->seeding == NULL)
        return 0;
    if (strcmp(s->plan->seeding->name, "random") == 0)
        return rows_chosen_bytes(s);
    if (strcmp(s->plan->seeding->name, "kmeans++") != 0)
        return candidates_bytes(s);
    return km_plan_draws_from_all(s->plan, s->catalogue->n_rows) ? drawing_bytes(s, s->n, false)
                                                                 : subset_bytes(s);
}

/* ---- fitting -------------------------------------------------------------------------------- */

/* The tree's boxes, two values of each feature a block, and as much again for each 16 of them; what
 * it remembers of blocks and of groups of 16; and candidates of each thread. */
static double tree_bytes(const shape *s)
{
    const double of_block = 2 * s->d * s->value * 16 / 15 + sizeof(int32_t) + sizeof(double);
    const double of_group = 256 * sizeof(int32_t) + 6 * sizeof(double);
    const double of_center = (2 * s->d + 16) * s->value + 2 * sizeof(int64_t);
    return s->n / KM_BLOCK * (of_block + of_group / 16) + s->threads * s->k * of_center +
           s->k * (33 * sizeof(double) + s->d * s->value);
}

/* A gap of each block and center, and what sorting takes now and then; candidates of each thread.
 */
static double bounds_bytes(const shape *s)
{
    const double columns = ceil(s->k / KM_GAPS_ALIGNED) * KM_GAPS_ALIGNED;
    const double of_block = (columns + 1) * sizeof(float);
    const double of_center =
        KM_BLOCK * s->value + sizeof(double) + sizeof(int32_t) + sizeof(int64_t);
    return largest(s->n / KM_BLOCK * of_block, ordering_bytes(s, s->n, s->catalogue->has_weights)) +
           s->threads * s->k * of_center + s->k * (2 * sizeof(double) + s->d * s->value);
}

static double method_bytes(const shape *s, const char *name)
{
    return strcmp(name, "tree") == 0     ? tree_bytes(s)
           : strcmp(name, "bounds") == 0 ? bounds_bytes(s)
                                         : 0;
}

/* Sums of all clusters: in double precision they have two words, as a rule. */
static double sums_bytes(const shape *s)
{
    const int words = s->catalogue->precision == KM_FLOAT64 ? 2 : 1;
    return words * centers_bytes(s) + 2 * s->k * sizeof(int64_t);
}

/* Labels, sums of each thread and of this rank (and what comes of others), what the method has. */
static double assigner_bytes(const shape *s, const char *method)
{
    return labels_bytes(s) + (s->threads + (s->n_ranks > 1 ? 2 : 1)) * sums_bytes(s) +
           method_bytes(s, method);
}

/* Centers of all restarts; and of the best one its labels and its centers, twice. */
static double restarts_bytes(const shape *s)
{
    return s->options->restarts > 1 ? (double)s->options->restarts * centers_bytes(s) +
                                          labels_bytes(s) + 2 * centers_bytes(s)
                                    : 0;
}

/* First, next, previous, used and rounded centers. */
static double fitting_bytes(const shape *s)
{
    return restarts_bytes(s) + 4 * centers_bytes(s) + s->k * s->d * s->value +
           assigner_bytes(s, s->plan->method->name);
}

/* Other fits label the rows again, and a table of clusters and clusters is made, part by part. */
static double comparing_bytes(const shape *s)
{
    const double most_cells = 1 << 22;
    const char *method = s->plan->method->reorders ? "lloyd" : s->plan->method->name;
    if (s->options->restarts == 1)
        return 0;
    return restarts_bytes(s) + centers_bytes(s) + s->k * s->d * s->value +
           largest(s->k, smallest(s->k * s->k, most_cells)) * sizeof(int64_t) +
           assigner_bytes(s, method);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* What is written of every row, beside ids. */
static double rows_bytes(const shape *s)
{
    return s->n * (double)(sizeof(int32_t) + (s->options->distances ? sizeof(double) : 0));
}

/* A piece read back to compare with: of the widest that rows have, or texts. */
static double comparison_bytes(const shape *s)
{
    const km_catalogue *catalogue = s->catalogue;
    const bool has_long_ids = km_catalogue_has_long_ids(catalogue);
    double widest = s->options->distances ? sizeof(double) : sizeof(int32_t);
    if (catalogue->has_ids && !has_long_ids)
        widest = largest(widest, (double)catalogue->ids_size);
    const double piece = smallest(widest * s->n, KM_H5_PIECE_BYTES);
    const double text = (double)km_text_bytes(catalogue->ids_size) + 2 * sizeof(char *);
    const double texts = heaps_bytes(s) + text * smallest(s->n, TEXT_PIECE_ROWS);
    return OPEN_FILE + (has_long_ids ? largest(piece, texts) : piece);
}

/* --verify: rows read again, or labels once more and sums in long double. */
static double verifying_bytes(const shape *s)
{
    return s->options->verify ? largest((double)km_catalogue_again_bytes(s->catalogue),
                                        labels_bytes(s) + 2 * sums_bytes(s))
                              : 0;
}

static double writing_bytes(const shape *s)
{
    return restarts_bytes(s) + labels_bytes(s) + 4 * centers_bytes(s) + rows_bytes(s) +
           largest(verifying_bytes(s), comparison_bytes(s));
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void plan_fit(const shape *s, km_memory *memory)
{
    const int64_t k = s->options->clusters, n_all = s->catalogue->n_rows;
    const double ordering = ordering_bytes(s, s->n, s->catalogue->has_weights);
    if (km_plan_orders(s->plan, k, n_all, n_all, s->n_ranks))
        memory->ordering = ordering;
    /* Before each fit. */
    if (km_plan_redistributes(s->plan, k, n_all, s->n_ranks))
        memory->ordering = ordering + restarts_bytes(s) + centers_bytes(s);
    if (s->n_ranks > 1 && memory->ordering > 0)
        memory->ordering += MESSAGE_POOLS;
    memory->seeding = restarts_bytes(s) + centers_bytes(s) + seeding_bytes(s);
    memory->fitting = largest(fitting_bytes(s), comparing_bytes(s));
}

km_memory km_plan_memory(const km_plan *plan, const km_options *options,
                         const km_catalogue *catalogue, int n_ranks)
{
    const int64_t rows = km_slab(catalogue->n_rows, n_ranks, 0).count;
    const shape s = {.plan = plan,
                     .options = options,
                     .catalogue = catalogue,
                     .n_ranks = n_ranks,
                     .n = (double)rows,
                     .k = (double)options->clusters,
                     .d = (double)catalogue->n_features,
                     .threads = options->threads > 0 ? (double)options->threads : 1,
                     .value = (double)km_precision_size(catalogue->precision)};
    km_memory memory = {.samples = samples_bytes(&s, s.n, catalogue->has_weights) + ids_bytes(&s)};
    memory.reading = (double)km_catalogue_buffer_bytes(catalogue, rows, (int)s.threads);
    if (options->model == NULL)
        plan_fit(&s, &memory);
    memory.writing = writing_bytes(&s);
    memory.most =
        memory.samples + largest(largest(memory.reading, memory.ordering),
                                 largest(memory.seeding, largest(memory.fitting, memory.writing)));
    return memory;
}
