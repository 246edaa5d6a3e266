/* samples.h - the samples of this rank in memory: the rows of its slab that are used, or as many of
 * all slabs.
 *
 * Samples come in blocks of KM_BLOCK; a block holds its features one after the other, KM_BLOCK
 * values each. What is missing in the last block repeats its last sample. They are read in
 * catalogue order; later neighbours in space are neighbours in memory, on the same rank if samples
 * have been redistributed, and `rows` leads back. */
#ifndef SKYMEANS_SAMPLES_H
#define SKYMEANS_SAMPLES_H

#include "base/error.h"
#include "base/hash.h"
#include "base/partition.h"
#include "base/precision.h"
#include "comm/comm.h"
#include "samples/shape.h"
#include "sums/sums.h"

typedef struct km_samples {
    km_precision precision;
    int64_t n_features;
    int64_t n_samples; /* on this rank */
    int64_t n_blocks;
    void *values;          /* [n_blocks][n_features][KM_BLOCK], in working precision */
    km_rows slab;          /* the rows of the catalogue that this rank reads and writes */
    int64_t capacity;      /* rows for which there is memory, at least those of the slab */
    int64_t first_row;     /* of the slab; the lowest of all once samples are redistributed */
    bool is_redistributed; /* samples are rows of any slab */
    int64_t piece;         /* then, samples that went together, from the first one on */
    uint32_t *rows;     /* [n_blocks * KM_BLOCK], row of the catalogue, from first_row, of each */
    double *weights;    /* [n_blocks * KM_BLOCK], or NULL: all are 1 */
    double weight_unit; /* a weight is weights[i] * weight_unit, once they are whole numbers */
    int64_t n_appended; /* rows of the slab seen so far, while it is being filled */
} km_samples;

/* Memory for the samples of a slab, to be filled in catalogue order by km_samples_append, or in
 * parts by km_samples_put. */
km_code km_samples_create(km_samples *samples, km_precision precision, int64_t n_features,
                          bool has_weights, km_rows slab, km_error *error);
void km_samples_free(km_samples *samples);

/* The same with memory for at least `capacity` rows, for ranks that may get more than their slab
 * has when samples are redistributed. */
km_code km_samples_create_for(km_samples *samples, km_precision precision, int64_t n_features,
                              bool has_weights, km_rows slab, int64_t capacity, km_error *error);

/* Bytes of n samples of this shape, with the numbers of their rows, and perhaps their weights. */
double km_samples_bytes(const km_shape *shape, double n, bool has_weights);

/* Where the values of one feature are, row after row, in working precision; aligned or not. */
typedef struct km_values {
    const void *first;
    int64_t stride; /* bytes */
} km_values;

/* Appends the next `count` rows of the slab but for those whose byte in is_missing is not 0;
 * features[j] holds `count` values of feature j. `weights` has `count` doubles, or is NULL. */
void km_samples_append(km_samples *samples, int64_t count, const km_values *features,
                       const double *weights, const uint8_t *is_missing);

/* The same in parts, which threads may take over at once, each other ones: `count` rows from number
 * `row` of the slab on become samples from number `sample` on; and at last how many there are. */
int64_t km_samples_count_used(const uint8_t *is_missing, int64_t count);
void km_samples_put(km_samples *samples, int64_t row, int64_t count, const km_values *features,
                    const double *weights, const uint8_t *is_missing, int64_t sample);
void km_samples_complete(km_samples *samples, int64_t n_samples);

/* The row of the catalogue that a sample is. */
static inline int64_t km_samples_row(const km_samples *samples, int64_t sample)
{
    return samples->first_row + samples->rows[sample];
}

/* The place of each sample of this rank in catalogue order: how many have lower rows. A new array,
 * which the caller frees; NULL and KM_MEMORY if it can't be had. Not for redistributed samples. */
uint32_t *km_samples_places(const km_samples *samples, km_error *error);

/* The number of samples in a block: KM_BLOCK but in the last one. */
int km_samples_lanes(const km_samples *samples, int64_t block);

/* The values of a block, [n_features][KM_BLOCK] in working precision. */
const void *km_samples_block(const km_samples *samples, int64_t block);

/* These blocks are complete, with their rows and weights: where they are on a disk, writing begins.
 */
void km_samples_leave(const km_samples *samples, int64_t block, int64_t n_blocks);

/* For each block of a pass through all in order: those that come next are needed soon. Other
 * functions than km_samples_block do so themselves. */
void km_samples_pass(const km_samples *samples, int64_t block);

/* The same of the numbers of the rows. */
void km_samples_pass_rows(const km_samples *samples, int64_t block);

/* One feature of a block as doubles, KM_BLOCK of them. */
void km_samples_load(const km_samples *samples, int64_t block, int64_t feature, double *values);

/* The lowest and the highest value of one feature in a block. */
void km_samples_range(const km_samples *samples, int64_t block, int64_t feature, double *lowest,
                      double *highest);

/* Replaces one feature of a block by KM_BLOCK doubles, rounded to the working precision. */
void km_samples_store(km_samples *samples, int64_t block, int64_t feature, const double *values);

/* All features of one sample as doubles. */
void km_samples_get(const km_samples *samples, int64_t sample, double *values);

/* Adds a feature that is 0 for all samples. Collective; KM_MEMORY is agreed, and nothing changes.
 */
km_code km_samples_lift(km_samples *samples, MPI_Comm comm, km_error *error);

/* A new set of samples: copies of those whose numbers are in `chosen`, in that order. */
km_code km_samples_select(const km_samples *from, const int64_t *chosen, int64_t n_chosen,
                          km_samples *selected, km_error *error);

/* Repeats the last sample up to the end of the last block, without weight. There must be one. */
void km_samples_pad(km_samples *samples);

/* The hash of all features of all samples, the same for any number of ranks. Collective. */
uint64_t km_hash_samples(const km_samples *samples, MPI_Comm comm);

/* The same of the samples as they were read, with their weights, and only of rows that are read
 * again to verify them: of one in `every` blocks of rows, 1: of all. Before weights settle.
 * Collective. */
uint64_t km_hash_as_read(const km_samples *samples, int64_t every, MPI_Comm comm);

enum { KM_READ_AGAIN_ROWS = 4096 };
static inline bool km_is_read_again(int64_t row, int64_t every)
{
    const uint64_t block = (uint64_t)row / KM_READ_AGAIN_ROWS;
    return every == 1 || km_mix(block + 1) % (uint64_t)every == 0;
}

/* Which features only count the rows: whole numbers, each 1 above that of the row before, as ids
 * and indices do. Before values are scaled. is_counter: [n_features]. Collective over comm;
 * KM_MEMORY is agreed. */
km_code km_samples_find_counters(const km_samples *samples, bool *is_counter, MPI_Comm comm,
                                 km_error *error);

/* ---- weights --------------------------------------------------------------------------------- */

/* Turns the weights as they were read into whole numbers of a unit. Collective over comm; KM_DATA
 * when all are 0. */
km_code km_weights_settle(km_samples *samples, MPI_Comm comm, km_error *error);

/* The weights of a block's samples, KM_BLOCK whole numbers, 0 beyond the last sample. */
void km_samples_weights(const km_samples *samples, int64_t block, int64_t *weights);

#endif
