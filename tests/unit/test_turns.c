/* Methods that take turns, against the plain one. Ranks: 1. */
#include "race.h"

/* ---- going over ------------------------------------------------------------------------------ */

static void go_over(race *r, const km_method *to, double relabeled)
{
    km_error error = {0};
    for (int i = 0; i < r->n_fast; i++)
        ck_assert(km_assigner_go_over(&r->fast[i].assigner, r->method, to, r->rounded, relabeled,
                                      &error) == KM_OK);
    r->method = to;
}

/* Some assignments by the tree, and then all that methods are raced with. */
static void check_turn(mock data, int64_t k, const char *to, int n_by_tree, double relabeled)
{
    for (int s = 0; s < 4; s++) {
        const variant v = {.precision = s % 2 == 0 ? KM_FLOAT32 : KM_FLOAT64,
                           .n_words = s < 2 ? 1 : 2,
                           .n_threads = 1 + (s == 1 || s == 2),
                           .has_weights = s % 3 != 0,
                           .method = find_method("tree"),
                           .kernel = km_kernel_choose("auto", km_kernels_available("auto"))};
        race r;
        start(&r, copy_of(&data), k, &v);
        for (int i = 0; i < n_by_tree; i++) {
            step(&r);
            if (i + 1 < n_by_tree)
                update(&r);
        }
        go_over(&r, find_method(to), relabeled);
        update(&r);
        run(&r, 4);
        stop(&r);
    }
    mock_free(&data);
}

static const char *const AFTER[] = {"bounds", "neighbours"};

START_TEST(mixtures)
{
    for (int i = 0; i < 2; i++) {
        check_turn(mock_mixture(3000, 8, 12, 1), 90, AFTER[i], 3, 0.02);
        check_turn(mock_mixture(2000, 5, 8, 2), 40, AFTER[i], 1, 1);
        check_turn(mock_mixture(700, 12, 5, 3), 33, AFTER[i], 2, 0.2);
    }
}
END_TEST

START_TEST(hostile_data)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        check_turn(mock_hostile(kind, 700, 5), 32, AFTER[kind % 2], 2, kind % 3 == 0 ? 0.3 : 0.01);
}
END_TEST

/* The sums do not change, and the labels are those of before. */
START_TEST(nothing_changes_by_itself)
{
    const variant v = plain_variant("tree");
    race r;
    start(&r, mock_mixture(3000, 8, 12, 4), 90, &v);
    for (int i = 0; i < 3; i++) {
        step(&r);
        update(&r);
    }
    step(&r);
    go_over(&r, find_method("neighbours"), 0.01);
    compare_racers(&r, &r.fast[0]);
    step(&r);
    ck_assert_int_eq(r.fast[0].totals.extras[KM_EXTRA_RELABELED], 0);
    stop(&r);
}
END_TEST

/* ---- which ----------------------------------------------------------------------------------- */

static km_shape shape_of(int64_t n_features, int64_t n_clusters)
{
    return (km_shape){.n_rows = 1000000,
                      .span = 1000000,
                      .n_samples = 1000000,
                      .n_features = n_features,
                      .n_clusters = n_clusters,
                      .n_fits = 1,
                      .precision = KM_FLOAT32,
                      .n_ranks = 1,
                      .n_threads = 1};
}

static void check_turns(const km_shape *shape, const char *method, const char *before,
                        const char *after)
{
    const km_method *chosen = km_method_choose("auto", shape);
    ck_assert_str_eq(chosen->name, method);
    ck_assert(km_method_before(chosen, shape) == (before != NULL ? km_method_find(before) : NULL));
    ck_assert(km_method_after(chosen, shape) == (after != NULL ? km_method_find(after) : NULL));
}

START_TEST(methods_by_shape)
{
    km_shape shape = shape_of(3, 1000);
    check_turns(&shape, "tree", NULL, NULL);
    shape = shape_of(8, 20);
    check_turns(&shape, "tree", NULL, NULL);
    shape = shape_of(8, 100);
    check_turns(&shape, "tree", NULL, "bounds");
    shape = shape_of(5, 1000);
    check_turns(&shape, "tree", NULL, "neighbours");
    shape = shape_of(8, 4096);
    check_turns(&shape, "neighbours", "tree", NULL);
    shape = shape_of(16, 256);
    check_turns(&shape, "bounds", "tree", NULL);
    shape = shape_of(128, 1000);
    check_turns(&shape, "bounds", NULL, NULL);
    shape = shape_of(8, 100);
    shape.counting = KM_COUNT_BESIDE_DISK;
    check_turns(&shape, "tree", NULL, NULL);
}
END_TEST

/* ---- dimension ------------------------------------------------------------------------------- */

/* Points of a cube of q dimensions, turned into d by sums of its coordinates. */
static double dimension_of(int64_t k, int64_t d, int64_t q)
{
    double *centers = mock_memory(k * d, sizeof *centers);
    for (int64_t i = 0; i < k * d; i++)
        for (int64_t p = 0; p < q; p++)
            centers[i] += mock_normal(41, (uint64_t)(i % d * q + p)) *
                          mock_uniform(42, (uint64_t)(i / d * q + p));
    const double found = km_find_dimension(centers, k, d);
    free(centers);
    return found;
}

/* The estimate is too low near the borders of a cube, and more so the more dimensions it has. */
START_TEST(dimensions)
{
    static const struct {
        int64_t d, q;
        double least, most;
    } cubes[] = {{8, 1, 0.8, 1.2}, {8, 2, 1.6, 2.2}, {16, 3, 2.3, 3.2}, {16, 12, 6, 12}};
    for (size_t i = 0; i < sizeof cubes / sizeof *cubes; i++)
        for (int64_t k = 200; k <= 3000; k += 2800) {
            const double found = dimension_of(k, cubes[i].d, cubes[i].q);
            ck_assert_msg(found >= cubes[i].least && found <= cubes[i].most,
                          "%d centers of %d dimensions: %g", (int)k, (int)cubes[i].q, found);
        }
}
END_TEST

START_TEST(too_few_centers_have_no_dimension)
{
    ck_assert(km_find_dimension((const double[]){1, 2, 3, 4}, 4, 1) == INFINITY);
    double same[40] = {0};
    ck_assert(km_find_dimension(same, 40, 1) == INFINITY);
    ck_assert(!km_method_begins(same, 40, 1));
    double *line = mock_memory(100, sizeof *line);
    for (int i = 0; i < 100; i++)
        line[i] = mock_uniform(43, (uint64_t)i);
    ck_assert(km_method_begins(line, 100, 1));
    free(line);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        mixtures,         hostile_data, nothing_changes_by_itself,
        methods_by_shape, dimensions,   too_few_centers_have_no_dimension,
    };
    return SUITE_OF("turns", tests);
}
