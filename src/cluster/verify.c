/* Verification: computes the results of a fit again in the plainest way.
 *
 * The reference kernel labels every sample by the last centers, and by the centers before them. The
 * labels by the last centers must be those of the fit. The means of the samples with the same label
 * by the centers before must be the last centers. Sums are long doubles here, so means agree only
 * up to rounding: a mean of n values is off by at most n 2^-63 of the maximum value, and by the
 * unit of the exact sums, which is at most epsilon times the range of a feature, or 2^-48 times the
 * range when weights take 53 of the 102 bits of the sums. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "cluster/cluster.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

struct check {
    const skymeans_answer *answer;
    const km_samples *samples;
    MPI_Comm comm;
    int32_t *labels;          /* [n_samples] */
    void *rounded;            /* [k][d], centers in working precision */
    long double *sums;        /* [k][d + 2], of weighted features, of weights and of ones */
    double *lowest, *highest; /* [d], of all samples */
    km_differences *found;
};

/* Labels every sample by these centers, which are working values, with the reference kernel. */
static void label_all(const struct check *check, const double *centers)
{
    const km_samples *samples = check->samples;
    const int64_t k = check->answer->plan.shape.n_clusters, d = samples->n_features;
    km_round_to_precision(samples->precision, centers, k * d, check->rounded);
    km_label_samples(samples, &km_kernel_reference, check->rounded, k, check->labels);
}

/* Adds feature j of the samples of a block to the sums of their labels. Feature d stands for the
 * weights, and feature d + 1 for ones. */
static void sum_block(struct check *check, int64_t block, int64_t j)
{
    const km_samples *samples = check->samples;
    const int64_t d = samples->n_features;
    double values[KM_BLOCK];
    int64_t weights[KM_BLOCK];
    km_samples_weights(samples, block, weights);
    for (int l = 0; l < KM_BLOCK; l++)
        values[l] = 1;
    if (j < d)
        km_samples_load(samples, block, j, values);
    for (int l = 0; l < km_samples_lanes(samples, block); l++) {
        const int32_t label = check->labels[block * KM_BLOCK + l];
        const long double weight = j <= d ? (long double)weights[l] : 1;
        check->sums[label * (d + 2) + j] += weight * (long double)values[l];
        if (j < d && weights[l] > 0) {
            check->lowest[j] = fmin(check->lowest[j], values[l]);
            check->highest[j] = fmax(check->highest[j], values[l]);
        }
    }
}

/* Sums the samples of each label, and finds the range of each feature. Each thread sums other
 * features, so sums need no lock. Collective. */
static void sum_all(struct check *check)
{
    const km_samples *samples = check->samples;
    const int64_t k = check->answer->plan.shape.n_clusters, d = samples->n_features;
    for (int64_t i = 0; i < k * (d + 2); i++)
        check->sums[i] = 0;
    for (int64_t j = 0; j < d; j++) {
        check->lowest[j] = INFINITY;
        check->highest[j] = -INFINITY;
    }
#pragma omp parallel for
    for (int64_t j = 0; j < d + 2; j++)
        for (int64_t b = 0; b < samples->n_blocks; b++)
            sum_block(check, b, j);
    km_sum_long_double(check->comm, check->sums, k * (d + 2));
    km_min_double(check->comm, check->lowest, d);
    km_max_double(check->comm, check->highest, d);
}

/* Is this center as near to the sample as that of its label? */
static bool is_as_near(const struct check *check, int64_t sample, int32_t other)
{
    const km_samples *samples = check->samples;
    const int64_t d = samples->n_features;
    const void *block = km_samples_block(samples, sample / KM_BLOCK);
    const size_t center_size = (size_t)d * km_precision_size(samples->precision);
    const int32_t both[] = {check->labels[sample], other};
    double distances[2];
    for (int i = 0; i < 2; i++)
        distances[i] =
            km_distance2(samples->precision, block, (int)(sample % KM_BLOCK),
                         (const char *)check->rounded + (size_t)both[i] * center_size, d);
    return distances[0] == distances[1];
}

/* Counts labels that differ, also of rows that are no samples. Of equally near centers that got new
 * numbers, a label may be either. */
static void check_labels(struct check *check)
{
    const skymeans_answer *answer = check->answer;
    int64_t n_different = 0, n_labelled = 0;
    for (int64_t i = 0; i < check->samples->n_samples; i++) {
        const int32_t label = answer->labels[check->samples->rows[i]];
        n_labelled += label >= 0;
        if (check->labels[i] != label && answer->is_renumbered && label >= 0 &&
            is_as_near(check, i, label))
            check->labels[i] = label;
        n_different += check->labels[i] != label;
    }
    for (int64_t row = 0; row < answer->slab.count; row++)
        n_different += answer->labels[row] >= 0;
    n_different -= n_labelled;
    km_sum_int64(check->comm, &n_different, 1);
    check->found->labels = n_different;
}

/* Sizes and weights of clusters. Sums of weights are exact: whole numbers of at most 53 bits. */
static void check_sizes_and_rows(struct check *check)
{
    const skymeans_answer *answer = check->answer;
    const int64_t k = answer->plan.shape.n_clusters, d = check->samples->n_features;
    const long double unit = (long double)check->samples->weight_unit;
    int64_t total = answer->spread.n_rows - answer->spread.n_used;
    for (int64_t c = 0; c < k; c++) {
        const long double *sums = check->sums + c * (d + 2) + d;
        const int64_t size = (int64_t)sums[1];
        total += size;
        check->found->sizes += size != answer->fit.sizes[c];
        if (answer->fit.weights != NULL)
            check->found->weights += (double)(sums[0] * unit) != answer->fit.weights[c];
    }
    check->found->rows = total - answer->spread.n_rows;
}

/* What a mean is stretched by to lie on the sphere, if it is one of positions on the sky: NaN where
 * samples cancel out, so that their center may be anywhere. */
static long double stretch_to_sphere(const struct check *check, const long double *sums, int64_t j)
{
    const double radius = ldexp(check->answer->problem.sky, -check->answer->transform.exponent);
    const long double weight = sums[check->samples->n_features];
    if (radius == 0 || j >= KM_SPHERE_FEATURES)
        return 1;
    const long double length =
        sqrtl(sums[0] * sums[0] + sums[1] * sums[1] + sums[2] * sums[2]) / weight;
    return length > 1e-9L * radius ? radius / length : NAN;
}

static void check_centers(struct check *check)
{
    const skymeans_answer *answer = check->answer;
    const int64_t k = answer->plan.shape.n_clusters, d = check->samples->n_features;
    const double fine = km_precision_epsilon(check->samples->precision);
    const double epsilon = check->samples->weights != NULL ? fmax(fine, 0x1p-48) : fine;
    int64_t n_different = 0;
    for (int64_t c = 0; c < k; c++) {
        const long double weight = check->sums[c * (d + 2) + d];
        const long double n = check->sums[c * (d + 2) + d + 1];
        for (int64_t j = 0; j < km_answer_features(answer) && weight > 0; j++) {
            const double center = answer->fit.centers[c * d + j];
            const double largest = fmax(fabs(check->lowest[j]), fabs(check->highest[j]));
            const double allowed = epsilon * (check->highest[j] - check->lowest[j]) +
                                   ((double)n * 0x1p-63 + 4 * DBL_EPSILON) * largest;
            const long double *sums = check->sums + c * (d + 2);
            const long double stretch = stretch_to_sphere(check, sums, j);
            const long double away = fabsl(sums[j] / weight * stretch - (long double)center);
            n_different += away > (long double)allowed * fmaxl(1, 2 * stretch);
        }
    }
    check->found->has_means = true;
    check->found->coordinates = n_different;
}

/* The plain sum of weighted squared distances. *lost is how much the exact sum may have lost. The
 * unit of its grid is 2^(1 - 102) times the powers of two above the weight W of all samples and
 * above the maximum squared distance, each at most twice that; half of it is lost per weight, in
 * all 2^-100 W^2 times that distance. Both in working units of weights and values. Collective. */
static long double sum_of_squares(struct check *check, double *lost)
{
    const skymeans_answer *answer = check->answer;
    const km_samples *samples = check->samples;
    long double sum = 0, weight = 0;
    double largest = 0;
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        double distances[KM_BLOCK];
        int64_t weights[KM_BLOCK];
        km_samples_weights(samples, b, weights);
        km_block_distances(samples, &km_kernel_reference, answer->plain, km_answer_features(answer),
                           check->labels + b * KM_BLOCK, 0, b, distances);
        for (int l = 0; l < KM_BLOCK; l++) {
            sum += (long double)weights[l] * (long double)distances[l] * (long double)distances[l];
            weight += (long double)weights[l];
            largest = weights[l] > 0 ? fmax(largest, distances[l]) : largest;
        }
    }
    km_sum_long_double(check->comm, &sum, 1);
    km_sum_long_double(check->comm, &weight, 1);
    km_max_double(check->comm, &largest, 1);
    *lost = (double)weight * (double)weight * largest * largest * 0x1p-100;
    return sum;
}

static void check_inertia(struct check *check)
{
    const skymeans_answer *answer = check->answer;
    const int exponent = 2 * answer->transform.exponent;
    const double unit = check->samples->weight_unit;
    double lost;
    const long double sum = sum_of_squares(check, &lost);
    const double found = (double)ldexpl(sum * (long double)unit, exponent);
    const double allowed = (1e-14 + (double)answer->spread.n_used * 0x1p-63) * found +
                           ldexp(lost * unit, exponent) + DBL_TRUE_MIN;
    check->found->inertia = found;
    check->found->has_other_inertia = found != answer->fit.inertia && /* both may be infinite */
                                      !(fabs(found - answer->fit.inertia) <= allowed);
}

double km_answer_verify_bytes(const km_shape *shape)
{
    return km_labels_bytes(shape) + 2 * km_sums_bytes(shape);
}

static void check_all(struct check *check)
{
    const skymeans_answer *answer = check->answer;
    if (answer->fit.previous != NULL &&
        answer->fit.n_refilled == 0) { /* else the rule for empty clusters moved some centers */
        label_all(check, answer->fit.previous);
        sum_all(check);
        check_centers(check);
    }
    label_all(check, answer->fit.centers);
    check_labels(check);
    sum_all(check);
    check_sizes_and_rows(check);
    if (answer->is_fit)
        check_inertia(check);
    check->found->checksum = km_answer_checksum(answer, check->samples, check->labels, check->comm);
}

km_code km_answer_compare(km_differences *found, const skymeans_answer *answer,
                          const skymeans_samples *samples, MPI_Comm comm, km_error *error)
{
    const int64_t k = answer->plan.shape.n_clusters, d = samples->memory.n_features;
    const char *what = "verification";
    struct check check = {
        .answer = answer, .samples = &samples->memory, .comm = comm, .found = found};
    *found = (km_differences){0};
    check.rounded = km_allocate(k * d, sizeof(double), what, error);
    check.labels = km_allocate_large(samples->memory.n_samples, sizeof *check.labels, what, error);
    check.sums = km_allocate(k * (d + 2), sizeof *check.sums, what, error);
    check.lowest = km_allocate(2 * d, sizeof *check.lowest, what, error);
    if (km_agree(comm, error) == KM_OK) {
        check.highest = check.lowest + d;
        check_all(&check);
    }
    free(check.rounded);
    km_free_large(check.labels);
    free(check.sums);
    free(check.lowest);
    return error->code;
}

/* The first number that is not 0 is an error. */
static void complain(const char *what, int64_t count, km_error *error)
{
    if (count != 0)
        km_fail(error, KM_INTERNAL,
                "verification FAILED: %s: %lld, not 0; please report this with the command line",
                what, (long long)count);
}

km_code km_answer_verify(const skymeans_answer *answer, const skymeans_samples *samples,
                         MPI_Comm comm, km_error *error)
{
    km_differences found;
    if (km_answer_compare(&found, answer, samples, comm, error) != KM_OK)
        return error->code;
    complain("coordinates of centers that are not the mean of their rows", found.coordinates,
             error);
    complain("labels that differ", found.labels, error);
    complain("sizes of clusters that differ", found.sizes, error);
    complain("weights of clusters that differ", found.weights, error);
    complain("rows labeled or missing, beyond all rows", found.rows, error);
    if (found.has_other_inertia)
        km_fail(error, KM_INTERNAL,
                "verification FAILED: inertia: %.17g, not %.17g; please report this with the "
                "command line",
                answer->fit.inertia, found.inertia);
    if (found.checksum != answer->checksum)
        km_fail(error, KM_INTERNAL,
                "verification FAILED: checksum: %016llx, not %016llx; please report this with the "
                "command line",
                (unsigned long long)answer->checksum, (unsigned long long)found.checksum);
    return error->code;
}
