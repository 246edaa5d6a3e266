/* The update by every kernel: the inertia of the history has the bits of the sum in order, and the
 * centers those of one mean at a time. */
#include "mpi_check.h"

#include "base/error.h"
#include "base/random.h"
#include "fit/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { K = 90, D = 70 };
_Static_assert(K *D > KM_MANY_TERMS, "terms are summed on all threads");

/* A fit with made-up totals. */
typedef struct history {
    running run;
    km_fit_task task;
    km_facts facts;
    km_grid grids[D];
    double used[K * D];
} history;

static int64_t draw(int64_t i)
{
    return (int64_t)km_random(11, KM_RANDOM_DRAW, (uint64_t)i);
}

/* Sums of about 2^bits units, and centers about as far from the middle as `distance`. */
static history *make_history(const km_kernel *kernel, int n_words, int bits, double distance)
{
    history *h = calloc(1, sizeof *h);
    km_error error = {0};
    ck_assert(km_totals_create(&h->run.totals, K, D, n_words, false, &error) == KM_OK);
    h->run.facts = &h->facts;
    h->run.task = &h->task;
    h->task.kernel = kernel;
    h->run.grids = h->grids;
    h->run.used = h->used;
    h->run.d = D;
    for (int j = 0; j < D; j++)
        h->grids[j] = km_grid_choose(-3, j + 1, 1000, n_words);
    for (int64_t i = 0; i < K * D; i++) {
        h->used[i] = distance * (double)draw(i) * 0x1p-63;
        km_totals_add(&h->run.totals, i / D, i % D,
                      (km_exact){n_words == 2 ? draw(-i) >> 40 : 0, draw(i + 9) >> (63 - bits)},
                      +1);
    }
    for (int c = 0; c < K; c++)
        h->run.totals.counts[c] = c % 7 == 3 ? 0 : 1 + c;
    h->facts.squares = (km_double2){1e9, 1e-9};
    return h;
}

static void free_history(history *h)
{
    km_totals_free(&h->run.totals);
    free(h);
}

/* What the bits of a history are: the sum in the order of centers and features. */
static double sum_plainly(const history *h)
{
    km_double2 sum = h->facts.squares;
    for (int64_t c = 0; c < K; c++)
        for (int64_t j = 0; j < D && h->run.totals.weights[c] > 0; j++) {
            const km_double2 center = km_double2_difference(h->used[c * D + j], h->grids[j].origin);
            const km_double2 total =
                km_exact_value(&h->grids[j], km_totals_get(&h->run.totals, c, j));
            const km_double2 factor = km_double2_add(
                km_double2_multiply(center, (km_double2){(double)h->run.totals.weights[c], 0}),
                (km_double2){-2 * total.high, -2 * total.low});
            sum = km_double2_add(sum, km_double2_multiply(center, factor));
        }
    const double value = sum.high + sum.low;
    return isnan(value) ? INFINITY : fmax(value, 0);
}

static void check_sums(const km_kernel *kernel)
{
    const double distances[] = {0, 1e-200, 1e-9, 1, 1e6, 1e150, 1e200};
    for (int n_words = 1; n_words <= 2; n_words++)
        for (int bits = 0; bits < 60; bits += 20)
            for (int i = 0; i < 7; i++) {
                history *h = make_history(kernel, n_words, bits, distances[i]);
                ck_assert(km_history_units(&h->run) == sum_plainly(h));
                free_history(h);
            }
}

START_TEST(sums_on_all_threads_have_the_bits_of_those_in_order)
{
    for (int row = 0; km_kernels[row] != NULL; row++)
        if (km_kernels[row]->is_available())
            check_sums(km_kernels[row]);
}
END_TEST

/* Squares that cancel the terms but for some of the last bits, which depend on the order. */
static void check_cancelling(const km_kernel *kernel)
{
    for (int step = 0; step < 100; step++) {
        history *h = make_history(kernel, 1, 40, 1 + step);
        h->facts.squares = (km_double2){0, 0};
        const double high = -sum_plainly(h);
        h->facts.squares = (km_double2){high, -high * 0x1p-54};
        ck_assert(km_history_units(&h->run) == sum_plainly(h));
        free_history(h);
    }
}

START_TEST(what_cancels_has_the_bits_of_the_sum_in_order)
{
    for (int row = 0; km_kernels[row] != NULL; row++)
        if (km_kernels[row]->is_available())
            check_cancelling(km_kernels[row]);
}
END_TEST

/* Each term by itself, bit by bit: sums of one cluster of one feature, and of few. */
START_TEST(terms_have_the_same_bits_in_all_kernels)
{
    for (int row = 0; km_kernels[row] != NULL; row++)
        for (int i = 0; i < 400 && km_kernels[row]->is_available(); i++) {
            history *h = make_history(km_kernels[row], 1, i % 63, exp2(i % 41 - 20));
            const int64_t c = 1 + i % 2, d = 1 + i % 17;
            km_history_sums plain = {0}, found = {0};
            km_kernel_reference.add_history(h->grids, &h->run.totals, c, h->used + c * D, 1,
                                            &plain);
            km_kernels[row]->add_history(h->grids, &h->run.totals, c, h->used + c * D, 1, &found);
            ck_assert(memcmp(&plain, &found, sizeof plain) == 0);
            km_kernel_reference.add_history(h->grids, &h->run.totals, c, h->used + c * D, d,
                                            &plain);
            km_kernels[row]->add_history(h->grids, &h->run.totals, c, h->used + c * D, d, &found);
            km_double2 sum = {found.high[0], found.low[0]};
            for (int l = 1; l < KM_HISTORY_LANES; l++)
                sum = km_double2_add(sum, (km_double2){found.high[l], found.low[l]});
            ck_assert_double_le(fabs(sum.high - plain.high[0]), 1e-14 * plain.sizes[0]);
            free_history(h);
        }
}
END_TEST

/* Sums up to 62 bits, of weights up to 2^62, whose quotients are near whole numbers, too. */
static void check_means(const km_kernel *kernel, int n_features, int bits, int n_bits)
{
    km_totals totals = {0};
    km_error error = {0};
    km_grid grids[2 * KM_HISTORY_LANES + 1];
    double means[2 * KM_HISTORY_LANES + 1];
    ck_assert(km_totals_create(&totals, 2, n_features, 1, true, &error) == KM_OK);
    const int64_t n = totals.weights[1] = 1 + (draw(bits) & (((int64_t)1 << n_bits) - 1));
    for (int j = 0; j < n_features; j++) {
        const int64_t sum = draw(j + 100 * bits) >> (63 - bits);
        const int64_t near = sum / n * n + (j % 3 - 1);
        grids[j] = km_grid_choose(-3, j + 1, 1000, 1);
        totals.words[n_features + j] = j % 2 == 0 ? sum : near;
    }
    kernel->means(grids, &totals, 1, means);
    for (int j = 0; j < n_features; j++)
        ck_assert(means[j] == km_exact_mean(&grids[j], km_totals_get(&totals, 1, j), n));
    km_totals_free(&totals);
}

START_TEST(means_are_the_same_in_all_kernels)
{
    for (int row = 0; km_kernels[row] != NULL; row++)
        for (int bits = 0; bits < 63 && km_kernels[row]->is_available(); bits++)
            for (int n_bits = 0; n_bits < 63; n_bits++)
                check_means(km_kernels[row], 1 + (bits + n_bits) % (2 * KM_HISTORY_LANES + 1), bits,
                            n_bits);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {sums_on_all_threads_have_the_bits_of_those_in_order,
                                  what_cancels_has_the_bits_of_the_sum_in_order,
                                  terms_have_the_same_bits_in_all_kernels,
                                  means_are_the_same_in_all_kernels};
    return SUITE_OF("history", tests);
}
