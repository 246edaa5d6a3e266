/* Kernels against the plainest one; they know no other ranks. Ranks: 1. */
#include "mock.h"
#include "mpi_check.h"

#include "assign/axes.h"
#include "assign/screen.h"
#include "base/hash.h"
#include "base/partition.h"
#include "base/precision.h"
#include "kernels/kernels.h"

#include <string.h>

enum { MOST_FEATURES = 128, MOST_CENTERS = 1000 };

/* Data for kernels: values of a block, of d features, and of centers. */
typedef enum data_kind {
    NORMAL,
    LATTICE,    /* exact ties */
    DUPLICATES, /* centers that are samples, many times */
    OFFSET_1E6,
    OFFSET_1E4,
    DENORMAL,
    WIDE,     /* 1e-30 to 1e30: squares overflow and vanish in float32 */
    FAR,      /* every other center is infinitely far */
    VERY_FAR, /* all are */
    REPEATED, /* every center is as near as the one REPETITION before it */
    N_KINDS
} data_kind;

enum { REPETITION = 13 };

typedef struct problem {
    double block[MOST_FEATURES * KM_BLOCK], centers[MOST_CENTERS * MOST_FEATURES];
    int64_t d, k;
} problem;

static double value_of(data_kind kind, uint64_t seed, uint64_t index)
{
    switch (kind) {
    case LATTICE:
        return floor(3 * mock_uniform(seed, index));
    case DUPLICATES:
        return mock_normal(1, index % 3);
    case OFFSET_1E6:
        return 1e6 + mock_normal(seed, index);
    case OFFSET_1E4:
        return 1e4 + mock_normal(seed, index);
    case DENORMAL:
        return mock_uniform(seed, index) * (index % 2 == 0 ? 1e-41 : 1e-310);
    case WIDE:
        return mock_wide(seed, index);
    default:
        return mock_normal(seed, index);
    }
}

static void make_problem(problem *p, data_kind kind, int64_t d, int64_t k)
{
    p->d = d;
    p->k = k;
    for (int64_t i = 0; i < d * KM_BLOCK; i++)
        p->block[i] = value_of(kind, 1, (uint64_t)i);
    for (int64_t i = 0; i < k * d; i++)
        p->centers[i] = value_of(kind, 2, (uint64_t)(kind == REPEATED ? i % (REPETITION * d) : i));
    for (int64_t c = 0; c < k; c++)
        if (kind == VERY_FAR || (kind == FAR && c % 2 == 0))
            p->centers[c * d] = 1e200; /* infinite in float32 */
}

/* What a kernel says about a problem. */
typedef struct answer {
    int32_t labels[KM_BLOCK];
    km_distances distances2;
    double own2[KM_BLOCK];    /* to the center of the label */
    km_distances approached2; /* 1 and infinity by turns, lowered by the first centers */
} answer;

static void start_approach(km_precision precision, km_distances *nearest2)
{
    for (int l = 0; l < KM_BLOCK; l++)
        if (precision == KM_FLOAT32)
            nearest2->float32[l] = l % 2 == 0 ? 1 : INFINITY;
        else
            nearest2->float64[l] = l % 2 == 0 ? 1 : INFINITY;
}

static void solve(const km_kernel *kernel, km_precision precision, const problem *p, answer *found)
{
    static _Alignas(64) double block[MOST_FEATURES * KM_BLOCK];
    static _Alignas(64) double centers[MOST_CENTERS * MOST_FEATURES + 1];
    /* Centers, unlike blocks, are not aligned for vectors. */
    const size_t size = km_precision_size(precision);
    char *first_center = (char *)centers + size;
    km_round_to_precision(precision, p->block, p->d * KM_BLOCK, block);
    km_round_to_precision(precision, p->centers, p->k * p->d, first_center);
    memset(found, 0x55, sizeof *found);
    kernel->nearest[precision](block, first_center, p->d, p->k, found->labels, &found->distances2);
    kernel->measure[precision](block, p->centers, p->d, found->labels, found->own2);
    start_approach(precision, &found->approached2);
    for (int64_t c = 0; c < p->k && c < 20; c++)
        kernel->approach[precision](block, first_center + c * p->d * size, p->d,
                                    &found->approached2);
}

static bool same_distances(km_precision precision, const km_distances *a, const km_distances *b)
{
    return memcmp(a, b, KM_BLOCK * km_precision_size(precision)) == 0;
}

/* What of two answers differs; NULL if nothing does. */
static const char *difference(km_precision precision, const answer *right, const answer *found)
{
    if (memcmp(right->labels, found->labels, sizeof right->labels) != 0)
        return "labels";
    if (!same_distances(precision, &right->distances2, &found->distances2))
        return "d2";
    if (memcmp(right->own2, found->own2, sizeof right->own2) != 0)
        return "d2 to the own center";
    if (!same_distances(precision, &right->approached2, &found->approached2))
        return "d2 after approach";
    return NULL;
}

static void check_same(const km_kernel *kernel, const problem *p)
{
    for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++) {
        answer right, found;
        solve(&km_kernel_reference, precision, p, &right);
        solve(kernel, precision, p, &found);
        const char *what = difference(precision, &right, &found);
        ck_assert_msg(what == NULL, "%s: %s: not those of the reference, precision %d, d %d, k %d",
                      kernel->name, what, (int)precision, (int)p->d, (int)p->k);
    }
}

/* The next row of the table of kernels that this processor can run. */
static int next_available(int row)
{
    do
        row++;
    while (km_kernels[row] != NULL && !km_kernels[row]->is_available());
    return row;
}

static void check_kernels(data_kind kind, int64_t d, int64_t k)
{
    static problem p;
    make_problem(&p, kind, d, k);
    for (int row = next_available(0); km_kernels[row] != NULL; row = next_available(row))
        check_same(km_kernels[row], &p);
}

/* Every d meets every k, and each of them every kind. */
START_TEST(kernels_agree_for_all_shapes)
{
    for (int64_t k = 1; k <= 70; k++) {
        for (int64_t d = 1; d <= 20; d++)
            check_kernels((data_kind)((d + k) % N_KINDS), d, k);
        if (k % 6 == 1) {
            check_kernels((data_kind)(k / 6 % N_KINDS), 33, k);
            check_kernels((data_kind)(k / 6 % N_KINDS), 128, k);
        }
    }
}
END_TEST

static void check_many(int64_t d, int64_t k)
{
    check_kernels(REPEATED, d, k);
    check_kernels((data_kind)((d + k) % N_KINDS), d, k);
}

/* Kernels go over to groups of centers at some number for each feature. */
START_TEST(kernels_agree_on_many_centers)
{
    for (int64_t d = 1; d <= 10; d++) {
        for (int64_t k = 32 * d - 1; k <= 32 * d + 4; k++)
            check_many(d, k);
        check_many(d, 333);
    }
    check_many(3, MOST_CENTERS);
    check_many(8, MOST_CENTERS);
    check_many(16, MOST_CENTERS);
}
END_TEST

START_TEST(kernels_agree_on_hostile_data)
{
    const int64_t shapes[][2] = {{1, 2}, {2, 7}, {3, 64}, {8, 9}, {17, 33}, {33, 5}, {128, 3}};
    for (data_kind kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < 7; i++)
            check_kernels(kind, shapes[i][0], shapes[i][1]);
}
END_TEST

/* The definition again, word by word, for the twin that defines what is right. */
static void check_reference(km_precision precision, const problem *p)
{
    answer found;
    solve(&km_kernel_reference, precision, p, &found);
    for (int l = 0; l < KM_BLOCK; l++) {
        double best = INFINITY;
        int32_t nearest = 0;
        for (int64_t c = 0; c < p->k; c++) {
            double d2 = 0;
            for (int64_t j = 0; j < p->d; j++) {
                const double x = p->block[j * KM_BLOCK + l], y = p->centers[c * p->d + j];
                const float difference = (float)x - (float)y;
                d2 = precision == KM_FLOAT32 ? (double)fmaf(difference, difference, (float)d2)
                                             : fma(x - y, x - y, d2);
            }
            nearest = d2 < best ? (int32_t)c : nearest;
            best = d2 < best ? d2 : best;
        }
        ck_assert_int_eq(found.labels[l], nearest);
        ck_assert(km_distance_of(&found.distances2, precision, l) == best);
    }
}

START_TEST(reference_is_the_canonical_distance)
{
    static problem p;
    for (data_kind kind = 0; kind < N_KINDS; kind++) {
        make_problem(&p, kind, 5, 11);
        check_reference(KM_FLOAT32, &p);
        check_reference(KM_FLOAT64, &p);
    }
}
END_TEST

/* By hand: a sample at (3, 4) is as far from the origin as from (6, 8) and (0, 8). */
START_TEST(ties_go_to_the_lowest_center)
{
    static problem p = {.centers = {9, 9, 6, 8, 0, 0, 0, 8, 6, 8}, .d = 2, .k = 5};
    for (int l = 0; l < KM_BLOCK; l++) {
        p.block[l] = 3;
        p.block[KM_BLOCK + l] = 4;
    }
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row))
        for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++) {
            answer found;
            solve(km_kernels[row], precision, &p, &found);
            for (int l = 0; l < KM_BLOCK; l++) {
                ck_assert_int_eq(found.labels[l], 1);
                ck_assert(km_distance_of(&found.distances2, precision, l) == 25);
            }
        }
}
END_TEST

START_TEST(infinitely_far_from_all_is_label_0)
{
    static problem p;
    make_problem(&p, VERY_FAR, 3, 20);
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row))
        for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++) {
            answer found;
            solve(km_kernels[row], precision, &p, &found);
            for (int l = 0; l < KM_BLOCK; l++) {
                ck_assert_int_eq(found.labels[l], 0);
                ck_assert(isinf(km_distance_of(&found.distances2, precision, l)));
            }
        }
}
END_TEST

/* Of canonical distances, and in *own of those to own centers. */
static uint64_t hash_distances(const km_kernel *kernel, km_precision precision, uint64_t *own)
{
    static problem p;
    uint64_t hash = 0;
    *own = 0;
    for (int64_t d = 1; d <= 16; d++)
        for (data_kind kind = NORMAL; kind <= OFFSET_1E4; kind++) {
            answer found;
            double distances2[KM_BLOCK];
            make_problem(&p, kind, d, 13);
            solve(kernel, precision, &p, &found);
            for (int l = 0; l < KM_BLOCK; l++)
                distances2[l] = km_distance_of(&found.distances2, precision, l);
            hash = km_hash_doubles(hash, distances2, KM_BLOCK);
            *own = km_hash_doubles(*own, found.own2, KM_BLOCK);
        }
    return hash;
}

/* Labels alone would not notice a compiler that contracts or orders operations differently. */
START_TEST(distances_have_the_recorded_bits)
{
    const uint64_t recorded[] = {
        [KM_FLOAT32] = 0xad4d55b8f85aa895u, [KM_FLOAT64] = 0x1219c747b4f56965u};
    const uint64_t recorded_own[] = {
        [KM_FLOAT32] = 0xa3d18c7d854d0d32u, [KM_FLOAT64] = 0x1219c747b4f56965u};
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row))
        for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++) {
            uint64_t own;
            const uint64_t hash = hash_distances(km_kernels[row], precision, &own);
            ck_assert_msg(hash == recorded[precision] && own == recorded_own[precision],
                          "%s, precision %d: hashes are %#llx, %#llx", km_kernels[row]->name,
                          (int)precision, (unsigned long long)hash, (unsigned long long)own);
        }
}
END_TEST

START_TEST(the_choice_is_the_fastest_or_the_named)
{
    const uint64_t available = km_kernels_available("any"), fast = km_kernels_available("auto");
    ck_assert(available & 1);
    ck_assert_str_eq(km_kernels[0]->name, "reference");
    ck_assert_ptr_eq(km_kernel_choose("reference", available), &km_kernel_reference);
    ck_assert_ptr_eq(km_kernel_choose("auto", 1), &km_kernel_reference);
    ck_assert_ptr_null(km_kernel_choose("avx2", 1));
    ck_assert_ptr_null(km_kernel_choose("sse", available));
    ck_assert_ptr_null(km_kernel_choose("", available));
    const km_kernel *fastest = NULL;
    ck_assert((fast & ~available) == 0);
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row)) {
        if (km_kernels[row]->is_fast())
            fastest = km_kernels[row];
        ck_assert_ptr_eq(km_kernel_choose(km_kernels[row]->name, available), km_kernels[row]);
    }
    ck_assert_ptr_eq(km_kernel_choose("auto", fast), fastest);
}
END_TEST

/* ---- gaps ----------------------------------------------------------------------------------- */

/* What a kernel says about every third center. */
typedef struct gaps_answer {
    int64_t n;
    int32_t chosen[MOST_CENTERS], labels[KM_BLOCK];
    double gaps[MOST_CENTERS], farthest;
} gaps_answer;

static _Alignas(64) double gaps_block[MOST_FEATURES * KM_BLOCK];
static double gaps_centers[MOST_CENTERS * MOST_FEATURES];

/* Compares with every third center, or with all. */
static void solve_gaps(const km_kernel *kernel, km_precision precision, const problem *p,
                       bool has_all, gaps_answer *found)
{
    const int64_t step = has_all ? 1 : 3;
    static _Alignas(64) double work[MOST_CENTERS * KM_GAPS_WORKSPACE];
    km_round_to_precision(precision, p->block, p->d * KM_BLOCK, gaps_block);
    km_round_to_precision(precision, p->centers, p->k * p->d, gaps_centers);
    found->n = 0;
    for (int64_t c = p->k > 2 && !has_all ? 1 : 0; c < p->k; c += step)
        found->chosen[found->n++] = (int32_t)c;
    found->farthest = kernel->nearest_gaps[precision](gaps_block, gaps_centers, p->d, found->chosen,
                                                      found->n, work, found->labels, found->gaps);
}

static double value_in(const void *values, km_precision precision, int64_t at)
{
    return precision == KM_FLOAT32 ? (double)((const float *)values)[at]
                                   : ((const double *)values)[at];
}

static double true_distance(km_precision precision, const problem *p, int lane, int32_t c)
{
    long double sum = 0;
    for (int64_t j = 0; j < p->d; j++) {
        const long double difference =
            (long double)value_in(gaps_block, precision, j * KM_BLOCK + lane) -
            (long double)value_in(gaps_centers, precision, c * p->d + j);
        sum += difference * difference;
    }
    return (double)sqrtl(sum);
}

/* Gaps are below the true ones, and the farthest is above, but not by much more than rounding
 * takes. */
static void check_gaps(const km_kernel *kernel, km_precision precision, const problem *p,
                       const gaps_answer *found)
{
    /* quick roots are rough in single precision */
    const double part = KM_GAP_SLACK(p->d) * km_precision_epsilon(precision) + 0x1p-9;
    const double small = 8 * sqrt(((double)p->d + 2) * (precision == KM_FLOAT32 ? 0x1p-126 : 0));
    double own = 0;
    for (int l = 0; l < KM_BLOCK; l++)
        own = fmax(own, true_distance(precision, p, l, found->labels[l]));
    ck_assert_msg(found->farthest >= own &&
                      found->farthest <= own * (1 + 2 * part) + small + 1e-150,
                  "%s, precision %d, d %d, k %d: farthest %.17g, truly %.17g", kernel->name,
                  (int)precision, (int)p->d, (int)p->k, found->farthest, own);
    for (int64_t i = 0; i < found->n; i++) {
        double gap = INFINITY, farthest = 0;
        for (int l = 0; l < KM_BLOCK; l++)
            if (found->labels[l] != found->chosen[i]) {
                const double distance = true_distance(precision, p, l, found->chosen[i]);
                gap = fmin(gap, distance - true_distance(precision, p, l, found->labels[l]));
                farthest = fmax(farthest, distance);
            }
        ck_assert_msg(found->gaps[i] == gap || (found->gaps[i] <= gap &&
                                                found->gaps[i] >= gap - part * farthest - small),
                      "%s, precision %d, d %d, k %d: gap %.17g of center %d, truly %.17g",
                      kernel->name, (int)precision, (int)p->d, (int)p->k, found->gaps[i],
                      (int)found->chosen[i], gap);
    }
}

static void check_all_gaps(const problem *p)
{
    static gaps_answer right, found;
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row))
        for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++) {
            solve_gaps(&km_kernel_reference, precision, p, false, &right);
            solve_gaps(km_kernels[row], precision, p, false, &found);
            ck_assert_msg(memcmp(right.labels, found.labels, sizeof right.labels) == 0,
                          "%s, precision %d, d %d, k %d: labels of chosen centers",
                          km_kernels[row]->name, (int)precision, (int)p->d, (int)p->k);
            check_gaps(km_kernels[row], precision, p, &found);
        }
}

START_TEST(gaps_are_tight_lower_bounds)
{
    const int64_t shapes[][2] = {{1, 1}, {2, 7}, {3, 64}, {8, 9}, {17, 33}, {16, 200}, {128, 12}};
    static problem p;
    for (data_kind kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < 7 && kind != WIDE && kind != FAR && kind != VERY_FAR; i++) {
            make_problem(&p, kind, shapes[i][0], shapes[i][1]);
            check_all_gaps(&p);
        }
}
END_TEST

/* ---- screens --------------------------------------------------------------------------------- */

/* Of the test below: what takes away all that pairs leave of samples in 128 features, if one is at
 * 10^4. */
#define LEAK_OF_LABELS (-1.79f)

typedef enum screen_kind {
    BYTES,
    PAIRS,
    AXES,
    LEAKY_BYTES,
    LEAKY_PAIRS,
    LEAKY_AXES,
} screen_kind;

static bool is_leaky(screen_kind kind)
{
    return kind == LEAKY_BYTES || kind == LEAKY_PAIRS;
}

static bool is_on_axes(screen_kind kind)
{
    return kind == AXES || kind == LEAKY_AXES;
}

/* A screen on half of the axes, or all; leaky ones are longer than 1. */
static void make_screen_on_axes(km_owned_screen *owned, screen_kind kind, km_precision precision,
                                const problem *p)
{
    km_error error = {0};
    const int64_t n = km_most_axes(p->d);
    ck_assert(km_screen_create_on_axes(owned, precision, gaps_centers, p->k, p->d, &error) ==
              KM_OK);
    for (int64_t i = 0; i < n * p->d && kind == LEAKY_AXES; i++)
        owned->all_axes[i] *= 1.5F;
    km_screen_use_axes(owned, n / 2 % KM_SCREEN_AXES == 0 ? n / 2 : n);
    km_screen_set(owned, precision, gaps_centers);
}

/* A screen of the rounded centers in gaps_centers. A leaky one says of all centers that bytes leave
 * nothing of them, or pairs less than nothing. */
static void make_screen(km_owned_screen *owned, screen_kind kind, km_precision precision,
                        const problem *p)
{
    const km_kernel kernel = {.has_bytes = kind == BYTES || kind == LEAKY_BYTES};
    km_error error = {0};
    if (is_on_axes(kind)) {
        make_screen_on_axes(owned, kind, precision, p);
        return;
    }
    ck_assert(km_screen_create(owned, &kernel, p->k, p->d, &error) == KM_OK);
    km_screen_set(owned, precision, gaps_centers);
    for (int64_t c = 0; c < p->k && is_leaky(kind); c++)
        owned->residuals[c] = kind == LEAKY_BYTES ? 0 : -1;
    if (is_leaky(kind))
        owned->screen.largest_residual = LEAK_OF_LABELS;
}

/* What a kernel says about the chosen centers, with a screen; its guesses are the labels of a
 * sample's neighbour among all chosen centers, or none. False if too much was left open. Without
 * gaps labels alone are asked for. */
static bool solve_screened(const km_kernel *kernel, screen_kind kind, km_precision precision,
                           const problem *p, bool has_guess, bool has_gaps, gaps_answer *found)
{
    static _Alignas(64) char work[1 << 21];
    km_owned_screen owned;
    int64_t n_pairs = 0;
    make_screen(&owned, kind, precision, p);
    ck_assert(km_screen_workspace(p->d, found->n) <= (int64_t)sizeof work);
    for (int l = 0; l < KM_BLOCK; l++)
        found->labels[l] = has_guess ? found->chosen[l % found->n] : -1;
    found->farthest = kernel->screens->screened[precision](
        gaps_block, gaps_centers, p->d, &owned.screen, found->chosen, found->n, work, found->labels,
        has_gaps ? found->gaps : NULL, &n_pairs);
    km_screen_free(&owned);
    return found->farthest >= 0;
}

/* Gaps are below the true ones. */
static void check_lower_bounds(const km_kernel *kernel, km_precision precision, const problem *p,
                               const gaps_answer *found)
{
    for (int64_t i = 0; i < found->n; i++)
        for (int l = 0; l < KM_BLOCK; l++)
            if (found->labels[l] != found->chosen[i]) {
                const double gap = true_distance(precision, p, l, found->chosen[i]) -
                                   true_distance(precision, p, l, found->labels[l]);
                ck_assert_msg(found->gaps[i] <= gap,
                              "%s, precision %d, d %d, k %d: gap %.17g > %.17g", kernel->name,
                              (int)precision, (int)p->d, (int)p->k, found->gaps[i], gap);
            }
}

/* Compares a row, with and without a guess, with what is right. How often it decided. */
static int check_screen(const km_kernel *kernel, screen_kind kind, km_precision precision,
                        const problem *p, bool has_gaps, const gaps_answer *right)
{
    static gaps_answer found;
    int n_decided = 0;
    for (int has_guess = 0; has_guess < 2; has_guess++) {
        found = *right;
        if (!solve_screened(kernel, kind, precision, p, has_guess, has_gaps, &found))
            continue;
        ck_assert_msg(memcmp(right->labels, found.labels, sizeof found.labels) == 0,
                      "%s, precision %d, d %d, k %d: labels with a screen", kernel->name,
                      (int)precision, (int)p->d, (int)p->k);
        if (has_gaps)
            check_lower_bounds(kernel, precision, p, &found);
        n_decided++;
    }
    return n_decided;
}

/* Compares all rows with the reference. How many blocks were decided with screens. */
static int check_screens(screen_kind kind, const problem *p)
{
    static gaps_answer right;
    int n_decided = 0;
    for (int i = 0; i < 4; i++) {
        const km_precision precision = i % 2 == 0 ? KM_FLOAT32 : KM_FLOAT64;
        const bool has_gaps = i < 2;
        solve_gaps(&km_kernel_reference, precision, p, !has_gaps, &right);
        for (int row = 0; km_kernels[row] != NULL; row = next_available(row))
            if (kind != BYTES || km_kernels[row]->has_bytes)
                n_decided += check_screen(km_kernels[row], kind, precision, p, has_gaps, &right);
    }
    return n_decided;
}

/* Puts a problem near a space of three dimensions: features from the fourth on are mostly sums of
 * multiples of the first three. */
static void flatten_value(double *values, int64_t j, int64_t stride)
{
    double sum = 0.001 * values[j * stride];
    for (int64_t i = 0; i < 3; i++)
        sum += mock_normal(91, (uint64_t)(3 * j + i)) * values[i * stride];
    values[j * stride] = sum;
}

static void flatten(problem *p)
{
    for (int64_t j = 3; j < p->d; j++) {
        for (int64_t l = 0; l < KM_BLOCK; l++)
            flatten_value(p->block + l, j, KM_BLOCK);
        for (int64_t c = 0; c < p->k; c++)
            flatten_value(p->centers + c * p->d, j, 1);
    }
}

START_TEST(screens_on_axes_let_nothing_wrong_through)
{
    const int64_t shapes[][2] = {{48, 3}, {63, 400}, {128, 100}, {128, 6}};
    static problem p;
    int n_decided = 0, n_all = 0;
    for (data_kind kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < 8 && kind != WIDE && kind != FAR && kind != VERY_FAR; i++) {
            make_problem(&p, kind, shapes[i / 2][0], shapes[i / 2][1]);
            if (i % 2 == 0)
                flatten(&p);
            for (int64_t j = 0; j < p.d && i == 4; j++) /* a sample and a center far away */
                p.block[j * KM_BLOCK + 5] = p.centers[j] = 1e4;
            const int n = check_screens(AXES, &p);
            n_decided += i % 2 == 0 && kind == NORMAL ? n : 0;
            n_all += n;
        }
    ck_assert_int_gt(n_decided, 20);
    ck_assert_int_gt(n_all, 100);
}
END_TEST

/* By |A x| <= |x| for many x, and by hand: along the longest axis nothing is lost. */
START_TEST(axes_lengthen_nothing)
{
    enum { D = 128, K = 300, N = 16 };
    static problem p;
    float axes[N * D];
    make_problem(&p, NORMAL, D, K);
    flatten(&p);
    ck_assert_int_eq(km_most_axes(D), N);
    const double share = km_find_axes(KM_FLOAT64, p.centers, K, D, N, axes);
    ck_assert_msg(share > 0.99 && share <= 1 + 1e-9, "%.9f of the variance", share);
    for (int64_t i = 0; i < K; i++) {
        double norm2 = 0, on_axes2 = 0;
        for (int64_t a = 0; a < N; a++) {
            double sum = 0;
            for (int64_t j = 0; j < D; j++)
                sum += p.centers[i * D + j] * (double)axes[a * D + j];
            on_axes2 += sum * sum;
        }
        for (int64_t j = 0; j < D; j++)
            norm2 += p.centers[i * D + j] * p.centers[i * D + j];
        ck_assert_msg(on_axes2 <= norm2 && on_axes2 > 0.99 * norm2, "%.17g of %.17g", on_axes2,
                      norm2);
    }
}
END_TEST

/* Centers all at one place, fewer than axes, and at the limits of single precision. */
START_TEST(centers_without_axes)
{
    enum { D = 64, N = 8 };
    static double centers[3 * D];
    float axes[N * D];
    ck_assert(km_find_axes(KM_FLOAT64, centers, 3, D, N, axes) == 0);
    for (int i = 0; i < N * D; i++)
        ck_assert(axes[i] == 0);
    centers[D] = 1e18;
    centers[2 * D + 1] = 1e-18;
    ck_assert_double_eq_tol(km_find_axes(KM_FLOAT64, centers, 3, D, N, axes), 1, 1e-9);
    ck_assert_double_eq_tol(fabs((double)axes[0]), 1, 1e-5);
    ck_assert(km_most_axes(47) == 0 && km_most_axes(48) == 4 && km_most_axes(10000) == 16);
}
END_TEST

START_TEST(screens_let_nothing_wrong_through)
{
    const int64_t shapes[][2] = {{1, 1},    {2, 7},    {8, 9},    {17, 33},
                                 {16, 200}, {63, 400}, {128, 100}};
    static problem p;
    int n_decided = 0;
    for (data_kind kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < 7 && kind != WIDE && kind != FAR && kind != VERY_FAR; i++) {
            make_problem(&p, kind, shapes[i][0], shapes[i][1]);
            for (int64_t j = 0; j < p.d && i == 6; j++) /* a sample and a center far away */
                p.block[j * KM_BLOCK + 5] = p.centers[j] = 1e4;
            n_decided += check_screens(BYTES, &p) + check_screens(PAIRS, &p);
        }
    ck_assert_int_gt(n_decided, 100);
}
END_TEST

/* Solves a problem with a leaky screen: some sample gets a wrong label on each row. */
static void check_leak(screen_kind kind, const problem *p, bool has_gaps)
{
    static gaps_answer right, found;
    int n_wrong = 0, n_tried = 0;
    solve_gaps(&km_kernel_reference, KM_FLOAT32, p, !has_gaps, &right);
    for (int row = next_available(0); km_kernels[row] != NULL; row = next_available(row)) {
        found = right;
        if ((kind == LEAKY_BYTES && !km_kernels[row]->has_bytes) ||
            !solve_screened(km_kernels[row], kind, KM_FLOAT32, p, true, has_gaps, &found))
            continue;
        n_tried++;
        n_wrong += memcmp(right.labels, found.labels, sizeof right.labels) != 0;
    }
    ck_assert_int_eq(n_wrong, n_tried);
    ck_assert(n_tried > 0 || kind == LEAKY_BYTES);
}

/* If whole numbers left less of the centers than they do, some sample would get a wrong label; so
 * the test above would notice a bound that is too tight. */
START_TEST(a_leaky_screen_is_noticed)
{
    static problem p;
    make_problem(&p, NORMAL, 128, 1000);
    for (int64_t i = 0; i < p.k * p.d; i++)
        p.centers[i] = p.centers[i % p.d] + 1e-3 * p.centers[i];
    check_leak(LEAKY_BYTES, &p, true);
    check_leak(LEAKY_PAIRS, &p, true);
    make_problem(&p, NORMAL, 128, 1000);
    p.block[5] = 1e4;
    check_leak(LEAKY_PAIRS, &p, false);
    make_problem(&p, NORMAL, 128, 6);
    flatten(&p);
    check_leak(LEAKY_AXES, &p, true);
    check_leak(LEAKY_AXES, &p, false);
}
END_TEST

START_TEST(used_up_gaps_are_those_not_above_both_paths)
{
    static _Alignas(64) float gaps[208], drifts[208];
    const float special[] = {INFINITY, NAN, 0, -1, 1.5f, 1.25f};
    for (int64_t i = 0; i < 208; i++) {
        gaps[i] = i % 7 < 6 ? special[i % 7] : (float)mock_normal(31, (uint64_t)i) + 1;
        drifts[i] = i % 5 == 0 ? 1 : 0;
    }
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row))
        for (int64_t n = KM_GAPS_ALIGNED; n <= 208; n += KM_GAPS_ALIGNED) {
            uint64_t used[4] = {7, 7, 7, 7};
            ck_assert(km_kernels[row]->used_up(gaps, drifts, 0.25f, n, used));
            for (int64_t i = 0; i < n; i++)
                ck_assert_int_eq(used[i / 64] >> i % 64 & 1, !(gaps[i] > drifts[i] + 0.25f));
            ck_assert(n % 64 == 0 || used[n / 64] >> n % 64 == 0);
        }
    for (int64_t i = 0; i < 208; i++)
        gaps[i] = 2;
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row)) {
        uint64_t used[4];
        ck_assert(!km_kernels[row]->used_up(gaps, drifts, 0.25f, 208, used));
        ck_assert(km_kernels[row]->used_up(gaps, drifts, 1, 208, used)); /* equal is used up */
    }
}
END_TEST

/* Both kernels on what decides which centers are near: KM_BLOCK samples, and 70 of 100 centers in
 * an order of their own, some of them twice. */
static void check_near(const km_kernel *kernel, km_precision precision, const problem *p)
{
    static _Alignas(64) double block[MOST_FEATURES * KM_BLOCK];
    static double centers[100 * MOST_FEATURES];
    const km_kernel *kernels[2] = {&km_kernel_reference, kernel};
    _Alignas(64) int32_t labels[2][KM_BLOCK];
    km_distances distances2[2];
    int32_t chosen[70];
    bool has_ties[2] = {false, false};
    km_distances limits2;
    int32_t found[2][2][70];
    int64_t n_found[2][2];
    uint64_t within[2] = {5, 5};
    km_round_to_precision(precision, p->block, p->d * KM_BLOCK, block);
    km_round_to_precision(precision, p->centers, p->k * p->d, centers);
    for (int i = 0; i < 70; i++)
        chosen[i] = i * 31 % (int32_t)p->k;
    for (int i = 0; i < 2; i++) {
        const double least =
            kernels[i]->distances_to[precision](block, centers, p->d, &distances2[i]);
        kernels[i]->add_within[precision](&distances2[i], &least, 1, least, &within[i]);
        kernels[i]->add_within[precision](&distances2[i], &least, 1, least / 2, &within[i]);
        for (int l = 0; l < KM_PART; l++) /* some at the limit, some beyond, some not counted */
            km_value_set(precision, &limits2, l,
                         l % 3 == 0 ? -1 : km_distance_of(&distances2[0], precision, l));
        for (int part = 0; part < 2; part++)
            n_found[i][part] = kernels[i]->find_within[precision](
                (char *)block + (size_t)(part * KM_PART) * km_precision_size(precision), centers,
                p->d, chosen, 70, &limits2, found[i][part]);
        for (int part = 0; part < KM_BLOCK; part += KM_PART)
            has_ties[i] |= kernels[i]->nearest_of_part[precision](
                (char *)block + (size_t)part * km_precision_size(precision), centers, p->d, chosen,
                70, labels[i] + part);
    }
    ck_assert(same_distances(precision, &distances2[0], &distances2[1]));
    ck_assert(memcmp(labels[0], labels[1], sizeof labels[0]) == 0);
    for (int part = 0; part < 2; part++)
        ck_assert(n_found[0][part] == n_found[1][part] &&
                  memcmp(found[0][part], found[1][part],
                         (size_t)n_found[0][part] * sizeof(int32_t)) == 0);
    ck_assert(n_found[0][0] > 0); /* the first center, at the limit of most */
    ck_assert(within[0] == within[1] && within[0] != 5 && has_ties[0] == has_ties[1]);
    for (int32_t c = 0; c < 3; c++) {
        ck_assert(kernel->farthest_of[precision](&distances2[0], labels[0], labels[0][c]) ==
                  kernels[0]->farthest_of[precision](&distances2[0], labels[0], labels[0][c]));
        ck_assert(kernel->lanes_with[precision](labels[0], labels[0][c]) ==
                  kernels[0]->lanes_with[precision](labels[0], labels[0][c]));
    }
}

START_TEST(kernels_agree_on_what_is_near)
{
    static problem p;
    for (int row = 0; km_kernels[row] != NULL; row = next_available(row))
        for (int64_t d = 1; d <= 20; d++)
            for (int i = 0; i < 4; i++) {
                make_problem(&p, i % 2 == 0 ? NORMAL : REPEATED, d, i < 2 ? 100 : 11);
                check_near(km_kernels[row], KM_FLOAT32, &p);
                check_near(km_kernels[row], KM_FLOAT64, &p);
            }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        kernels_agree_for_all_shapes,
        kernels_agree_on_many_centers,
        kernels_agree_on_hostile_data,
        reference_is_the_canonical_distance,
        ties_go_to_the_lowest_center,
        infinitely_far_from_all_is_label_0,
        distances_have_the_recorded_bits,
        the_choice_is_the_fastest_or_the_named,
        kernels_agree_on_what_is_near,
        screens_let_nothing_wrong_through,
        screens_on_axes_let_nothing_wrong_through,
        axes_lengthen_nothing,
        centers_without_axes,
        a_leaky_screen_is_noticed,
        gaps_are_tight_lower_bounds,
        used_up_gaps_are_those_not_above_both_paths,
    };
    return SUITE_OF("kernels", tests);
}
