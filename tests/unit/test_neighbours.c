/* Neighbours against the plain method. Ranks: 1. */
#include "race.h"

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

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        mixtures,
        hostile_data,
        edges,
    };
    return SUITE_OF("neighbours", tests);
}
