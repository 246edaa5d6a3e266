/* The tree against the plain method. Ranks: 1. */
#include "race.h"

/* Enough for several boxes at every level; sanitizers make it 20 times slower. */
#ifdef __SANITIZE_ADDRESS__
enum { MANY = 10000 };
#else
enum { MANY = 40000 };
#endif

START_TEST(mixtures)
{
    compare("tree", mock_mixture(MANY, 3, 12, 1), 40, 12);
    compare("tree", mock_mixture(3000, 1, 5, 2), 9, 12);
    compare("tree", mock_mixture(5000, 2, 30, 3), 300, 6);
    compare("tree", mock_mixture(4000, 5, 8, 4), 17, 6);
    compare("tree", mock_mixture(2000, 11, 6, 5), 20, 6);
}
END_TEST

START_TEST(hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        compare("tree", mock_hostile(kind, 2000, 2), 25, 4);
        compare("tree", mock_hostile(kind, 1500, 3), 7, 4);
    }
}
END_TEST

START_TEST(edges)
{
    compare_edges("tree");
}
END_TEST

static void check_work(mock data, int64_t k, double most_first, double most_last)
{
    race r;
    check_first_and_last(&r, "tree", data, k, most_first, most_last);
    ck_assert_int_eq(r.plain.assigner.done.distances, 12 * r.plain.samples.n_samples * k);
    stop(&r);
}

/* The plain method takes 64 and 200 comparisons; W1 and W4 of the benchmarks, but smaller. */
START_TEST(few_comparisons_are_made)
{
    check_work(mock_mixture(100000, 5, 32, 9), 64, 9, 8);
    check_work(mock_mixture(100000, 3, 100, 10), 200, 15, 13);
}
END_TEST

/* Without movement nothing is compared but boxes. */
START_TEST(leaves_are_skipped_when_nothing_moves)
{
    const variant v = plain_variant("tree");
    race r;
    start(&r, mock_mixture(50000, 3, 10, 11), 30, &v);
    for (int i = 0; i < 3; i++)
        step(&r);
    const int64_t before = r.fast[0].assigner.done.distances;
    step(&r);
    ck_assert_int_eq(r.fast[0].assigner.done.distances, before);
    stop(&r);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        mixtures,
        hostile_data,
        edges,
        few_comparisons_are_made,
        leaves_are_skipped_when_nothing_moves,
    };
    return SUITE_OF("tree", tests);
}
