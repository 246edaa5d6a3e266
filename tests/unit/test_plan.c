/* The plan, which knows no other ranks. Ranks: 1. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "cluster/plan.h"

#include <string.h>

/* What is planned for: 8 clusters of 1000 rows of 3 features on one rank, but for what a test
 * changes. */
typedef struct planned {
    skymeans_problem problem;
    skymeans_manner manner;
    km_shape shape;
    uint64_t kernels;
} planned;

static planned some(void)
{
    return (planned){.problem = SKYMEANS_PROBLEM(8),
                     .manner = SKYMEANS_MANNER,
                     .shape = {.n_rows = 1000,
                               .span = 1000,
                               .n_samples = 1000,
                               .n_features = 3,
                               .n_ranks = 1,
                               .n_threads = 1},
                     .kernels = km_kernels_available("auto")};
}

/* On so many ranks, with so many rows. */
static planned spread(int64_t n_rows, int n_ranks)
{
    planned what = some();
    what.shape.n_rows = what.shape.span = n_rows;
    what.shape.n_samples = n_rows / n_ranks;
    what.shape.n_ranks = n_ranks;
    return what;
}

static km_code make(const planned *what, km_plan *plan, km_error *error)
{
    skymeans_problem problem;
    *error = (km_error){0};
    if (km_problem_check(&problem, &what->problem, error) == KM_OK)
        km_plan_create(plan, &problem, &what->manner, &what->shape, what->kernels, error);
    return error->code;
}

static km_plan plan_of(const planned *what)
{
    km_plan plan;
    km_error error;
    ck_assert_msg(make(what, &plan, &error) == KM_OK, "%s", error.text);
    return plan;
}

START_TEST(plans_follow_from_the_problem)
{
    const double centers[8 * 3] = {0};
    planned what = some();
    km_plan plan = plan_of(&what);
    ck_assert_str_eq(plan.method->name, "lloyd");
    ck_assert_str_eq(plan.seeding->name, "kmeans++");
    ck_assert_ptr_eq(plan.kernel, km_kernel_choose("auto", km_kernels_available("auto")));
    what.manner.kernel = "reference";
    what.problem.seeding = "random";
    plan = plan_of(&what);
    ck_assert_str_eq(plan.kernel->name, "reference");
    ck_assert_str_eq(plan.seeding->name, "random");
    what.problem.first_centers = centers;
    ck_assert_ptr_null(plan_of(&what).seeding);
}
END_TEST

static void check_method(planned *what, int64_t k, int64_t n_features, const char *method)
{
    what->problem.n_clusters = k;
    what->shape.n_features = n_features;
    ck_assert_str_eq(plan_of(what).method->name, method);
}

/* Boxes pay with few features; a method that is asked for is taken with any. Of 10 million rows. */
START_TEST(methods_follow_from_features_and_clusters)
{
    const struct {
        const char *algorithm;
        int64_t k, n_features;
        const char *method;
    } cases[] = {
        {"auto", 8, 3, "tree"},
        {"auto", 8, 100, "lloyd"}, /* few clusters */
        {"auto", 32, 13, "bounds"},
        {"auto", 31, 13, "lloyd"},
        {"auto", 832, 13, "bounds"},
        {"auto", 833, 13, "neighbours"}, /* gaps would take more memory than samples */
        {"auto", 1089, 17, "lloyd"},     /* and there are too many features for another method */
        {"auto", 128, 10, "bounds"},
        {"auto", 127, 10, "tree"},
        {"auto", 360, 10, "neighbours"},
        {"auto", 359, 10, "bounds"},
        {"auto", 1440, 5, "neighbours"},
        {"auto", 1439, 5, "tree"},
        {"auto", 9000, 4, "tree"},
        {"neighbours", 8, 3, "neighbours"},
        {"auto", 445, 9, "neighbours"},
        {"auto", 444, 9, "tree"},
        {"auto", 4, 9, "tree"},
        {"auto", 3, 9, "lloyd"},
        {"auto", 2, 5, "lloyd"},
        {"auto", 2, 4, "tree"},
        {"auto", 1, 1, "lloyd"},
        {"bounds", 8, 3, "bounds"},
        {"lloyd", 8, 3, "lloyd"},
        {"tree", 8, 100, "tree"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        planned what = spread(10000000, 1);
        what.manner.algorithm = cases[i].algorithm;
        check_method(&what, cases[i].k, cases[i].n_features, cases[i].method);
    }
}
END_TEST

/* Small clusters: boxes are larger than these, and blocks have samples of several; rows of all
 * ranks count. */
START_TEST(gaps_are_for_small_clusters)
{
    const struct {
        int64_t n_rows, k, n_features;
        const char *method;
    } cases[] = {
        {200999, 201, 8, "bounds"},      {201000, 201, 8, "tree"},   {100000, 127, 8, "tree"},
        {100000, 300, 7, "tree"},        {16383, 256, 5, "bounds"},  {16384, 256, 5, "tree"},
        {16000, 255, 5, "tree"},         {38399, 600, 10, "bounds"}, {38400, 600, 10, "neighbours"},
        {60000, 1000, 10, "neighbours"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        planned what = spread(cases[i].n_rows, 2);
        check_method(&what, cases[i].k, cases[i].n_features, cases[i].method);
    }
}
END_TEST

/* Few samples are compared with few clusters sooner than put in order; those of a rank count. */
START_TEST(few_samples_are_compared_with_all_centers)
{
    const struct {
        int64_t n_samples, k, n_features;
        const char *method;
    } cases[] = {
        {24576, 16, 2, "tree"},  {24575, 16, 2, "lloyd"},    {24576, 64, 8, "tree"},
        {24575, 64, 8, "lloyd"}, {24576, 64, 100, "bounds"}, {24575, 64, 100, "lloyd"},
        {3071, 512, 8, "lloyd"}, {1000, 500, 5, "lloyd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        planned what = spread(4 * cases[i].n_samples, 4);
        check_method(&what, cases[i].k, cases[i].n_features, cases[i].method);
    }
}
END_TEST

static bool redistributes_in(int64_t max_iterations, const char *algorithm, int64_t k,
                             int64_t n_rows, int n_ranks)
{
    planned what = spread(n_rows, n_ranks);
    what.manner.algorithm = algorithm;
    what.problem.n_clusters = k;
    what.problem.max_iterations = max_iterations;
    return plan_of(&what).redistributes;
}

static bool redistributes(const char *algorithm, int64_t k, int64_t n_rows, int n_ranks)
{
    return redistributes_in(300, algorithm, k, n_rows, n_ranks);
}

/* Ranks exchange samples where boxes prune much: not for few clusters (fewer on more ranks), few
 * iterations, other methods or one rank. */
START_TEST(samples_are_redistributed_for_the_tree)
{
    ck_assert(redistributes("neighbours", 100, 5000, 2));
    ck_assert(redistributes("tree", 100, 5000, 2) && redistributes("tree", 5000, 5000, 64));
    ck_assert(redistributes("tree", 100, UINT32_MAX, 2));
    ck_assert(!redistributes("tree", 100, (int64_t)UINT32_MAX + 1, 2));
    ck_assert(!redistributes("tree", 100, 5000, 1) && !redistributes("tree", 99, 5000, 2));
    ck_assert(redistributes("tree", 50, 5000, 4) && !redistributes("tree", 49, 5000, 4));
    ck_assert(redistributes("tree", 17, 5000, 64) && !redistributes("tree", 16, 5000, 64));
    ck_assert(!redistributes("bounds", 5000, 5000, 64));
    ck_assert(redistributes_in(75, "tree", 5000, 5000, 2));
    ck_assert(!redistributes_in(74, "tree", 5000, 5000, 2));
    ck_assert(redistributes_in(19, "tree", 5000, 5000, 4));
    ck_assert(!redistributes_in(18, "tree", 5000, 5000, 4));
    ck_assert(redistributes_in(12, "neighbours", 5000, 5000, 2));
    ck_assert(!redistributes_in(11, "neighbours", 5000, 5000, 2));
    planned wide = spread(5000, 2);
    wide.manner.algorithm = "tree";
    wide.problem.n_clusters = 5000;
    wide.problem.max_iterations = 13;
    wide.shape.n_features = 6;
    ck_assert(plan_of(&wide).redistributes);
    wide.shape.n_features = 5;
    ck_assert(!plan_of(&wide).redistributes);
    planned far = spread(5000, 2);
    far.manner.algorithm = "tree";
    far.problem.n_clusters = 100;
    far.shape.span = (int64_t)UINT32_MAX + 1; /* few rows with numbers far apart */
    ck_assert(!plan_of(&far).redistributes);
}
END_TEST

static bool orders(const char *algorithm, const char *seeding, int64_t seeding_rows, int64_t k,
                   int n_ranks)
{
    planned what = spread(1000, n_ranks);
    what.problem.max_iterations = 300;
    what.manner.algorithm = algorithm;
    what.problem.seeding = seeding;
    what.problem.seeding_rows = seeding_rows;
    what.problem.n_clusters = k;
    return plan_of(&what).orders;
}

/* Once: before an exchange only for a seeding from all rows, and never for plain assignment. */
START_TEST(samples_are_ordered_for_boxes)
{
    ck_assert(orders("tree", "kmeans++", 500, 99, 2) && orders("tree", "kmeans++", 500, 100, 1));
    ck_assert(!orders("tree", "kmeans++", 500, 100, 2) && orders("tree", "kmeans++", 1000, 100, 2));
    ck_assert(orders("tree", "kmeans-parallel", 500, 100, 2));
    ck_assert(orders("bounds", "random", 0, 100, 2));
    ck_assert(!orders("lloyd", "random", 0, 100, 1));
    ck_assert(!orders("lloyd", "kmeans++", 999, 100, 1));
    ck_assert(orders("lloyd", "kmeans++", INT64_MAX, 100, 1));
}
END_TEST

/* Measured: with more features, bounds get tighter by order, but not by as much as it takes. */
START_TEST(many_features_are_not_ordered_for_bounds)
{
    planned what = some();
    what.manner.algorithm = "bounds";
    what.problem.n_clusters = 100;
    what.problem.seeding = "random";
    what.shape.n_features = 63;
    ck_assert(plan_of(&what).orders);
    what.shape.n_features = 64;
    ck_assert(!plan_of(&what).orders);
    what.manner.algorithm = "tree";
    ck_assert(plan_of(&what).orders);
}
END_TEST

static int64_t seeding_rows_of(int64_t k, int64_t asked)
{
    planned what = some();
    what.problem.n_clusters = k;
    what.problem.seeding_rows = asked;
    return plan_of(&what).shape.n_seeding_rows;
}

START_TEST(seeding_rows_are_at_least_500_per_cluster)
{
    ck_assert_int_eq(seeding_rows_of(8, 0), 100000);
    ck_assert_int_eq(seeding_rows_of(200, 0), 100000);
    ck_assert_int_eq(seeding_rows_of(201, 0), 500 * 201);
    ck_assert_int_eq(seeding_rows_of(INT32_MAX, 0), 500 * (int64_t)INT32_MAX);
    ck_assert_int_eq(seeding_rows_of(8, INT64_MAX), INT64_MAX);
    ck_assert_int_eq(seeding_rows_of(8, 8), 8);
}
END_TEST

START_TEST(plans_that_can_not_be_are_refused)
{
    const double centers[8 * 3] = {0};
    planned cases[7];
    static const char *const words[7] = {"kernel sse",   "algorithm elkan", "seeding_rows 7",
                                         "n_clusters 0", "restarts 2",      "scale big",
                                         "seeding magic"};
    for (int i = 0; i < 7; i++)
        cases[i] = some();
    cases[0].manner.kernel = "sse";
    cases[1].manner.algorithm = "elkan";
    cases[2].problem.seeding_rows = 7;
    cases[3].problem.n_clusters = 0;
    cases[4].problem.first_centers = centers;
    cases[4].problem.restarts = 2;
    cases[5].problem.scale = "big";
    cases[6].problem.seeding = "magic";
    for (int i = 0; i < 7; i++) {
        km_plan plan;
        km_error error;
        make(&cases[i], &plan, &error);
        ck_assert_fails(error, KM_USAGE, words[i]);
    }
}
END_TEST

/* A kernel that not all ranks have is no kernel. */
START_TEST(kernels_are_those_of_all_ranks)
{
    planned what = some();
    km_plan plan;
    km_error error;
    what.kernels = 1;
    what.manner.kernel = "avx2";
    ck_assert_int_eq(make(&what, &plan, &error), KM_USAGE);
    what.manner.kernel = "auto";
    ck_assert_str_eq(plan_of(&what).kernel->name, "reference");
}
END_TEST

/* Sums of each thread are what many clusters need most. */
START_TEST(threads_need_memory)
{
    planned what = spread(1000000, 1);
    what.problem.n_clusters = 20000;
    what.shape.n_features = 8;
    const double one = plan_of(&what).memory.fitting;
    what.shape.n_threads = 64;
    const double many = plan_of(&what).memory.fitting;
    ck_assert(many > one + 63.0 * 20000 * 8 * sizeof(int64_t));
}
END_TEST

/* Resampled fits are compared in a table, and kept beside all fits of the number itself. */
START_TEST(resampled_fits_need_memory)
{
    static const int64_t numbers[] = {2, 2000};
    planned what = spread(10000, 1);
    what.problem.several = numbers;
    what.problem.n_several = 2;
    const double without = plan_of(&what).memory.fitting;
    what.problem.bootstrap = 2;
    const double with = plan_of(&what).memory.fitting;
    ck_assert(without < 2000.0 * 2000 * sizeof(int64_t));
    ck_assert(with > 2000.0 * 2000 * sizeof(int64_t));
    what.problem.bootstrap = 20000;
    const double many = plan_of(&what).memory.fitting;
    ck_assert(many - with > 19998.0 * 2000 * 3 * sizeof(double) - 1);
    what.problem.restarts = 10000;
    ck_assert(plan_of(&what).memory.fitting - many > 9999.0 * 2000 * 3 * sizeof(double) - 1);
}
END_TEST

START_TEST(problems_are_compared)
{
    const double zeros[8 * 3] = {0}, others[8 * 3] = {0, 1};
    const skymeans_problem same = SKYMEANS_PROBLEM(8);
    skymeans_problem other = same;
    ck_assert_ptr_null(skymeans_problem_difference(&same, &other, 3));
    other.seeding_rows = 100000; /* the default, said */
    ck_assert_ptr_null(skymeans_problem_difference(&same, &other, 3));
    other.random_seed = 1;
    ck_assert_str_eq(skymeans_problem_difference(&same, &other, 3), "random_seed");
    other = same;
    other.tolerance = 0;
    ck_assert_str_eq(skymeans_problem_difference(&same, &other, 3), "tolerance");
    other = same;
    other.first_centers = zeros;
    ck_assert_str_eq(skymeans_problem_difference(&same, &other, 3), "first_centers");
    skymeans_problem third = other;
    third.first_centers = others;
    ck_assert_str_eq(skymeans_problem_difference(&third, &other, 3), "first_centers");
    third.first_centers = zeros;
    third.random_seed = 7; /* nothing is random */
    ck_assert_ptr_null(skymeans_problem_difference(&third, &other, 3));
    third.balance = other.balance = "count"; /* which rows clusters are balanced by is */
    ck_assert_str_eq(skymeans_problem_difference(&third, &other, 3), "random_seed");
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        plans_follow_from_the_problem,
        methods_follow_from_features_and_clusters,
        few_samples_are_compared_with_all_centers,
        gaps_are_for_small_clusters,
        samples_are_redistributed_for_the_tree,
        samples_are_ordered_for_boxes,
        many_features_are_not_ordered_for_bounds,
        seeding_rows_are_at_least_500_per_cluster,
        plans_that_can_not_be_are_refused,
        kernels_are_those_of_all_ranks,
        threads_need_memory,
        resampled_fits_need_memory,
        problems_are_compared,
    };
    return SUITE_OF("plan", tests);
}
