/* Bounds against the plain method. Ranks: 1. */
#include "race.h"

#include "assign/bounds.h"

START_TEST(mixtures)
{
    compare("bounds", mock_mixture(4000, 12, 12, 1), 40, 12);
    compare("bounds", mock_mixture(3000, 1, 5, 2), 9, 12);
    compare("bounds", mock_mixture(1500, 2, 30, 3), 300, 6);
    compare("bounds", mock_mixture(1000, 17, 8, 4), 70, 6);
    compare("bounds", mock_mixture(1000, 40, 6, 5), 17, 6);
    compare("bounds", mock_mixture(1000, 48, 12, 6), 40, 8);
}
END_TEST

START_TEST(hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        compare("bounds", mock_hostile(kind, 1000, 2), 25, 4);
        compare("bounds", mock_hostile(kind, 1000, 11), 7, 4);
        compare("bounds", mock_hostile(kind, 200, 33), 20, 4); /* with screens of pairs, */
        compare("bounds", mock_hostile(kind, 200, 49), 20, 4); /* or of bytes */
    }
}
END_TEST

START_TEST(edges)
{
    compare_edges("bounds");
}
END_TEST

/* A center at a squared distance of about 1 + part * 2^-24 from 0: all features but the first add a
 * little less than half of the last bit, and so nothing; or a little more, and so the whole bit. */
static void place_center(race *r, int64_t c, double part, bool is_rounded_up)
{
    const int64_t d = r->data.d;
    r->centers[c * d] = sqrt(1 + part * 0x1p-24);
    for (int64_t j = 1; j < d; j++)
        r->centers[c * d + j] = 0x1p-12 * (is_rounded_up ? 1 + 0x1p-20 : 1 - 0x1p-20);
}

/* Rounding takes the samples from center to center, each truly farther than the one before, until
 * one is nearest that was too far to be compared when this began; and hardly any center has moved.
 */
START_TEST(labels_that_drift_by_rounding)
{
    enum { N_STEPS = 8, LAST = N_STEPS + 1 };
    const variant v = plain_variant("bounds");
    race r;
    start(&r, mock_create(100, 128), LAST + 1, &v);
    for (int64_t c = 0; c < LAST; c++)
        place_center(&r, c, 248.0 * (double)c, false);
    place_center(&r, LAST, 1912, true);
    for (int i = 0; i < 4; i++)
        step(&r);
    const double before = work_of(&r);
    for (int64_t c = 0; c < N_STEPS; c++) {
        place_center(&r, c, 248.0 * (double)c, true);
        if (c > 0) /* it has no samples now, so nobody minds that it goes */
            place_center(&r, c - 1, 0x1p24, true);
        step(&r);
        ck_assert_int_eq(r.plain.assigner.labels[0], (int)c + 1);
    }
    ck_assert_msg(work_of(&r) > before, "nothing was compared");
    place_center(&r, LAST, 1912, false);
    step(&r);
    ck_assert_int_eq(r.plain.assigner.labels[0], LAST);
    stop(&r);
}
END_TEST

/* The plain method takes 20 x 64; W2 of the benchmarks, but smaller. */
START_TEST(few_comparisons_are_made)
{
    enum { N = 20 };
    double work[N], all = 0;
    race r;
    start_and_count(&r, "bounds", mock_mixture(20000, 16, 32, 9), 64, N, work);
    for (int i = 0; i < N; i++)
        all += work[i];
    ck_assert_msg(all < 265, "%.1f comparisons a sample", all);
    ck_assert_msg(work[N - 1] < 4, "%.1f comparisons a sample at last", work[N - 1]);
    stop(&r);
}
END_TEST

START_TEST(blocks_are_skipped_when_nothing_moves)
{
    const variant v = plain_variant("bounds");
    race r;
    start(&r, mock_mixture(20000, 12, 10, 11), 30, &v);
    for (int i = 0; i < 3; i++)
        step(&r);
    const double before = work_of(&r);
    step(&r);
    ck_assert_msg(work_of(&r) < before + 2 * 20000, "%.0f comparisons", work_of(&r) - before);
    stop(&r);
}
END_TEST

/* A mixture in three dimensions, turned into d of them, with some noise. */
static mock mock_flat(int64_t n, int64_t d, double noise)
{
    mock inner = mock_mixture(n, 3, 200, 21), data = mock_create(n, d);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            data.values[i * d + j] = 5 + noise * mock_normal(22, (uint64_t)(i * d + j));
            for (int64_t a = 0; a < 3; a++)
                data.values[i * d + j] +=
                    inner.values[3 * i + a] * mock_normal(23, (uint64_t)(3 * j + a));
        }
    mock_free(&inner);
    return data;
}

/* How many kernels with a screen, of all or of the fastest, still have it on axes after some
 * iterations. */
static int race_on_axes(mock data, km_precision precision, bool are_all, int *n_screens)
{
    race r;
    int n_on_axes = 0;
    variant v = plain_variant("bounds");
    v.kernel = are_all ? NULL : v.kernel;
    v.precision = precision;
    v.n_threads = 2;
    start(&r, data, 350, &v);
    for (int i = 0; i < 3; i++) {
        step(&r);
        update(&r);
    }
    for (int i = 0; i < r.n_fast; i++) {
        const bounds *b = r.fast[i].assigner.state;
        *n_screens += b->has_screen;
        n_on_axes += b->has_axes;
    }
    jump(&r, 1);
    step(&r);
    stop(&r);
    return n_on_axes;
}

START_TEST(axes_stand_for_features)
{
    int n_screens = 0;
    int n_on_axes = race_on_axes(mock_flat(6000, 48, 0.01), KM_FLOAT32, true, &n_screens);
    n_on_axes += race_on_axes(mock_flat(6000, 64, 0.01), KM_FLOAT64, false, &n_screens);
    ck_assert_int_gt(n_screens, 0);
    ck_assert_int_eq(n_on_axes, n_screens);
    mock far = mock_flat(6000, 48, 0.01);
    for (int64_t j = 0; j < far.d; j++)
        far.values[700 * far.d + j] = j % 2 == 0 ? 1e6 : -1e6;
    race_on_axes(far, KM_FLOAT32, false, &n_screens);
}
END_TEST

/* With much noise they hold too little of the variance, or leave too much open. */
START_TEST(axes_are_given_up)
{
    int n_screens = 0;
    ck_assert_int_eq(race_on_axes(mock_flat(6000, 64, 0.3), KM_FLOAT32, false, &n_screens), 0);
    ck_assert_int_eq(race_on_axes(mock_flat(6000, 64, 0.15), KM_FLOAT32, false, &n_screens), 0);
    ck_assert_int_gt(n_screens, 0);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        mixtures,
        hostile_data,
        edges,
        few_comparisons_are_made,
        blocks_are_skipped_when_nothing_moves,
        labels_that_drift_by_rounding,
        axes_stand_for_features,
        axes_are_given_up,
    };
    return SUITE_OF("bounds", tests);
}
