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

/* Adds a feature that is 0 for all samples. Local; KM_MEMORY, and nothing changes. */
km_code km_samples_lift(km_samples *samples, km_error *error);

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

/* ---- scaling --------------------------------------------------------------------------------- */

typedef enum km_scaling {
    KM_SCALE_NONE,
    KM_SCALE_STANDARD,
    KM_SCALE_MINMAX,
    KM_SCALE_ROBUST
} km_scaling;

/* The way into the space of the fit: scaled = (feature - offset) * factor, and from there to the
 * working values: working = scaled * 2^-exponent, the common power of two that brings the largest
 * range into [1, 2), where squares neither overflow nor vanish. A feature without range that would
 * overflow there is moved to 0. With minmax, the lowest value becomes exactly 0 and the highest
 * exactly 1: some ranges have no factor in double precision that brings them to 1, so values that
 * come out as at most 2^-50 above 1 are 1. */
typedef struct km_transform {
    int64_t n_features;
    double *offset, *factor; /* [n_features] */
    int exponent;
    km_scaling scaling;
} km_transform;

enum { KM_MAX_EXPONENT = 1200 }; /* a transform has none beyond, since doubles have none */

/* ---- global facts ---------------------------------------------------------------------------- */

/* What all samples of all ranks have in common, feature by feature; the same bits on any number of
 * ranks. Variances are those of the population (ddof 0). Samples of weight 0 do not count. */
typedef struct km_facts {
    int64_t n_samples, n_features;
    int64_t weight; /* sum of the weights in units; n_samples if all are 1 */
    double *lowest, *highest, *mean, *variance; /* [n_features] */
    double *deviation;  /* [n_features], square root of the variance, which may be out of range */
    km_double2 squares; /* sum over samples and features of (x - mid-range)^2 */
} km_facts;

/* First the number of samples with weight and the ranges, then means, variances and squares; these
 * of the samples as they are, or, with a transform, which is applied on the way, of working values
 * whose ranges the facts have already. Collective over comm, with at least one sample on some rank.
 * KM_MEMORY on all ranks, and no sample changed; nothing to free when the first fails. */
km_code km_facts_find_ranges(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                             km_error *error);
km_code km_facts_find_moments(km_facts *facts, km_samples *samples, const km_transform *transform,
                              MPI_Comm comm, km_error *error);
void km_facts_free(km_facts *facts);

/* Adds the facts of a feature that is 0 for all samples. Local; KM_MEMORY, and nothing changes. */
km_code km_facts_lift(km_facts *facts, km_error *error);

/* Where the quantile of a percent is in the order of values, from 0, given their number or the sum
 * of their weights; between two of them part of the way from a to b, to the last bit as NumPy's.
 * quantiles.c has the definition. Local. */
double km_quantile_place(int64_t weight, int percent, bool has_weights);
double km_quantile_between(double a, double b, double part);

/* Quantiles of each feature, [n_features][n_percents], over the samples of all ranks, whose weights
 * have been settled and add up to `weight` (see km_facts). They are exact. Collective over comm;
 * KM_MEMORY is agreed. The second gives the bytes that it takes. */
enum { KM_MAX_QUANTILES = 8 };
km_code km_quantiles_find(const km_samples *samples, int64_t weight, const int *percents,
                          int n_percents, double *quantiles, MPI_Comm comm, km_error *error);
double km_quantiles_bytes(const km_shape *shape, int n_percents);

/* The grids on which the features are summed up, one per feature and all of as many words: one
 * where its unit is fine enough for every feature, at most the working precision's epsilon times
 * the standard deviation, else two. NULL and KM_MEMORY when there is no memory; the caller frees.
 */
km_grid *km_facts_choose_grids(const km_facts *facts, km_precision precision, km_error *error);

/* The grids of all features with this number of words. */
void km_facts_make_grids(const km_facts *facts, int n_words, km_grid *grids);

/* ---- transforming ---------------------------------------------------------------------------- */

/* Positions on the sky are the first features of samples, as points of a sphere about the origin.
 * Moves a center of them, [3] working values, along its direction to the sphere; where it has none,
 * since its samples cancel out, to the place `before`, which all such places are as good as. */
enum { KM_SPHERE_FEATURES = 3 };
void km_sphere_project(double *center, const double *before, double radius);

/* The lowest row whose first features are no unit vector, but for roundings of float32; -1: all
 * are. Before samples are scaled. Collective. */
int64_t km_sphere_find_stray(const km_samples *samples, MPI_Comm comm);

/* Chooses the transform by the global facts of the samples and applies it to them, each value
 * computed in double and rounded once. After scaling, feature j is multiplied by factors[j], if
 * these are not NULL. A radius above 0 is that of a sphere: unit vectors in the first features are
 * multiplied by it and not scaled. With robust, the median becomes 0, and half of the distance from
 * the quantile of 16 to that of 84 % becomes 1, as the standard deviation of a normal distribution
 * would. `facts` gets the facts about the working values. Collective over comm; KM_DATA when a
 * range overflows, and nothing to free after errors; `names[j]` names feature j in messages. */
km_code km_transform_apply(km_transform *transform, km_scaling scaling, const double *factors,
                           double radius, km_samples *samples, const char *const *names,
                           km_facts *facts, MPI_Comm comm, km_error *error);
void km_transform_free(km_transform *transform);

/* Applies a transform that was chosen before. Local. */
void km_transform_samples(const km_transform *transform, km_samples *samples);
void km_transform_block(const km_transform *transform, km_samples *samples, int64_t block);

/* k centers [k][d] between the units of the features and working values, in place; the way there is
 * that of samples. Local. */
void km_transform_centers(const km_transform *transform, double *centers, int64_t k);
void km_untransform_centers(const km_transform *transform, double *centers, int64_t k);
double km_untransform_value(const km_transform *transform, int64_t feature, double value);

#endif
