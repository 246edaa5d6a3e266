/* What each kernel of this processor answers, as one hash: equal lines are equal bits. Needs no MPI
 * and no test library, so that it can be built for another processor (tests/unit/neon.sh). */
#include "assign/axes.h"
#include "assign/screen.h"
#include "base/hash.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/random.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_FEATURES = 20, MOST_FEATURES = 48, MOST_CENTERS = 700 };

/* Whole numbers now and then, for ties. */
static double value_of(uint64_t seed, uint64_t index)
{
    const double uniform = (double)(km_random(seed, KM_RANDOM_DRAW, index) >> 11) * 0x1p-53;
    return seed % 3 == 0 ? floor(4 * uniform) : uniform;
}

static void round_to(km_precision precision, const double *values, int64_t count, void *rounded)
{
    for (int64_t i = 0; i < count; i++)
        if (precision == KM_FLOAT32)
            ((float *)rounded)[i] = (float)values[i];
        else
            ((double *)rounded)[i] = values[i];
}

static uint64_t fold(uint64_t hash, km_precision precision, const int32_t *labels,
                     const km_distances *distances2)
{
    double values[2 * KM_BLOCK];
    for (int l = 0; l < KM_BLOCK; l++) {
        values[l] = labels[l];
        values[KM_BLOCK + l] = km_distance_of(distances2, precision, l);
    }
    return km_hash_doubles(hash, values, 2 * KM_BLOCK);
}

/* Labels of every other center, and which of the reference's gaps are used up by far. Ends the
 * program if gaps differ from those by more than quick roots do. */
static uint64_t hash_of_gaps(const km_kernel *kernel, km_precision precision, const void *block,
                             const void *centers, int64_t d, int64_t k)
{
    static _Alignas(64) double work[MOST_CENTERS * KM_GAPS_WORKSPACE];
    static _Alignas(64) float narrow[MOST_CENTERS + KM_GAPS_ALIGNED],
        drifts[MOST_CENTERS + KM_GAPS_ALIGNED];
    int32_t chosen[MOST_CENTERS] = {0}, labels[KM_BLOCK];
    double gaps[MOST_CENTERS], right[MOST_CENTERS], hashed[KM_BLOCK];
    uint64_t used[MOST_CENTERS / 64 + 1], hash = 0;
    int64_t n = 0;
    for (int64_t c = 0; c < k; c += 2)
        chosen[n++] = (int32_t)c;
    km_kernel_reference.nearest_gaps[precision](block, centers, d, chosen, n, work, labels, right);
    kernel->nearest_gaps[precision](block, centers, d, chosen, n, work, labels, gaps);
    for (int64_t i = 0; i < n; i++)
        if (!(gaps[i] == right[i] || fabs(gaps[i] - right[i]) < 0x1p-10 * 4 * sqrt((double)d))) {
            printf("%s: other gaps, d %d, k %d\n", kernel->name, (int)d, (int)k);
            exit(1);
        }
    for (int l = 0; l < KM_BLOCK; l++)
        hashed[l] = labels[l];
    for (int64_t i = 0; i < n; i++)
        narrow[i] = (float)floor(8 * right[i] + 0.01);
    for (int64_t i = n; i % KM_GAPS_ALIGNED != 0; i++)
        narrow[n++] = INFINITY;
    kernel->used_up(narrow, drifts, 1, n, used);
    for (int64_t w = 0; w < (n + 63) / 64; w++)
        hash = km_mix(hash ^ used[w]);
    return km_hash_doubles(hash, hashed, KM_BLOCK);
}

/* Ends the program if labels are others with a screen of the centers. */
static void compare_labels(const km_kernel *kernel, km_precision precision, const void *block,
                           const void *centers, km_owned_screen *owned, const int32_t *labels)
{
    static _Alignas(64) char work[1 << 19];
    const int64_t d = owned->n_features, k = owned->n_clusters;
    int32_t chosen[MOST_CENTERS], found[KM_BLOCK];
    int64_t n_pairs = 0;
    for (int64_t c = 0; c < k; c++)
        chosen[c] = (int32_t)c;
    memset(found, 0xff, sizeof found);
    if (km_screen_workspace(d, k) > (int64_t)sizeof work)
        exit(2);
    km_screen_set(owned, precision, centers);
    if (kernel->screens->screened[precision](block, centers, d, &owned->screen, chosen, k, work,
                                             found, NULL, &n_pairs) >= 0 &&
        memcmp(found, labels, sizeof found) != 0) {
        printf("%s: other labels with a screen, d %d, k %d\n", kernel->name, (int)d, (int)k);
        exit(1);
    }
    km_screen_free(owned);
}

static void check_screens(const km_kernel *kernel, km_precision precision, const void *block,
                          const void *centers, int64_t d, int64_t k, const int32_t *labels)
{
    km_owned_screen owned;
    km_error error = {0};
    if (km_screen_create(&owned, kernel, k, d, &error) != KM_OK)
        exit(2);
    compare_labels(kernel, precision, block, centers, &owned, labels);
    if (km_most_axes(d) == 0)
        return;
    if (km_screen_create_on_axes(&owned, precision, centers, k, d, &error) != KM_OK)
        exit(2);
    km_screen_use_axes(&owned, km_most_axes(d));
    compare_labels(kernel, precision, block, centers, &owned, labels);
}

static uint64_t hash_of(const km_kernel *kernel, km_precision precision, int64_t d, int64_t k)
{
    static double values[MOST_FEATURES * KM_BLOCK], centers[MOST_CENTERS * MOST_FEATURES];
    static _Alignas(64) double block[MOST_FEATURES * KM_BLOCK];
    static double rounded[MOST_CENTERS * MOST_FEATURES];
    for (int64_t i = 0; i < d * KM_BLOCK; i++)
        values[i] = value_of((uint64_t)(d + k), (uint64_t)i);
    for (int64_t i = 0; i < d * k; i++)
        centers[i] = value_of((uint64_t)(d + k), (uint64_t)(i + d * KM_BLOCK));
    round_to(precision, values, d * KM_BLOCK, block);
    round_to(precision, centers, d * k, rounded);

    int32_t labels[KM_BLOCK];
    km_distances distances2;
    double own2[KM_BLOCK];
    kernel->nearest[precision](block, rounded, d, k, labels, &distances2);
    check_screens(kernel, precision, block, rounded, d, k, labels);
    kernel->measure[precision](block, centers, d, labels, own2);
    const uint64_t hash = fold(km_hash_doubles(0, own2, KM_BLOCK), precision, labels, &distances2);
    const char *last = (const char *)rounded + (k - 1) * d * km_precision_size(precision);
    kernel->nearest[precision](block, rounded, d, 1, labels, &distances2);
    kernel->approach[precision](block, last, d, &distances2);
    return fold(km_mix(hash ^ hash_of_gaps(kernel, precision, block, rounded, d, k)), precision,
                labels, &distances2);
}

int main(void)
{
    const int64_t numbers[] = {1, 2, 3, 4, 5, 19, 64, 257, 700};
    for (int row = 0; km_kernels[row] != NULL; row++) {
        const km_kernel *kernel = km_kernels[row];
        uint64_t hash = 0;
        for (int64_t d = 1; d <= MOST_FEATURES && kernel->is_available();
             d = d == FEW_FEATURES ? MOST_FEATURES : d + 1)
            for (int i = 0; i < 9; i++)
                hash = km_mix(hash ^ hash_of(kernel, KM_FLOAT32, d, numbers[i])) ^
                       hash_of(kernel, KM_FLOAT64, d, numbers[i]);
        if (kernel->is_available())
            printf("%016llx %s\n", (unsigned long long)hash, kernel->name);
    }
    return 0;
}
