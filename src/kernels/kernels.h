/* kernels.h - arithmetic on arrays: which center is nearest.
 *
 * The canonical distance, which every kernel gives to the last bit: in working precision,
 *     d2 = 0;  for each feature j in order:  d2 = fma(x[j] - c[j], x[j] - c[j], d2)
 * SIMD lanes hold samples, never features, so the width of the vectors does not matter. A tie goes
 * to the lowest center number. Kernels know no MPI, files, heap or globals. */
#ifndef SKYMEANS_KERNELS_H
#define SKYMEANS_KERNELS_H

#include "base/partition.h"
#include "base/precision.h"
#include "sums/sums.h"

/* Squared distances of the samples of a block, in working precision. */
typedef union km_distances {
    _Alignas(64) float float32[KM_BLOCK];
    double float64[KM_BLOCK];
} km_distances;

static inline double km_distance_of(const km_distances *distances2, km_precision precision,
                                    int lane)
{
    return km_value_get(precision, distances2, lane);
}

/* For the KM_BLOCK samples of one block the number of the nearest center and the canonical squared
 * distance to it. In the working precision of the kernel: block [d][KM_BLOCK], centers [k][d];
 * labels [KM_BLOCK]. Values are finite; k >= 1. */
typedef void km_nearest(const void *block, const void *centers, int64_t n_features,
                        int64_t n_centers, int32_t *labels, km_distances *distances2);

/* The same with the number of the second nearest center besides, `others` [KM_BLOCK], the lowest of
 * those equally near; without the distances. k >= 2; nothing may overflow. */
typedef void km_nearest_pair(const void *block, const void *centers, int64_t n_features,
                             int64_t n_centers, int32_t *labels, int32_t *others);

/* The squared distance of each of the KM_BLOCK samples of one block to the center that its label
 * names, as above but in double throughout. The block [d][KM_BLOCK] is in the precision of the
 * kernel; centers [k][d], labels [KM_BLOCK], all of them in [0, k), distances2 [KM_BLOCK]. */
typedef void km_measure(const void *block, const double *centers, int64_t n_features,
                        const int32_t *labels, double *distances2);

/* Lowers the squared distances `nearest2` of the samples of a block to their nearest center by one
 * more center [d]: each becomes the canonical squared distance to that if it is less. In the
 * working precision of the kernel. */
typedef void km_approach(const void *block, const void *center, int64_t n_features,
                         km_distances *nearest2);

/* Boxes come in sets of as many as have one parent in a tree of boxes; each has its lane. */
enum { KM_SIBLINGS = 16 };

/* Which of n centers can be the nearest one of a point in a box, for each box of a set.
 *
 * boxes [2][d][KM_SIBLINGS] are lowest and highest values, centers [n][d]; kept[c] gets a bit for
 * each box in which center c stays. A center leaves a box only if the canonical distance prefers
 * the center nearest to the middle of the box to it, everywhere in the box, and by more than
 * margins[box], the difference of the distances (not squared); `margins` may be NULL: 0. Kernels
 * may differ in what they keep. Nothing may overflow: see km_centers_are_safe. `work` is a
 * workspace of km_filter_workspace(d, n) values, aligned for vectors. */
typedef void km_filter(const void *boxes, const void *centers, int64_t n_features,
                       int64_t n_centers, const double *margins, void *work, uint16_t *kept);

/* The same of the two nearest centers of a point, without margins: a center leaves a box only if
 * the canonical distance prefers both centers nearest to the middle of the box to it, everywhere.
 */
typedef void km_filter_pair(const void *boxes, const void *centers, int64_t n_features,
                            int64_t n_centers, void *work, uint16_t *kept);

static inline int64_t km_filter_workspace(int64_t n_features, int64_t n_centers)
{
    return (n_centers + 4 * n_features) * KM_SIBLINGS;
}

/* The slack of a comparison of distances in units of epsilon times (the squared distance from the
 * middle of the box to the center, plus the squared half diagonal of the box), for d features.
 *
 * With q and p the squared distances of the middle m to the center c and to its rival z, p <= q, e
 * the half widths and h2 = sum e^2, every x in the box has
 *     |x-c|^2 - |x-z|^2 = q - p - 2 (x-m)(c-z) >= a = q - p - 2 sum e_j |c_j - z_j|,
 * and both squared distances are at most 2 (q + h2). A canonical squared distance has d + 2
 * relative errors of at most epsilon, so two of them compare rightly if a > 4 (d+2) epsilon (q +
 * h2). In a itself, q and p have d + 2 errors each, 2 (d+2) epsilon q together; each of the d + 1
 * subtractions rounds something that is at most 3 (q + h2), since 2 sum e_j |c_j - z_j| <= 4
 * sqrt(h2 q); e_j and c_j - z_j add 4 epsilon (q + h2). The sum is below (9 d + 19) epsilon (q +
 * h2); what is left to 16 (d + 4) covers higher orders, the rounding of the slack itself, and
 * margins (assign/budgets.c). Denormal numbers round absolutely, at most 16 (d + 4) times:
 * as often the smallest normal number is far more, and is not as slow as denormal ones. */
#define KM_FILTER_SLACK(d) (16.0 * ((double)(d) + 4))

/* The nearest of some centers for the samples of a block: centers [][d], of which chosen[0 ...
 * n-1], ascending, are compared; the label is number[i] of the nearest center i. `old` and `labels`
 * are [KM_BLOCK]; returns a bit for each sample whose label is not the old one. `gap`, if not NULL,
 * gets a lower bound of the difference, over the samples, of the distances (not squared) to the
 * second nearest and to the nearest of them. */
typedef uint64_t km_nearest_listed(const void *block, const void *centers, int64_t n_features,
                                   const int32_t *numbers, const int32_t *chosen, int64_t n_chosen,
                                   const int32_t *old, int32_t *labels, double *gap);

/* What a gap leaves to rounding: the part of the larger distance (for d features, in epsilons). A
 * canonical squared distance has d + 2 errors, its root half of that and one more; the gap of two
 * takes 2 (d/2 + 2). Another 2 (d+2) make sure that canonical distances compare rightly as long as
 * something of the gap is left, since |x-c| - |x-a| > r (|x-c| + |x-a|) says the same of squares.
 */
#define KM_GAP_SLACK(d) (8.0 * ((double)(d) + 2))

/* The nearest of some centers for the samples of a block, and how far behind they are: of the
 * centers [k][d], those in chosen[0 ... n-1], ascending, are compared. gaps[i] gets a lower bound
 * of the difference, over the samples that center chosen[i] is not the nearest of, of the distances
 * (not squared) to it and to the nearest: as long as something of it is left, canonical distances
 * prefer the latter; infinity if there is no such sample. Returns an upper bound of the distances
 * to the nearest. Nothing may overflow. `labels` is [KM_BLOCK]; `work` is a workspace of n *
 * KM_GAPS_WORKSPACE values, aligned for vectors. */
typedef double km_nearest_gaps(const void *block, const void *centers, int64_t n_features,
                               const int32_t *chosen, int64_t n_chosen, void *work, int32_t *labels,
                               double *gaps);

/* The canonical squared distances of the samples of a block to one center [d]; returns the least.
 */
typedef double km_distances_to(const void *block, const void *center, int64_t n_features,
                               km_distances *distances2);

/* The largest squared distance of the samples of a block whose label is `label`; 0 if there are
 * none. labels [KM_BLOCK] are aligned as those of a block. */
typedef double km_farthest_of(const km_distances *distances2, const int32_t *labels, int32_t label);

/* Adds to `within` [n_blocks] a bit for each of the squared distances [n_blocks][KM_BLOCK] that is
 * at most limit2. Blocks whose lower bound in least2 [n_blocks] is above that are skipped. */
typedef void km_add_within(const void *distances2, const double *least2, int64_t n_blocks,
                           double limit2, uint64_t *within);

/* A bit for each of labels [KM_BLOCK] that is `label`. */
typedef uint64_t km_lanes_with(const int32_t *labels, int32_t label);

/* The nearest of some centers for KM_PART samples, a half of a block [d][KM_BLOCK] that begins at
 * its first sample or in its middle. Of the centers [k][d] those in chosen[0 ... n-1], n >= 1, are
 * compared; labels [KM_PART]. Of the centers equally near to a sample it gets the one that is first
 * in the list; returns whether there are any. */
enum { KM_PART = KM_BLOCK / 2 };
typedef bool km_nearest_of_part(const void *block, const void *centers, int64_t n_features,
                                const int32_t *chosen, int64_t n_chosen, int32_t *labels);

/* Finds those of the chosen centers, as above, that are within a limit of a sample of a part: whose
 * canonical squared distance is at most limits2 [KM_PART], in working precision and aligned for
 * vectors. They go to `found`, in the same order; returns how many they are. */
typedef int64_t km_find_within(const void *part, const void *centers, int64_t n_features,
                               const int32_t *chosen, int64_t n_chosen, const void *limits2,
                               int32_t *found);

/* Which centers have drifted so far that their gap is used up: a bit, in `used`, for each c whose
 * gaps[c] is not above paths[c] + own_path. False if there is none. n_centers is a multiple of
 * KM_GAPS_ALIGNED; arrays are aligned for vectors. */
typedef bool km_used_up(const float *gaps, const float *drifts, float own_drift, int64_t n_centers,
                        uint64_t *used);
enum { KM_GAPS_ALIGNED = 16, KM_GAPS_WORKSPACE = KM_BLOCK + KM_GAPS_ALIGNED };

/* Centers as whole numbers, which rule out most centers before anything is compared canonically:
 * center c is origin + scale * (p + f), with p in bytes or in pairs of 16 bits, and what these
 * leave, f. The kernel does the same to samples; src/kernels/screen.h has the bounds. */
typedef struct km_screen {
    bool are_bytes;         /* or pairs: four or two features per word, the first in the lowest
                               bits; features that are missing in the last word are 0 */
    int64_t n_words;        /* per center */
    const float *origin;    /* [d] */
    const int32_t *words;   /* [k][n_words], of -p */
    const float *squares;   /* [k], scale^2 |p|^2; less its slack with bytes */
    const float *residuals; /* [k], scale |f|, rounded up */
    float scale;            /* of pairs, above 2^-50; 0 with bytes */
    float largest_square;   /* of pairs, rounded up; 0 with bytes */
    float largest_residual; /* of pairs */
    bool has_strays;        /* of pairs: centers that do not fit, with p = 0 */
    const void *centers;    /* [k / KM_BLOCK, rounded up][d][KM_BLOCK], of pairs: the centers in
                               working precision, in blocks as samples are; the last is repeated */
    const float *scales;    /* [k], of bytes, above 2^-50 */
    const int32_t *sums;    /* [k], of p, of bytes */
    int64_t n_axes;         /* of pairs: coordinates on so many axes stand for the features; or 0 */
    const float *axes;      /* [d][n_axes], of a spectral norm of at most 1 */
} km_screen;

/* The largest whole number in a byte; and the largest norm of whole numbers in pairs. */
enum { KM_SCREEN_BYTE = 127, KM_SCREEN_PAIR = 32700, KM_SCREEN_ARRAYS = 7 };

/* Axes are so many at most, a multiple of KM_SCREEN_AXES, and at most a third of the features. */
enum { KM_SCREEN_AXES = 4, KM_SCREEN_MOST_AXES = 16 };

/* What roundings of bounds take, as a part of squares, and absolutely of distances where squares
 * may be too small for single precision. */
#define KM_SCREEN_SLACK(d) (((double)(d) + 40) * 0x1p-24)
#define KM_SCREEN_ABSOLUTE 0x1p-50

/* Samples of a group, a bit each, that may be nearer to a center, the one with this index among
 * those that are compared. */
typedef struct km_screen_pair {
    int32_t index, center;
    uint16_t group, samples;
} km_screen_pair;

/* The same as km_nearest_gaps, with a screen of the centers. `gaps` may be NULL; then all centers
 * are chosen. `labels` are guesses, or -1 all; with good guesses fewer pairs are left to compare
 * canonically, which are added to n_pairs. Returns -1, and nothing else but these is right, if that
 * are too many. `work` has km_screen_workspace(d, n) bytes. */
typedef double km_screened(const void *block, const void *centers, int64_t n_features,
                           const km_screen *screen, const int32_t *chosen, int64_t n_chosen,
                           void *work, int32_t *labels, double *gaps, int64_t *n_pairs);

static inline int64_t km_screen_max_pairs(int64_t n_chosen)
{
    return 2 * n_chosen + KM_BLOCK;
}

static inline int64_t km_screen_workspace(int64_t n_features, int64_t n_chosen)
{
    const int64_t n_words = (n_features + 1) / 2;
    const int64_t n_numbers =
        (n_words + KM_SCREEN_ARRAYS + n_chosen) * KM_BLOCK + (n_chosen + 16) * 20;
    return n_numbers * (int64_t)sizeof(float) +
           km_screen_max_pairs(n_chosen) * (int64_t)sizeof(km_screen_pair);
}

/* Grids of two words for a feature and for its squares, these in units of power^2. */
typedef struct km_moments_task {
    km_grid grid, square_grid;
    double inverse_power; /* times a distance from the origin is at most 1 */
} km_moments_task;

/* Adds the grid points of the KM_BLOCK values of one feature of a block, and those of the squares
 * of their distances from the origin, to words[4]: high and low words of the first, and of the
 * second. The grids are for sums of KM_MOMENTS_MIN values at least, so that no word has more than
 * 50 bits. */
typedef void km_moments(const void *values, const km_moments_task *task, int64_t *words);
enum { KM_MOMENTS_MIN = 1 << 13 };

/* The centroid of cluster c [n_features], whose weight is above 0: km_exact_mean of each feature.
 */
typedef void km_means(const km_grid *grids, const km_totals *totals, int64_t c, double *means);

/* Sums of double-doubles in lanes, and of the absolute values of their terms. */
enum { KM_HISTORY_LANES = 8 };
typedef struct km_history_sums {
    _Alignas(64) double high[KM_HISTORY_LANES], low[KM_HISTORY_LANES], sizes[KM_HISTORY_LANES];
} km_history_sums;

/* Adds what the first d features of cluster c, whose weight is above 0, add to the sum of squared
 * distances to its center. The terms have the same bits in all kernels; in that of reference the
 * sums are the first lane, in the order of the features. */
typedef void km_add_history(const km_grid *grids, const km_totals *totals, int64_t c,
                            const double *center, int64_t d, km_history_sums *history);

/* Folds the KM_BLOCK values of one feature of a block into as many hashes (km_hash_double). */
typedef void km_fold_values(const void *values, uint64_t *hashes);

/* Does so many rounds of nothing but FMAs, and returns how many that were. Their result, in *sum,
 * depends on all of them. */
typedef double km_peak(int64_t n_rounds, double *sum);

/* A row in the table of kernels: functions by km_precision, that of the samples. Blocks are aligned
 * for vectors; nothing else need be but where it is said. */
typedef struct km_kernel {
    const char *name;
    bool (*is_available)(void); /* on this processor */
    bool (*is_fast)(void);      /* is it no slower than those before it, where it is available? */
    km_nearest *nearest[2];
    km_nearest_pair *nearest_pair[2];
    km_measure *measure[2];
    km_approach *approach[2];
    km_filter *filter[2];
    km_filter_pair *filter_pair[2];
    km_nearest_listed *nearest_listed[2];
    km_nearest_gaps *nearest_gaps[2];
    km_distances_to *distances_to[2];
    km_farthest_of *farthest_of[2];
    km_add_within *add_within[2];
    km_lanes_with *lanes_with[2];
    km_nearest_of_part *nearest_of_part[2];
    km_find_within *find_within[2];
    km_used_up *used_up;
    bool has_bytes;                  /* can it screen bytes, faster than pairs? */
    km_screened *screened[2];        /* NULL, if it has those of another row */
    const struct km_kernel *screens; /* the row whose screens are the fastest on its processors */
    km_moments *moments[2];
    km_means *means;             /* but that of reference, for grids of one word */
    km_add_history *add_history; /* the same */
    km_fold_values *fold_values[2];
    km_peak *peak[2];
} km_kernel;

/* The plainest kernel, which defines what is right and is available everywhere. */
extern const km_kernel km_kernel_reference;

/* The table of kernels, plainest first, ended by NULL. */
extern const km_kernel *const km_kernels[];

/* The canonical squared distance of one sample of a block, in lane `lane`, to a center [d]. */
double km_distance2(km_precision precision, const void *block, int lane, const void *center,
                    int64_t n_features);

/* A bit for each row of the table that this processor can run; for "auto" without those that others
 * of them outdo. */
uint64_t km_kernels_available(const char *name);

/* The kernel called `name` among those in `available`, or for "auto" the last of them; NULL if
 * there is none. */
const km_kernel *km_kernel_choose(const char *name, uint64_t available);

#endif
