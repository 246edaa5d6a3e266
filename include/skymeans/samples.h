/* samples.h - the samples of this rank in memory: the rows of its slab that are used.
 *
 * Samples keep catalogue order and come in blocks of KM_BLOCK; a block holds its features one after
 * the other, KM_BLOCK values each. What is missing in the last block repeats its last sample. */
#ifndef SKYMEANS_SAMPLES_H
#define SKYMEANS_SAMPLES_H

#include "skymeans/base.h"
#include "skymeans/comm.h"
#include "skymeans/sums.h"

typedef struct km_samples {
    km_precision precision;
    int64_t n_features;
    int64_t n_samples; /* on this rank */
    int64_t n_blocks;
    void *values;       /* [n_blocks][n_features][KM_BLOCK], in working precision */
    km_rows slab;       /* the rows of the catalogue that this rank holds */
    uint64_t *used;     /* a bit for each row of the slab: is it a sample? */
    int64_t *block_row; /* [n_blocks], row of the slab that is the block's first sample */
    int64_t n_appended; /* rows of the slab seen so far, while it is being filled */
} km_samples;

/* Room for the samples of a slab, to be filled in catalogue order by km_samples_append. */
km_code km_samples_create(km_samples *samples, km_precision precision, int64_t n_features,
                          km_rows slab, km_error *error);
void km_samples_free(km_samples *samples);

/* Where the values of one feature are, row after row, in working precision. */
typedef struct km_values {
    const void *first;
    int64_t stride; /* in values */
} km_values;

/* Appends the next `count` rows of the slab but for those whose byte in is_missing is not 0;
 * features[j] holds `count` values of feature j. */
void km_samples_append(km_samples *samples, int64_t count, const km_values *features,
                       const uint8_t *is_missing);

/* Is this row of the slab a sample? */
static inline bool km_samples_is_used(const km_samples *samples, int64_t row)
{
    return (samples->used[row / 64] >> row % 64 & 1) != 0;
}

/* The number of samples in a block: KM_BLOCK but in the last one. */
int km_samples_lanes(const km_samples *samples, int64_t block);

/* The values of a block, [n_features][KM_BLOCK] in working precision. */
const void *km_samples_block(const km_samples *samples, int64_t block);

/* One feature of a block as doubles, KM_BLOCK of them. */
void km_samples_load(const km_samples *samples, int64_t block, int64_t feature, double *values);

/* Replaces one feature of a block by KM_BLOCK doubles, rounded to the working precision. */
void km_samples_store(km_samples *samples, int64_t block, int64_t feature, const double *values);

/* All features of one sample as doubles. */
void km_samples_get(const km_samples *samples, int64_t sample, double *values);

/* The row numbers in the catalogue of a block's samples. */
void km_samples_rows(const km_samples *samples, int64_t block, int64_t *rows);

/* A new set of samples: copies of those whose numbers are in `chosen`. Their rows are not kept. */
km_code km_samples_select(const km_samples *from, const int64_t *chosen, int64_t n_chosen,
                          km_samples *selected, km_error *error);

/* `count` doubles rounded to the working precision. */
void km_round_to_precision(km_precision precision, const double *values, int64_t count, void *out);

/* ---- global facts ------------------------------------------------------------------------------
 */

/* What all samples of all ranks have in common, feature by feature; the same bits on any number of
 * ranks. Variances are those of the population (ddof 0). */
typedef struct km_facts {
    int64_t n_samples, n_features;
    double *lowest, *highest, *mean, *variance; /* [n_features] */
    double *deviation;  /* [n_features], square root of the variance, which may be out of range */
    km_double2 squares; /* sum over samples and features of (x - mid-range)^2 */
} km_facts;

/* First the number of samples and the ranges, then means, variances and squares. Collective over
 * comm, with at least one sample on some rank. KM_MEMORY on all ranks, and nothing to free, when
 * the first fails. */
km_code km_facts_find_ranges(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                             km_error *error);
km_code km_facts_find_moments(km_facts *facts, const km_samples *samples, MPI_Comm comm,
                              km_error *error);
void km_facts_free(km_facts *facts);

/* The grids on which the features are summed up, one a feature and all of as many words: one where
 * its unit is fine enough for every feature, at most the working precision's epsilon times the
 * standard deviation, else two. NULL and KM_MEMORY when there is no memory; the caller frees. */
km_grid *km_facts_choose_grids(const km_facts *facts, km_precision precision, km_error *error);

/* The grids of all features with this number of words. */
void km_facts_make_grids(const km_facts *facts, int n_words, km_grid *grids);

/* ---- scaling -----------------------------------------------------------------------------------
 */

typedef enum km_scaling { KM_SCALE_NONE, KM_SCALE_STANDARD, KM_SCALE_MINMAX } km_scaling;

/* The way into the space of the fit: scaled = (feature - offset) * factor, and from there to the
 * working values: working = scaled * 2^-exponent, the common power of two that brings the largest
 * range into [1, 2), where squares neither overflow nor vanish. A feature without range that would
 * overflow there is moved to 0. */
typedef struct km_transform {
    int64_t n_features;
    double *offset, *factor; /* [n_features] */
    int exponent;
} km_transform;

/* Chooses the transform by the global facts of the samples and applies it to them, each value
 * computed in double and rounded once. Collective over comm; KM_DATA when a range overflows;
 * `names[j]` names feature j in messages. */
km_code km_transform_apply(km_transform *transform, km_scaling scaling, km_samples *samples,
                           const char *const *names, MPI_Comm comm, km_error *error);
void km_transform_free(km_transform *transform);

/* k centers [k][d] between the units of the features and working values, in place. */
void km_transform_centers(const km_transform *transform, double *centers, int64_t k);
void km_untransform_centers(const km_transform *transform, double *centers, int64_t k);

#endif
