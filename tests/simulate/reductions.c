/* reductions.c - ways to sum 64-bit integers over all ranks, side by side, on real or simulated
 * ones.
 *
 *     mpirun -n 8 build/reductions [ROUNDS [BYTES...]]
 *
 * plain         MPI_Allreduce, as the engine does
 * in order      the same, with the ranks of a node one after another, as the program does
 * by node       the ranks of a node share the sum out (MPI_Reduce_scatter), each adds its share up
 * with its like on other nodes, and the node puts the shares together (MPI_Allgatherv) one of a
 * node MPI_Reduce to one rank of each node, MPI_Allreduce among these, MPI_Bcast scattered
 * MPI_Reduce_scatter over all ranks and MPI_Allgatherv: what there would be if each rank moved its
 * own part of the centers
 *
 * Every sum is compared with the plain one. Prints the median over rounds of the longest rank, in
 * microseconds. Ranks need not be as many on each node; then only what can be is done by node. */
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ranks {
    MPI_Comm all, node, across; /* across: those with the same number on their nodes */
    MPI_Comm ordered;           /* all, those of a node one after another */
    int rank, n_ranks, on_node, n_on_node;
    bool is_even; /* all nodes have as many ranks */
} ranks;

typedef void way(const ranks *r, int64_t *values, int count, int *counts, int64_t *part);

/* Shares of `count` values for n ranks, and where each begins: counts is [2][n]. */
static void share_out(int count, int n, int *counts)
{
    for (int i = 0; i < n; i++) {
        counts[n + i] = (int)((int64_t)count * i / n);
        counts[i] = (int)((int64_t)count * (i + 1) / n) - counts[n + i];
    }
}

static void sum_plainly(const ranks *r, int64_t *values, int count, int *counts, int64_t *part)
{
    (void)counts;
    (void)part;
    MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_SUM, r->all);
}

static void sum_in_order(const ranks *r, int64_t *values, int count, int *counts, int64_t *part)
{
    (void)counts;
    (void)part;
    MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_SUM, r->ordered);
}

static void sum_by_node(const ranks *r, int64_t *values, int count, int *counts, int64_t *part)
{
    share_out(count, r->n_on_node, counts);
    const int mine = counts[r->on_node];
    MPI_Reduce_scatter(values, part, counts, MPI_INT64_T, MPI_SUM, r->node);
    MPI_Allreduce(MPI_IN_PLACE, part, mine, MPI_INT64_T, MPI_SUM, r->across);
    MPI_Allgatherv(part, mine, MPI_INT64_T, values, counts, counts + r->n_on_node, MPI_INT64_T,
                   r->node);
}

static void sum_by_leaders(const ranks *r, int64_t *values, int count, int *counts, int64_t *part)
{
    (void)counts;
    const bool is_leader = r->on_node == 0;
    MPI_Reduce(values, part, count, MPI_INT64_T, MPI_SUM, 0, r->node);
    if (is_leader) {
        MPI_Allreduce(MPI_IN_PLACE, part, count, MPI_INT64_T, MPI_SUM, r->across);
        memcpy(values, part, (size_t)count * sizeof *values);
    }
    MPI_Bcast(values, count, MPI_INT64_T, 0, r->node);
}

static void sum_scattered(const ranks *r, int64_t *values, int count, int *counts, int64_t *part)
{
    share_out(count, r->n_ranks, counts);
    MPI_Reduce_scatter(values, part, counts, MPI_INT64_T, MPI_SUM, r->all);
    MPI_Allgatherv(part, counts[r->rank], MPI_INT64_T, values, counts, counts + r->n_ranks,
                   MPI_INT64_T, r->all);
}

static const struct {
    const char *name;
    way *sum;
    bool needs_even;
} ways[] = {{"plain", sum_plainly, false},
            {"in order", sum_in_order, false},
            {"by node", sum_by_node, true},
            {"one of a node", sum_by_leaders, false},
            {"scattered", sum_scattered, false}};
enum { N_WAYS = sizeof ways / sizeof *ways };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *must_have(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "reductions: out of memory\n");
        exit(EXIT_FAILURE);
    }
    return memory;
}

static void fill(const ranks *r, int64_t *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = (int64_t)((uint64_t)(i + 1) * 0x9e3779b97f4a7c15u * (uint64_t)(r->rank + 1));
}

/* Seconds of the median round; negative if a sum was wrong. */
static double measure(const ranks *r, way *sum, int count, int n_rounds, const int64_t *right)
{
    int64_t *values = must_have(malloc(2 * (size_t)(count + 1) * sizeof *values));
    int *counts = must_have(malloc(2 * (size_t)r->n_ranks * sizeof *counts));
    double *seconds = must_have(malloc((size_t)n_rounds * sizeof *seconds)), median;
    int is_wrong = 0;
    for (int i = 0; i < n_rounds; i++) {
        fill(r, values, count);
        MPI_Barrier(r->all);
        const double start = MPI_Wtime();
        sum(r, values, count, counts, values + count);
        seconds[i] = MPI_Wtime() - start;
        is_wrong |= memcmp(values, right, (size_t)count * sizeof *values) != 0;
    }
    MPI_Allreduce(MPI_IN_PLACE, seconds, n_rounds, MPI_DOUBLE, MPI_MAX, r->all);
    MPI_Allreduce(MPI_IN_PLACE, &is_wrong, 1, MPI_INT, MPI_MAX, r->all);
    qsort(seconds, (size_t)n_rounds, sizeof *seconds, compare);
    median = seconds[n_rounds / 2];
    free(seconds);
    free(counts);
    free(values);
    return is_wrong ? -1 : median;
}

/* One line; true if a sum was wrong. */
static bool measure_ways(const ranks *r, int64_t bytes, int n_rounds)
{
    const int count = (int)(bytes / (int64_t)sizeof(int64_t));
    int64_t *right = must_have(malloc((size_t)(count + 1) * sizeof *right));
    bool is_wrong = false;
    const uint64_t multiple = (uint64_t)r->n_ranks * ((uint64_t)r->n_ranks + 1) / 2;
    for (int i = 0; i < count; i++) /* rank r has r + 1 times what rank 0 has */
        right[i] = (int64_t)((uint64_t)(i + 1) * 0x9e3779b97f4a7c15u * multiple);
    if (r->rank == 0)
        printf("%d ranks, %lld bytes:", r->n_ranks, (long long)bytes);
    for (int w = 0; w < N_WAYS; w++) {
        if (ways[w].needs_even && !r->is_even)
            continue;
        const double seconds = measure(r, ways[w].sum, count, n_rounds, right);
        is_wrong |= seconds < 0;
        if (r->rank == 0)
            printf(" %s %.1f%s", ways[w].name, 1e6 * seconds, w + 1 < N_WAYS ? "," : "\n");
    }
    free(right);
    return is_wrong;
}

static ranks find_ranks(void)
{
    ranks r = {.all = MPI_COMM_WORLD};
    MPI_Comm_rank(r.all, &r.rank);
    MPI_Comm_size(r.all, &r.n_ranks);
    MPI_Comm_split_type(r.all, MPI_COMM_TYPE_SHARED, r.rank, MPI_INFO_NULL, &r.node);
    MPI_Comm_rank(r.node, &r.on_node);
    MPI_Comm_size(r.node, &r.n_on_node);
    MPI_Comm_split(r.all, r.on_node, r.rank, &r.across);
    int lowest = r.rank;
    MPI_Bcast(&lowest, 1, MPI_INT, 0, r.node);
    MPI_Comm_split(r.all, 0, lowest, &r.ordered);
    int most = r.n_on_node, fewest = r.n_on_node;
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_INT, MPI_MAX, r.all);
    MPI_Allreduce(MPI_IN_PLACE, &fewest, 1, MPI_INT, MPI_MIN, r.all);
    r.is_even = most == fewest;
    return r;
}

int main(int argc, char **argv)
{
    const int64_t usual[] = {3632, 80048, 327728, 655408, 2080048};
    const int n_usual = sizeof usual / sizeof *usual, n_given = argc - 2;
    int is_wrong = 0;
    MPI_Init(&argc, &argv);
    ranks r = find_ranks();
    for (int i = 0; i < (n_given > 0 ? n_given : n_usual); i++)
        is_wrong |= measure_ways(&r, n_given > 0 ? atoll(argv[i + 2]) : usual[i],
                                 argc > 1 ? atoi(argv[1]) : 5);
    MPI_Comm_free(&r.ordered);
    MPI_Comm_free(&r.across);
    MPI_Comm_free(&r.node);
    if (is_wrong && r.rank == 0)
        fprintf(stderr, "reductions: a sum was wrong\n");
    MPI_Finalize();
    return is_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
