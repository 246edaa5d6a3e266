/* bench_engine: what it costs that a program hands its rows over and takes labels back, against a
 * fit of one iteration.
 *
 *     mpirun -n 2 build/bench_engine [ROWS [FEATURES [CLUSTERS]]]
 *
 * By default the shape of bench.py's W1: 4,000,000 rows of 5 floats, 64 clusters. Rows lie one
 * after the other, half of the clusters' number of clouds and 10 % between them, in no order. Each
 * of 9 rounds makes samples, fits from given first centers, and takes the labels: as the engine
 * does, from the order of samples to that of rows, and as a caller does who copies them. Medians of
 * wall time, the longest of all ranks; one thread a rank. */
#include "base/hash.h"
#include "base/memory.h"
#include "base/timers.h"
#include "cluster/cluster.h"
#include "random_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROUNDS = 9, N_TIMES = 4 };

typedef struct bench {
    int64_t n, d, k; /* rows of all ranks */
    skymeans_rows rows;
    double *first;
    int32_t *labels, *copy;
} bench;

static void make_rows(bench *b, MPI_Comm comm)
{
    const skymeans_rows defaults = SKYMEANS_ROWS;
    const km_rows slab = km_slab(b->n, km_comm_size(comm), km_comm_rank(comm));
    float *values = malloc((size_t)(slab.count * b->d) * sizeof *values);
    b->rows = defaults;
    b->rows.n_rows = slab.count;
    b->rows.n_features = b->d;
    b->rows.type = SKYMEANS_FLOAT32;
    b->rows.values = values;
    for (int64_t i = 0; i < slab.count * b->d; i++)
        values[i] = cloud_value(slab.first + i / b->d, i % b->d, b->d, b->k);
    b->first = malloc((size_t)(b->k * b->d) * sizeof *b->first);
    for (int64_t i = 0; i < b->k * b->d; i++)
        b->first[i] = (double)cloud_value(i / b->d * 977, i % b->d, b->d, b->k);
    km_error error = {0}; /* in pages as the engine has them */
    b->labels = km_allocate_zeroed(slab.count, sizeof *b->labels, "labels", &error);
    b->copy = km_allocate_zeroed(slab.count, sizeof *b->copy, "labels", &error);
    if (km_agree(comm, &error) != KM_OK)
        exit(EXIT_FAILURE);
}

static double lap(double *start, MPI_Comm comm)
{
    const double now = km_now();
    double seconds = now - *start;
    km_max_double(comm, &seconds, 1);
    *start = km_now();
    return seconds;
}

static void must(int code, const skymeans_error *error)
{
    if (code == SKYMEANS_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(EXIT_FAILURE);
}

static void run(bench *b, MPI_Comm comm, double times[N_TIMES])
{
    skymeans_problem problem = SKYMEANS_PROBLEM(b->k);
    skymeans_manner manner = SKYMEANS_MANNER;
    skymeans_samples *samples;
    skymeans_answer *answer;
    skymeans_error error;
    problem.first_centers = b->first;
    problem.max_iterations = 1;
    manner.threads = 1;
    double start = km_now();
    lap(&start, comm);
    must(skymeans_samples_create(&samples, &b->rows, comm, &error), &error);
    times[0] = lap(&start, comm);
    must(skymeans_fit(&answer, &problem, samples, &manner, NULL, comm, &error), &error);
    times[1] = lap(&start, comm);
    km_labels_by_row(&samples->memory, b->copy, b->labels);
    times[2] = lap(&start, comm);
    memcpy(b->copy, skymeans_labels(answer), (size_t)b->rows.n_rows * sizeof *b->copy);
    times[3] = lap(&start, comm);
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    bench b = {.n = argc > 1 ? atoll(argv[1]) : 4000000,
               .d = argc > 2 ? atoll(argv[2]) : 5,
               .k = argc > 3 ? atoll(argv[3]) : 64};
    double all[N_TIMES][N_ROUNDS], times[N_TIMES];
    make_rows(&b, MPI_COMM_WORLD);
    for (int r = 0; r < N_ROUNDS; r++) {
        run(&b, MPI_COMM_WORLD, times);
        for (int t = 0; t < N_TIMES; t++)
            all[t][r] = times[t];
    }
    for (int t = 0; t < N_TIMES; t++)
        qsort(all[t], N_ROUNDS, sizeof *all[t], compare);
    const double *in = all[0], *fit = all[1], *out = all[2], *copy = all[3];
    const int m = N_ROUNDS / 2;
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        printf("%d ranks: rows in %.1f ms, fit %.1f ms, labels out %.1f ms, and copied %.1f ms: "
               "in and out are %.1f %% of the fit\n",
               km_comm_size(MPI_COMM_WORLD), 1e3 * in[m], 1e3 * fit[m], 1e3 * out[m], 1e3 * copy[m],
               100 * (in[m] + out[m] + copy[m]) / fit[m]);
    MPI_Finalize();
    return EXIT_SUCCESS;
}
