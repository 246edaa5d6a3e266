/* Passes through windows of samples on a real disk give the bits of memory: all methods, on any
 * ranks and threads, in both precisions, with and without weights, on hostile data.
 *
 * Ranks: 8. They work as communicators of 7 and 1; 4, 2, 1 and 1; 5 and 3. Ranks, sanitized: 3. */
#include "base/error.h"
#include "base/large.h"
#include "base/precision.h"
#include "mpi_check.h"
#include "process/scratch.h"
#include "solve.h"

#include <stdlib.h>
#include <string.h>

enum { N_LAYOUTS = 3, N_RANKS = 8 };

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* Numbers of the groups that ranks belong to. */
static const int LAYOUTS[N_LAYOUTS][N_RANKS] = {
    {0, 0, 0, 0, 0, 0, 0, 1}, {0, 0, 0, 0, 1, 1, 2, 3}, {0, 0, 0, 0, 0, 1, 1, 1}};

/* ---- a scratch folder, and memory for little of what is there -------------------------------- */

static int64_t n_transfers; /* of this rank, so far */

static km_large_place small_place;
static void (*add)(void *queue, bool is_write, void *memory, char *place, size_t n_bytes);

static bool always(void)
{
    return true;
}

static void count_and_add(void *queue, bool is_write, void *memory, char *place, size_t n_bytes)
{
#pragma omp atomic
    n_transfers++;
    add(queue, is_write, memory, place, n_bytes);
}

/* Windows of few blocks, and many parts in which samples are sorted. */
static void use_little_memory(void)
{
    km_error error = {0};
    must((int)km_scratch_start(".", 0, 1, &error), error.text);
    small_place = *km_large_in_use();
    add = small_place.add;
    small_place.add = count_and_add;
    small_place.is_beyond_memory = always;
    small_place.at_once = 1 << 13;
    small_place.memory = 200000;
    km_large_use(&small_place);
}

/* ---- fits ------------------------------------------------------------------------------------ */

static uint64_t fit(solve_task *task, MPI_Comm comm)
{
    outcome o = solve(task, comm);
    const uint64_t found = checksum_of(task, &o);
    outcome_free(&o);
    return found;
}

/* A fit in memory of all ranks by the plainest method, and then on a disk by each method, with
 * every `step`-th layout. */
static void check_windows(mock data, int64_t k, km_precision precision, const char *name,
                          const MPI_Comm *comms, int step)
{
    solve_task task = solve_task_of(&data, k, precision);
    task.problem.seeding = "random";
    task.problem.max_iterations = 8;
    const uint64_t right = fit(&task, MPI_COMM_WORLD);
    use_little_memory();
    task.manner.kernel = "auto";
    for (const km_method *method = km_methods; method->name != NULL; method++)
        for (int layout = (int)(method - km_methods) % step; layout < N_LAYOUTS; layout += step) {
            const int64_t n_before = n_transfers;
            task.manner.algorithm = method->name;
            task.manner.threads = 1 + layout % 2;
            const uint64_t found = fit(&task, comms[layout]);
            if (found != right)
                fprintf(stderr, "%s, %s, %s, layout %d: another answer\n", name,
                        km_precision_name(precision), method->name, layout);
            ck_assert_all(found == right);
            ck_assert_all(n_transfers > n_before || strcmp(method->name, "neighbours") == 0);
        }
    km_scratch_end();
    mock_free(&data);
}

static void with_comms(void check(const MPI_Comm *comms))
{
    MPI_Comm comms[N_LAYOUTS];
    for (int i = 0; i < N_LAYOUTS; i++)
        MPI_Comm_split(MPI_COMM_WORLD, LAYOUTS[i][km_comm_rank(MPI_COMM_WORLD)], 0, &comms[i]);
    check(comms);
    for (int i = 0; i < N_LAYOUTS; i++)
        MPI_Comm_free(&comms[i]);
}

static void check_hostile_data(const MPI_Comm *comms)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++) {
        mock data = mock_hostile(kind, 1500, 3);
        if (kind % 2 == 0)
            mock_weigh(&data);
        check_windows(data, 20, BOTH[kind / 2 % 2], "hostile", comms, N_LAYOUTS);
    }
}

/* The last feature has a large scale, and ranks have fewer rows than there are clusters. */
static void check_many_clusters(const MPI_Comm *comms)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_mixture(2500, 10, 8, 4);
        mock_drop_rows(&data);
        mock_weigh(&data);
        for (int64_t i = 0; i < data.n; i++)
            data.values[i * data.d + data.d - 1] *= 1000;
        check_windows(data, 400, BOTH[p], "k > n per rank", comms, 1);
    }
}

START_TEST(windows_on_hostile_data)
{
    with_comms(check_hostile_data);
}
END_TEST

START_TEST(windows_with_many_clusters)
{
    with_comms(check_many_clusters);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {windows_on_hostile_data, windows_with_many_clusters};
    return SUITE_OF("windows", tests);
}
