#include "mpi_check.h"

#include "base/error.h"
#include "base/partition.h"
#include "base/random.h"
#include "sums/sums.h"

#include <float.h>
#include <math.h>

static double random_in(uint64_t index, double lowest, double highest)
{
    return lowest +
           (highest - lowest) * ((double)(km_random(7, KM_RANDOM_DRAW, index) >> 11) * 0x1p-53);
}

/* The exact sum of grid points of n values, carried once at the end. */
static km_exact sum_points(const km_grid *grid, const double *values, int n)
{
    km_exact sum = {0, 0};
    for (int first = 0; first < n; first += KM_BLOCK) {
        double block[KM_BLOCK] = {0};
        int64_t words[2 * KM_BLOCK];
        const int count = n - first < KM_BLOCK ? n - first : KM_BLOCK;
        for (int l = 0; l < count; l++)
            block[l] = values[first + l];
        km_quantize_block(grid, block, words);
        for (int l = 0; l < count; l++) {
            sum.high += grid->n_words == 2 ? words[l] : 0;
            sum.low += grid->n_words == 2 ? words[KM_BLOCK + l] : words[l];
        }
    }
    return grid->n_words == 2 ? km_carry(sum) : sum;
}

START_TEST(sums_do_not_depend_on_order)
{
    enum { N = 1000 };
    double forward[N], backward[N];
    for (int i = 0; i < N; i++)
        forward[i] = backward[N - 1 - i] = random_in((uint64_t)i, -3, 1e6);
    for (int n_words = 1; n_words <= 2; n_words++) {
        const km_grid grid = km_grid_choose(-3, 1e6, N, n_words);
        const km_exact a = sum_points(&grid, forward, N), b = sum_points(&grid, backward, N);
        ck_assert(a.high == b.high && a.low == b.low);
    }
}
END_TEST

START_TEST(means_are_within_half_a_unit)
{
    enum { N = 777 };
    double values[N];
    long double sum = 0;
    for (int i = 0; i < N; i++) {
        values[i] = random_in((uint64_t)i, 5, 9);
        sum += (long double)values[i];
    }
    const double mean = (double)(sum / N);
    for (int n_words = 1; n_words <= 2; n_words++) {
        const km_grid grid = km_grid_choose(5, 9, N, n_words);
        const double found = km_exact_mean(&grid, sum_points(&grid, values, N), N);
        ck_assert_double_le(fabs(found - mean), grid.unit / 2 + DBL_EPSILON * mean);
    }
}
END_TEST

/* One value of 1e15 among ones: one word would be 5e5 too coarse for 1.8e9 rows. */
START_TEST(two_words_see_ones_beside_1e15)
{
    const int64_t n = 1800000000;
    const km_grid one = km_grid_choose(1, 1e15, n, 1), two = km_grid_choose(1, 1e15, n, 2);
    ck_assert_double_gt(one.unit, 1e5);
    ck_assert_double_lt(two.unit, 1e-6);
    double ones[100];
    for (int i = 0; i < 100; i++)
        ones[i] = 1;
    ck_assert_double_le(fabs(km_exact_mean(&two, sum_points(&two, ones, 100), 100) - 1),
                        two.unit / 2 + DBL_EPSILON);
}
END_TEST

START_TEST(the_largest_sum_does_not_overflow)
{
    const int64_t n = (int64_t)1 << 40;
    const km_grid grid = km_grid_choose(-1, 1, n, 1);
    double block[KM_BLOCK];
    int64_t words[2 * KM_BLOCK];
    for (int l = 0; l < KM_BLOCK; l++)
        block[l] = 1;
    km_quantize_block(&grid, block, words);
    int64_t total;
    ck_assert(!__builtin_mul_overflow(words[0], n, &total));
    ck_assert(km_exact_mean(&grid, (km_exact){0, total}, n) == 1);
}
END_TEST

START_TEST(constants_and_extremes_are_exact)
{
    const double values[] = {0, 3.25, -1e-300, 1e300, 5e-324, DBL_MAX / 4};
    for (int i = 0; i < 6; i++)
        for (int n_words = 1; n_words <= 2; n_words++) {
            const km_grid grid = km_grid_choose(values[i], values[i], 10, n_words);
            const km_exact sum = sum_points(&grid, &values[i], 1);
            ck_assert(km_exact_mean(&grid, sum, 1) == values[i] || fabs(values[i]) < 1e-280);
        }
}
END_TEST

START_TEST(totals_of_ranks_merge_exactly)
{
    enum { N = 600, K = 3 };
    km_error error = {0};
    const int rank = km_comm_rank(MPI_COMM_WORLD), n_ranks = km_comm_size(MPI_COMM_WORLD);
    for (int n_words = 1; n_words <= 2; n_words++) {
        const km_grid grid = km_grid_choose(-1e9, 1e9, N, n_words);
        km_totals all, mine;
        ck_assert_all(km_totals_create(&all, K, 1, n_words, false, &error) == KM_OK);
        ck_assert_all(km_totals_create(&mine, K, 1, n_words, false, &error) == KM_OK);
        for (int i = 0; i < N; i++) {
            const double value = random_in((uint64_t)i, -1e9, 1e9);
            const km_exact point = sum_points(&grid, &value, 1);
            km_totals_add(&all, i % K, 0, point, +1);
            if (i % n_ranks == rank)
                km_totals_add(&mine, i % K, 0, point, +1);
        }
        km_totals_carry(&mine);
        km_sum_int64(MPI_COMM_WORLD, mine.words, mine.length);
        for (int c = 0; c < K; c++)
            ck_assert_all(km_exact_mean(&grid, km_totals_get(&mine, c, 0), N / K) ==
                          km_exact_mean(&grid, km_totals_get(&all, c, 0), N / K));
        km_totals_free(&all);
        km_totals_free(&mine);
    }
}
END_TEST

/* The mean as integers of 128 bits give it, however short they are. */
static double mean_of_128_bits(const km_grid *grid, km_exact sum, int64_t n)
{
    const km_int128 integer = (km_int128)sum.high * ((km_int128)1 << 40) + sum.low;
    const km_int128 whole = integer / n;
    const double high = (double)whole, low = (double)(whole - (km_int128)high);
    const double rest = low + (double)(int64_t)(integer - whole * n) / (double)n;
    const km_double2 mean = km_double2_add((km_double2){high * grid->unit, rest * grid->unit},
                                           (km_double2){grid->origin, 0});
    return mean.high + mean.low;
}

START_TEST(means_of_short_sums_are_those_of_128_bits)
{
    for (int bits = 0; bits < 63; bits++)
        for (int i = 0; i < 400; i++) {
            const uint64_t at = (uint64_t)(1000 * bits + i);
            const int64_t low = (int64_t)km_random(7, KM_RANDOM_DRAW, at) >> (63 - bits);
            const int64_t high = (int64_t)km_random(8, KM_RANDOM_DRAW, at) >> (20 + i % 44);
            const int64_t n = 1 + (int64_t)(km_random(9, KM_RANDOM_DRAW, at) >> (1 + i % 63));
            const km_grid grid = km_grid_choose(-1, 2.5, 1000, 1 + i % 2);
            const km_exact sum = {i % 2 == 0 ? 0 : high, i % 5 == 0 ? -((int64_t)1 << bits) : low};
            ck_assert(km_exact_mean(&grid, sum, n) == mean_of_128_bits(&grid, sum, n));
        }
}
END_TEST

/* Two words together, for weights on both sides of the largest that takes no 128 bits. */
START_TEST(weighed_points_are_products)
{
    const int64_t words[] = {0,         1,         -1, (int64_t)1 << 39, -((int64_t)1 << 39),
                             123456789, -987654321};
    const int64_t weights[] = {
        0, 1, 2, 63, -63, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, -(1 << 22), 1LL << 40};
    for (size_t h = 0; h < sizeof words / sizeof *words; h++)
        for (size_t l = 0; l < sizeof words / sizeof *words; l++)
            for (size_t w = 0; w < sizeof weights / sizeof *weights; w++) {
                const km_exact point = {words[h] / (1 << 20), words[l]};
                const km_exact found = km_weigh(point, weights[w], 2);
                const km_int128 base = (km_int128)1 << 40;
                ck_assert(found.high * base + found.low ==
                          (point.high * base + point.low) * weights[w]);
                ck_assert(found.low >= 0 && found.low < base);
            }
}
END_TEST

START_TEST(double2_keeps_106_bits)
{
    const km_double2 one = {1, 0}, tiny = {0x1p-100, 0};
    const km_double2 sum = km_double2_add(one, tiny);
    ck_assert(sum.high == 1 && sum.low == 0x1p-100);
    const km_double2 square = km_double2_square(1 + 0x1p-52);
    ck_assert(square.high == 1 + 0x1p-51 && square.low == 0x1p-104);
    const km_double2 product = km_double2_multiply(sum, sum);
    ck_assert(product.high == 1 && product.low == 0x1p-99);
    const km_double2 difference = km_double2_difference(1e300, 1);
    ck_assert(difference.high == 1e300 && difference.low == -1);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        sums_do_not_depend_on_order,
        means_are_within_half_a_unit,
        two_words_see_ones_beside_1e15,
        the_largest_sum_does_not_overflow,
        constants_and_extremes_are_exact,
        totals_of_ranks_merge_exactly,
        means_of_short_sums_are_those_of_128_bits,
        weighed_points_are_products,
        double2_keeps_106_bits,
    };
    return SUITE_OF("sums", tests);
}
