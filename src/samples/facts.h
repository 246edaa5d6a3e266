/* facts.h - what all samples of all ranks have in common. */
#ifndef SKYMEANS_SAMPLES_FACTS_H
#define SKYMEANS_SAMPLES_FACTS_H

#include "samples/samples.h"

struct km_transform;

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
km_code km_facts_find_moments(km_facts *facts, km_samples *samples,
                              const struct km_transform *transform, MPI_Comm comm, km_error *error);
void km_facts_free(km_facts *facts);

/* Adds the facts of a feature that is 0 for all samples; for one there is room. Local. */
void km_facts_lift(km_facts *facts);

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

#endif
