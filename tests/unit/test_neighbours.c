/* Neighbours against the plain method. Ranks: 1. */
#include "race.h"

#include "assign/neighbours.h"

START_TEST(mixtures)
{
    compare("neighbours", mock_mixture(4000, 8, 12, 1), 150, 8);
    compare("neighbours", mock_mixture(3000, 1, 5, 2), 9, 12);
    compare("neighbours", mock_mixture(1500, 2, 30, 3), 300, 6);
    compare("neighbours", mock_mixture(1000, 17, 8, 4), 70, 6);
    compare("neighbours", mock_mixture(2000, 5, 6, 5), 64, 6);
}
END_TEST

START_TEST(hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        compare("neighbours", mock_hostile(kind, 1000, 2), 25, 4);
        compare("neighbours", mock_hostile(kind, 1000, 11), 7, 4);
    }
}
END_TEST

START_TEST(edges)
{
    compare_edges("neighbours");
}
END_TEST

/* One sample a center, fewer, and centers that are the same: blocks of many labels, most of them
 * ties. */
START_TEST(nearly_as_many_centers_as_samples)
{
    compare("neighbours", mock_mixture(500, 6, 9, 21), 470, 3);
    compare("neighbours", mock_mixture(700, 7, 3, 22), 350, 3);
    compare("neighbours", mock_hostile(MOCK_DUPLICATES, 900, 5), 400, 3);
}
END_TEST

/* A center whose samples have left it moves to others, and far away: clusters become empty and fill
 * again. Runs of empty clusters have no place in the order of samples. */
START_TEST(empty_clusters_fill_again)
{
    const variant v = plain_variant("neighbours");
    race r;
    start(&r, mock_mixture(3000, 6, 20, 23), 120, &v);
    for (int round = 0; round < 12; round++) {
        for (int64_t c = round % 2; c < r.k; c += 3)
            for (int64_t j = 0; j < r.data.d; j++)
                r.centers[c * r.data.d + j] =
                    round % 3 == 0 ? 1e4 + (double)c
                                   : r.data.values[(c * 37 + round) % r.data.n * r.data.d + j];
        step(&r);
        update(&r);
        step(&r);
    }
    stop(&r);
}
END_TEST

/* Lloyd's method takes 200 and 400 comparisons; W6 of the benchmarks, but smaller. */
static void check_near_work(mock data, int64_t k, double most_first, double most_last)
{
    race r;
    check_first_and_last(&r, "neighbours", data, k, most_first, most_last);
    stop(&r);
}

START_TEST(few_comparisons_are_made)
{
    check_near_work(mock_mixture(20000, 8, 32, 24), 200, 105, 26);
    check_near_work(mock_mixture(20000, 5, 100, 25), 400, 150, 30);
}
END_TEST

/* Blocks are compared only with centers that have moved, and these are near few of them. */
START_TEST(little_is_compared_when_little_moves)
{
    const variant v = plain_variant("neighbours");
    race r;
    start(&r, mock_mixture(20000, 8, 32, 26), 200, &v);
    for (int i = 0; i < 4; i++)
        step(&r);
    double before = work_of(&r);
    step(&r);
    ck_assert_msg(work_of(&r) == before, "nothing moves: %.0f comparisons", work_of(&r) - before);
    r.centers[7] += 0x1p-10;
    step(&r);
    ck_assert_msg(work_of(&r) < before + 20000, "one moves: %.0f comparisons",
                  work_of(&r) - before);
    stop(&r);
}
END_TEST

/* Comparisons of an assignment by the first of the fast racers. */
static double step_and_count(race *r)
{
    const double before = work_of(r);
    step(r);
    return work_of(r) - before;
}

/* Assignments until parts keep lists, which hostile moves of centers then meet: most by a little,
 * some far, onto rows of other clusters, and back. */
static void check_kept(mock data, int64_t k, variant v)
{
    race r;
    v.n_threads = 2;
    start(&r, data, k, &v);
    double *was = mock_memory(k * data.d, sizeof *was);
    for (int i = 0; i < 9; i++) {
        step(&r);
        update(&r);
    }
    memcpy(was, r.centers, (size_t)(k * data.d) * sizeof *was);
    for (uint64_t round = 0; round < 4; round++) {
        nudge(&r, round + 1);
        step(&r);
        for (int64_t c = (int64_t)round; c < k; c += 17)
            for (int64_t j = 0; j < data.d; j++)
                r.centers[c * data.d + j] = data.values[c * 41 % data.n * data.d + j];
        step(&r);
        memcpy(r.centers, was, (size_t)(k * data.d) * sizeof *was);
    }
    step(&r);
    free(was);
    stop(&r);
}

START_TEST(lists_are_kept)
{
    variant v = plain_variant("neighbours");
    check_kept(mock_mixture(6000, 8, 40, 27), 90, v);
    v.precision = KM_FLOAT64;
    v.has_weights = true;
    check_kept(mock_mixture(5000, 5, 20, 28), 70, v);
}
END_TEST

/* Duplicates, lattices, outliers and all that; and a feature of scale 1000. */
START_TEST(lists_are_kept_on_hostile_data)
{
    const variant v = plain_variant("neighbours");
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        check_kept(mock_hostile(kind, 3000, 6), 40, v);
    mock wide = mock_mixture(3000, 7, 20, 29);
    for (int64_t i = 0; i < wide.n; i++)
        wide.values[i * wide.d] *= 1000;
    wide.values[3] = 1e4;
    check_kept(wide, 60, v);
}
END_TEST

/* Of the first fast racer. */
static const kept_lists *kept_of(const race *r)
{
    return &((const neighbours *)r->fast[0].assigner.state)->kept;
}

/* How far center c would have moved since lists were made, on the way to where a sample is as far
 * from it as from center b; `at` [d] becomes that place. Coordinates are multiples of 2^-10, so
 * distances are equal to the last bit. */
static double move_to_tie(const race *r, int64_t row, int64_t b, int64_t c, double *at)
{
    const int64_t d = r->data.d;
    double move2 = 0;
    for (int64_t j = 0; j < d; j++) {
        at[j] = 2 * r->data.values[row * d + j] - r->centers[b * d + j];
        const double way = at[j] - km_value_get(r->precision, kept_of(r)->since, c * d + j);
        move2 += way * way;
    }
    return sqrt(move2);
}

/* Center c, which has moved by more than half of the margin, is own center and fast at once. A
 * sample is then as near to it as to center b, which has the lower number. */
static void tie_with(race *r, int64_t c, int *n_ties)
{
    double at[8], *was = mock_memory(r->k * r->data.d, sizeof *was);
    memcpy(was, r->centers, (size_t)(r->k * r->data.d) * sizeof *was);
    for (int64_t row = 0; row < r->data.n; row++)
        for (int64_t b = 0; b < c && r->labels[row] == c; b++) {
            const double move = move_to_tie(r, row, b, c, at);
            if (move < 0.55 * kept_of(r)->margin || move > 0.95 * kept_of(r)->margin)
                continue;
            memcpy(r->centers + c * r->data.d, at, (size_t)r->data.d * sizeof *at);
            step(r);
            memcpy(r->centers, was, (size_t)(r->k * r->data.d) * sizeof *was);
            step(r);
            ++*n_ties;
            b = c;
        }
    free(was);
}

/* A center that was compared twice, first and last, hid that another one was as near. */
START_TEST(ties_with_centers_that_are_fast)
{
    const variant v = plain_variant("neighbours");
    race r;
    int n_ties = 0;
    mock data = mock_create(4096, 2);
    for (int64_t i = 0; i < data.n * 2; i++)
        data.values[i] = floor(1024 * mock_uniform(31, (uint64_t)i)) / 64;
    start(&r, data, 40, &v);
    for (int i = 0; i < 12 && (i < 3 || kept_of(&r)->numbers == NULL); i++) {
        step(&r);
        update(&r);
    }
    for (int64_t i = 0; i < r.k * 2; i++)
        r.centers[i] = floor(1024 * r.centers[i]) / 1024;
    step(&r);
    ck_assert(kept_of(&r)->numbers != NULL);
    for (int64_t c = 1; c < r.k; c++)
        tie_with(&r, c, &n_ties);
    ck_assert_int_gt(n_ties, 20);
    stop(&r);
}
END_TEST

/* Once centers move little, samples are compared with few of those near them: not with more and
 * more, as samples stray. */
START_TEST(lists_save_comparisons)
{
    const variant v = plain_variant("neighbours");
    race r;
    double least = INFINITY, before = 0;
    start(&r, mock_mixture(40000, 8, 60, 30), 200, &v);
    for (int i = 0; i < 10; i++) {
        const double compared = step_and_count(&r);
        if (kept_of(&r)->numbers == NULL)
            before = compared;
        else
            least = fmin(least, compared);
        update(&r);
    }
    ck_assert_msg(least < 0.7 * before, "%.0f comparisons, %.0f without lists", least, before);
    stop(&r);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        mixtures,
        hostile_data,
        edges,
        nearly_as_many_centers_as_samples,
        empty_clusters_fill_again,
        few_comparisons_are_made,
        little_is_compared_when_little_moves,
        lists_are_kept,
        lists_are_kept_on_hostile_data,
        ties_with_centers_that_are_fast,
        lists_save_comparisons,
    };
    return SUITE_OF("neighbours", tests);
}
