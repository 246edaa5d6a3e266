/* One answer: the same bits on any number of ranks and threads, with every kernel, method, seeding,
 * precision, one and two words, with and without weights; and the answer of a plain reference.
 *
 * Ranks: 8. They work as communicators of 8; 5 and 3; 4, 2, 1 and 1, so that a fit runs on 1, 2, 3,
 * 4, 5 and 8 ranks. Ranks, sanitized: 3. */
#include "base/error.h"
#include "base/precision.h"
#include "base/threads.h"
#include "mpi_check.h"
#include "reference_seeding.h"
#include "solve.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ITERATIONS = 12 };

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* ---- groups of ranks ------------------------------------------------------------------------ */

/* Sizes of groups; and ways in which all layouts, numbers of threads and kernels come. Sanitizers
 * look for errors of memory, which fewer ways show. */
#ifdef __SANITIZE_ADDRESS__
enum { N_LAYOUTS = 2, N_ALL = N_LAYOUTS };
static const int LAYOUTS[N_LAYOUTS][4] = {{3}, {2, 1}};
#else
enum { N_LAYOUTS = 3, N_ALL = 2 * N_LAYOUTS };
static const int LAYOUTS[N_LAYOUTS][4] = {{8}, {5, 3}, {4, 2, 1, 1}};
#endif

static void split_world(MPI_Comm *comms)
{
    const int rank = km_comm_rank(MPI_COMM_WORLD);
    for (int i = 0; i < N_LAYOUTS; i++) {
        int group = 0, end = LAYOUTS[i][0];
        while (group < 3 && rank >= end)
            end += LAYOUTS[i][++group];
        MPI_Comm_split(MPI_COMM_WORLD, group, 0, &comms[i]);
    }
}

static void free_comms(MPI_Comm *comms)
{
    for (int i = 0; i < N_LAYOUTS; i++)
        MPI_Comm_free(&comms[i]);
}

/* ---- all ways to the same -------------------------------------------------------------------- */

/* What a run had beside its task. */
struct variant {
    const char *name; /* of the data */
    int threads, layout;
};

/* The second nearest centers of all rows, and the distances to them, as one number. */
static uint64_t digest_second(const outcome *o, MPI_Comm comm)
{
    const int64_t n = o->answer->slab.count;
    int32_t *labels = mock_memory(n, sizeof *labels);
    double *own = mock_memory(n, sizeof *own), *distances = mock_memory(n, sizeof *distances);
    uint64_t sum = 0;
    skymeans_error why;
    km_error error = {0};
    must(skymeans_distances(o->answer, o->samples, own, &why), why.text);
    must((int)km_answer_find_second(o->answer, &o->samples->memory, own, labels, distances, &error),
         error.text);
    for (int64_t i = 0; i < n; i++) {
        const double distance = isnan(distances[i]) ? -1 : distances[i];
        const uint64_t of_row = km_hash_label(o->answer->slab.first + i, labels[i]);
        sum += km_hash_double(of_row, distance);
    }
    km_sum_uint64(comm, &sum, 1);
    free(labels);
    free(own);
    free(distances);
    return sum;
}

/* Collective over the world: fits on each group of ranks, all of which must have this checksum (or
 * any, the same on all, if it is 0). Returns it. */
static uint64_t check_run(solve_task *task, MPI_Comm comm, const struct variant *v, uint64_t right)
{
    uint64_t least, most;
    task->manner.threads = v->threads;
    outcome o = solve(task, comm);
    const uint64_t found = checksum_of(task, &o) + digest_second(&o, comm);
    MPI_Allreduce(&found, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&found, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    ck_assert_msg(least == most && (right == 0 || least == right),
                  "%s, seeding %s, %s, %d words, %s: method %s, kernel %s, %d threads, layout %d: "
                  "%016llx to %016llx, not %016llx",
                  v->name, task->problem.seeding, km_precision_name(task->precision), o.n_words,
                  task->data->weights != NULL ? "weights" : "no weights", task->manner.algorithm,
                  task->manner.kernel, v->threads, v->layout, (unsigned long long)least,
                  (unsigned long long)most, (unsigned long long)right);
    outcome_free(&o);
    return least;
}

/* The row of the next kernel that there is, round and round. */
static int next_kernel(int row)
{
    do
        row = km_kernels[row + 1] != NULL ? row + 1 : 0;
    while (!km_kernels[row]->is_available());
    return row;
}

/* One of 0 to n - 1 by chance, the same on all ranks. */
static int drawn(int n)
{
    static uint64_t number = 0;
    return (int)(n * mock_uniform(23, number++));
}

/* Every method on every layout of ranks, or in so many ways: if they are as many, on every layout
 * with every number of threads and with every kernel, otherwise with those that were drawn. */
static void check_ways(solve_task task, const char *name, MPI_Comm *comms, int n_ways)
{
    static int row = 0;
    uint64_t right = 0;
    for (const km_method *method = km_methods; method->name != NULL; method++) {
        const int first = drawn(2);
        for (int skipped = drawn(N_ALL); skipped > 0; skipped--)
            row = next_kernel(row);
        for (int i = 0; i < n_ways; i++, row = next_kernel(row)) {
            const struct variant v = {name, 1 + (first + i) % 2, i % N_LAYOUTS};
            task.manner.algorithm = method->name;
            task.manner.kernel = km_kernels[row]->name;
            right = check_run(&task, comms[v.layout], &v, right);
        }
    }
}

/* ---- against the reference ------------------------------------------------------------------ */

static bool is_close(double a, double b, double relative, double floor)
{
    return a == b || fabs(a - b) <= relative * fabs(b) || fabs(a - b) <= floor;
}

/* History inertia comes from sums about the mid-range, whose squares say how it is rounded. */
static void check_history(const solve_task *task, const outcome *o, const reference *r,
                          km_error *error)
{
    const double relative = task->precision == KM_FLOAT32 ? 1e-6 : 1e-12;
    const double squares = ldexp(o->samples->facts.squares.high, 2 * r->p.exponent);
    if (o->answer->fit.n_iterations != r->n_iterations)
        km_fail(error, KM_INTERNAL, "%d iterations, not %d", (int)o->answer->fit.n_iterations,
                (int)r->n_iterations);
    for (int64_t i = 0; i < r->n_iterations && error->code == KM_OK; i++) {
        const double right = ldexp(r->inertia[i], 2 * r->p.exponent);
        const km_iteration *found = &o->answer->fit.history[i];
        if (found->relabeled != r->relabeled[i])
            km_fail(error, KM_INTERNAL, "%d relabeled, not %d, in iteration %d",
                    (int)found->relabeled, (int)r->relabeled[i], (int)i + 1);
        if (!is_close(found->inertia, right, relative, 4e-15 * squares))
            km_fail(error, KM_INTERNAL, "inertia %.17g, not %.17g, in iteration %d", found->inertia,
                    right, (int)i + 1);
    }
}

static void check_outcome(const solve_task *task, const outcome *o, const reference *r,
                          km_error *error)
{
    int64_t next = 0;
    for (int64_t i = 0; i < task->data->n; i++) {
        const int32_t label = task->data->is_missing[i] ? -1 : r->labels[next++];
        if (o->labels[i] != label)
            km_fail(error, KM_INTERNAL, "label %d, not %d, of row %d", (int)o->labels[i],
                    (int)label, (int)i);
    }
    if (!is_same_bits(o->answer->fit.weights, r->weights, task->problem.n_clusters))
        km_fail(error, KM_INTERNAL, "other weights");
    if (memcmp(o->answer->fit.sizes, r->sizes,
               (size_t)task->problem.n_clusters * sizeof *r->sizes) != 0)
        km_fail(error, KM_INTERNAL, "other sizes");
    if (o->answer->fit.n_empty != r->n_empty)
        km_fail(error, KM_INTERNAL, "%d empty clusters, not %d", (int)o->answer->fit.n_empty,
                (int)r->n_empty);
    /* Working values have a range of 1 to 2: below the floor is the rounding of centers. */
    const double inertia = ldexp(o->answer->fit.inertia, -2 * r->p.exponent);
    if (!is_close(inertia, r->final_inertia, 1e-12, 1e-27))
        km_fail(error, KM_INTERNAL, "inertia %.17g, not %.17g", inertia, r->final_inertia);
    check_history(task, o, r, error);
}

/* Float keeps one word beside an outlier until that has a cluster of its own; in between, centers
 * are those of a grid that is coarser than clusters, and no plain k-means finds the same. */
static bool is_coarse_between(const solve_task *task, const outcome *o, const reference *r)
{
    const double n = (double)o->samples->facts.weight * (double)task->data->d;
    const double allowed = km_precision_epsilon(task->precision);
    return o->n_words == 1 && o->unit <= allowed * sqrt(r->inertia[0] / n) &&
           o->unit > allowed * sqrt(r->final_inertia / n);
}

/* Compares with the same in the plainest way. */
static void compare(const solve_task *task, const outcome *o, const double *found, km_error *error)
{
    const int64_t n = task->problem.n_clusters * task->data->d;
    const seed_rule rule = {task->problem.n_clusters, task->problem.seeding_rows,
                            task->problem.random_seed, 0, false};
    double *first = mock_memory(n, sizeof *first);
    points p = points_of(task->data, task->precision);
    points_scale(&p);
    reference_seed(task->problem.seeding, &p, &rule, first);
    reference r = reference_fit(p, task->problem.n_clusters, first, task->problem.max_iterations,
                                task->problem.tolerance);
    if (o->samples->transform.exponent != r.p.exponent || !is_same_bits(found, first, n))
        km_fail(error, KM_INTERNAL, "other first centers");
    if (!is_coarse_between(task, o, &r))
        check_outcome(task, o, &r, error);
    reference_free(&r);
    free(first);
}

/* Rank 0 compares; that all ranks have the same is checked elsewhere. Collective over the world. */
static void check_reference(const solve_task *task, const char *name)
{
    km_error error = {0};
    outcome o = solve(task, MPI_COMM_WORLD);
    double *first = solve_first(task, &o, MPI_COMM_WORLD);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        compare(task, &o, first, &error);
    free(first);
    km_agree(MPI_COMM_WORLD, &error);
    ck_assert_msg(error.code == KM_OK, "reference: %s, seeding %s, %s, %s: %s", name,
                  task->problem.seeding, km_precision_name(task->precision),
                  task->data->weights != NULL ? "weights" : "no weights", error.text);
    outcome_free(&o);
}

/* ---- the matrix ----------------------------------------------------------------------------- */

/* Data for which the fit takes this many words a sum. One word is fine enough for double only with
 * few rows; float asks for two beside an outlier, or for heavy rows. */
static mock data_for(km_precision precision, int n_words, bool has_weights)
{
    const bool is_float = precision == KM_FLOAT32;
    mock data = mock_mixture(is_float || n_words == 2 ? 2500 : 170, 3, 6, 1);
    mock_drop_rows(&data);
    if (has_weights)
        mock_weigh(&data);
    for (int64_t i = 0; i < data.n && is_float && n_words == 2 && has_weights; i++)
        data.weights[i] *= 0x1p38;
    if (is_float && n_words == 2 && !has_weights) {
        data.values[3 * 777] = 1e15;
        data.is_missing[777] = 0;
    }
    return data;
}

/* All seedings, kmeans++ from all rows and from some. */
static void check_seedings(const mock *data, km_precision precision, const char *name,
                           MPI_Comm *comms)
{
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++)
        for (int64_t rows = strcmp(seeding->name, "kmeans++") == 0 ? 90 : INT64_MAX; rows > 0;
             rows = rows < INT64_MAX ? INT64_MAX : 0) {
            solve_task task = solve_task_of(data, 8, precision);
            task.problem.seeding = seeding->name;
            task.problem.seeding_rows = rows;
            task.problem.max_iterations = MOST_ITERATIONS;
            check_reference(&task, name);
            check_ways(task, name, comms, N_ALL);
        }
}

static void check_words(int n_words, bool has_weights)
{
    MPI_Comm comms[N_LAYOUTS];
    split_world(comms);
    for (int p = 0; p < 2; p++) {
        mock data = data_for(BOTH[p], n_words, has_weights);
        check_seedings(&data, BOTH[p], "mixture", comms);
        mock_free(&data);
    }
    free_comms(comms);
}

START_TEST(one_answer_with_one_word)
{
    check_words(1, false);
}
END_TEST

START_TEST(one_answer_with_one_word_and_weights)
{
    check_words(1, true);
}
END_TEST

START_TEST(one_answer_with_two_words)
{
    check_words(2, false);
}
END_TEST

START_TEST(one_answer_with_two_words_and_weights)
{
    check_words(2, true);
}
END_TEST

/* So many that threads share what the seedings look at. */
START_TEST(one_answer_with_many_rows)
{
    MPI_Comm comms[N_LAYOUTS];
    split_world(comms);
    for (int p = 0; p < 2; p++)
        for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
            mock data = mock_mixture(12000, 2, 10, 4);
            if (p == 0)
                mock_weigh(&data);
            solve_task task = solve_task_of(&data, 50, BOTH[p]);
            task.problem.seeding = seeding->name;
            task.problem.max_iterations = 2;
            check_reference(&task, "many rows");
            check_ways(task, "many rows", comms, N_LAYOUTS);
            mock_free(&data);
        }
    free_comms(comms);
}
END_TEST

/* Scaled values, and rows far out without weight. */
START_TEST(one_answer_with_scaling)
{
    MPI_Comm comms[N_LAYOUTS];
    split_world(comms);
    for (int p = 0; p < 2; p++)
        for (km_scaling scaling = KM_SCALE_STANDARD; scaling <= KM_SCALE_MINMAX; scaling++)
            for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
                mock data = data_for(BOTH[p], 1 + p, true);
                for (int64_t i = 0; i < data.n * data.d; i++)
                    if (data.weights[i / data.d] == 0 && i % 5 == 0)
                        data.values[i] = BOTH[p] == KM_FLOAT32 ? 3e38 : -1e300;
                for (int64_t i = 0; i < data.n && scaling == KM_SCALE_MINMAX; i++)
                    data.weights[i] *= 0.37; /* fractions */
                solve_task task = solve_task_of(&data, 7, BOTH[p]);
                task.problem.scale = km_scaling_name(scaling);
                task.problem.seeding = seeding->name;
                task.problem.tolerance = 1e-5;
                check_ways(task, "scaled mixture", comms, N_LAYOUTS);
                mock_free(&data);
            }
    free_comms(comms);
}
END_TEST

/* ---- hostile data --------------------------------------------------------------------------- */

/* Doubles that are one float. */
static mock below_float(int64_t n)
{
    mock data = mock_create(n, 2);
    for (int64_t i = 0; i < 2 * n; i++)
        data.values[i] = 1 + floor(1000 * mock_uniform(21, (uint64_t)i)) * 0x1p-40;
    return data;
}

/* Whole numbers of 64 bits that no double holds, as reading rounds them. */
static mock beyond_doubles(int64_t n)
{
    mock data = mock_create(n, 2);
    for (int64_t i = 0; i < 2 * n; i++)
        data.values[i] =
            (double)(((int64_t)1 << 60) + (int64_t)(mock_uniform(22, (uint64_t)i) * 0x1p25));
    return data;
}

static void check_hostile(mock data, int64_t k, const char *name)
{
    MPI_Comm comms[N_LAYOUTS];
    split_world(comms);
    for (int p = 0; p < 2; p++)
        for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
            solve_task task = solve_task_of(&data, k, BOTH[p]);
            task.problem.seeding = seeding->name;
            task.problem.max_iterations = MOST_ITERATIONS;
            check_reference(&task, name);
            check_ways(task, name, comms, N_LAYOUTS);
        }
    free_comms(comms);
    mock_free(&data);
}

START_TEST(one_answer_on_hostile_data)
{
    static const char *const names[] = {"constant", "offset",  "outlier",   "wide",
                                        "denormal", "lattice", "duplicates"};
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        check_hostile(mock_hostile(kind, 500, 2), 5, names[kind]);
        mock weighted = mock_hostile(kind, 500, 2);
        mock_weigh(&weighted);
        check_hostile(weighted, 5, names[kind]);
    }
}
END_TEST

START_TEST(one_answer_where_values_are_hardly_apart)
{
    check_hostile(below_float(500), 6, "below float");
    check_hostile(beyond_doubles(500), 6, "64-bit integers");
}
END_TEST

START_TEST(one_answer_with_as_many_clusters_as_rows)
{
    check_hostile(mock_mixture(90, 2, 3, 2), 90, "k = n");
    check_hostile(mock_mixture(1, 3, 1, 3), 1, "one row");
    check_hostile(mock_hostile(MOCK_DUPLICATES, 300, 2), 9, "k > distinct rows");
    check_hostile(mock_hostile(MOCK_LATTICE, 400, 2), 30, "k > distinct rows");
}
END_TEST

/* So many clusters that ranks exchange samples, by place or by the centers that are guessed to be
 * theirs; some of these are on top of each other, or have no samples. */
START_TEST(one_answer_when_ranks_exchange_samples)
{
    MPI_Comm comms[N_LAYOUTS];
    split_world(comms);
    for (mock_kind kind = 0; kind <= MOCK_N_KINDS; kind++) {
        mock data = kind < MOCK_N_KINDS ? mock_hostile(kind, 700, 5) : mock_mixture(1500, 6, 30, 9);
        if (kind % 2 == 1)
            mock_weigh(&data);
        mock_drop_rows(&data);
        solve_task task = solve_task_of(&data, 100, BOTH[kind / 2 % 2]);
        task.problem.seeding = "random";
        task.problem.max_iterations = 75; /* so that it pays */
        task.problem.tolerance = 0.1;
        task.problem.restarts = 1 + (int64_t)kind % 3 / 2;
        check_ways(task, "exchanged", comms, N_LAYOUTS);
        mock_free(&data);
    }
    free_comms(comms);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        one_answer_with_one_word,
        one_answer_with_one_word_and_weights,
        one_answer_with_two_words,
        one_answer_with_two_words_and_weights,
        one_answer_with_many_rows,
        one_answer_with_scaling,
        one_answer_on_hostile_data,
        one_answer_where_values_are_hardly_apart,
        one_answer_with_as_many_clusters_as_rows,
        one_answer_when_ranks_exchange_samples,
    };
    return SUITE_OF("one_answer", tests);
}
