/* bench_second: what the second nearest centers cost on top of the final labels and distances.
 *
 *     OMP_NUM_THREADS=2 build/bench_second [ROWS FEATURES CLUSTERS]
 *
 * By default shapes like those of bench.py's W1, W4 and W6, and one of 64 features. Rows are
 * float32, half of the clusters' number of clouds and 10 % between them, in no order. Milliseconds
 * of CPU time, which other work on the machine changes less than wall time, medians of 5 rounds in
 * which all take turns: of samples in the order of a fit of 3 iterations,
 * whose method labels them from nothing by the final centers; and of the same samples in the order
 * of the catalogue, as `predict` labels them, in one pass with the second centers. */
#include "cluster/cluster.h"
#include "compare/borders.h"
#include "random_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_ROUNDS = 5, LABELING = 0, MEASURING, SECOND, COUNTING, N_TIMES };

typedef struct bench {
    int64_t n, d, k;
    skymeans_rows rows;
    int32_t *labels, *seconds;
    double *own, *distances;
    double all[N_TIMES][N_ROUNDS];
} bench;

static void *take(int64_t count, size_t size)
{
    void *memory = malloc((size_t)count * size);
    if (memory == NULL)
        exit(EXIT_FAILURE);
    memset(memory, 1, (size_t)count * size); /* so that its pages are there */
    return memory;
}

static void must(int code, const char *text)
{
    if (code == SKYMEANS_OK)
        return;
    fprintf(stderr, "%s\n", text);
    exit(EXIT_FAILURE);
}

static void make_bench(bench *b)
{
    const skymeans_rows defaults = SKYMEANS_ROWS;
    float *values = take(b->n * b->d, sizeof *values);
    for (int64_t i = 0; i < b->n * b->d; i++)
        values[i] = cloud_value(i / b->d, i % b->d, b->d, b->k);
    b->rows = defaults;
    b->rows.n_rows = b->n;
    b->rows.n_features = b->d;
    b->rows.type = SKYMEANS_FLOAT32;
    b->rows.values = values;
    b->labels = take(b->n, sizeof *b->labels);
    b->seconds = take(b->n, sizeof *b->seconds);
    b->own = take(b->n, sizeof *b->own);
    b->distances = take(b->n, sizeof *b->distances);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double lap(double *start)
{
    const double now = cpu_seconds(), seconds = now - *start;
    *start = now;
    return seconds;
}

/* Labels by row, by the method of the fit, which knows nothing of the samples. */
static void label_as_fit(bench *b, const skymeans_answer *answer, skymeans_samples *samples)
{
    const km_plan *plan = &answer->plan;
    km_samples *memory = &samples->memory;
    km_error error = {0};
    km_assigner assigner;
    void *rounded = take(b->k * b->d, sizeof(float));
    km_grid *grids = km_facts_choose_grids(&samples->facts, memory->precision, &error);
    km_round_to_precision(memory->precision, answer->fit.centers, b->k * b->d, rounded);
    km_assigner_create(&assigner, plan->method, plan->kernel, memory, grids, b->k, &error);
    must((int)error.code, error.text);
    plan->method->assign(&assigner, rounded);
    km_labels_by_row(memory, assigner.labels, b->labels);
    km_assigner_free(&assigner, plan->method);
    free(grids);
    free(rounded);
}

/* Labels by row, and the seconds with them if there is room for these. */
static void label_as_predict(bench *b, const skymeans_answer *answer, skymeans_samples *samples,
                             int32_t *seconds)
{
    const km_samples *memory = &samples->memory;
    void *rounded = take(b->k * b->d, sizeof(float));
    int32_t *labels = take(b->n, sizeof *labels);
    km_round_to_precision(memory->precision, answer->fit.centers, b->k * b->d, rounded);
    if (seconds == NULL)
        km_label_samples(memory, answer->plan.kernel, rounded, b->k, labels);
    else if (!km_label_pairs(memory, answer->plan.kernel, rounded, b->k, labels, seconds))
        exit(EXIT_FAILURE);
    km_labels_by_row(memory, labels, b->labels);
    free(labels);
    free(rounded);
}

/* The borders, which are counted where there is a --second. */
static void count_borders(bench *b, const skymeans_answer *answer)
{
    km_error error = {0};
    km_borders borders;
    km_borders_count(&borders, answer->labels, b->seconds, b->own, b->distances, b->n,
                     answer->fit.sizes, MPI_COMM_SELF, &error);
    must((int)error.code, error.text);
    km_borders_free(&borders);
}

static void time_round(bench *b, skymeans_answer *answer, skymeans_samples *samples, int round)
{
    km_error error = {0};
    double start = cpu_seconds(), labeling_twice = 0;
    if (answer->is_fit)
        label_as_fit(b, answer, samples);
    else
        label_as_predict(b, answer, samples, NULL);
    b->all[LABELING][round] = lap(&start);
    if (!answer->is_fit) {
        label_as_predict(b, answer, samples, answer->seconds);
        labeling_twice = lap(&start) - b->all[LABELING][round];
    }
    km_answer_measure(answer, &samples->memory, answer->labels, b->own);
    b->all[MEASURING][round] = lap(&start);
    must((int)km_answer_find_second(answer, &samples->memory, b->own, b->seconds, b->distances,
                                    &error),
         error.text);
    b->all[SECOND][round] = lap(&start) + labeling_twice;
    count_borders(b, answer);
    b->all[COUNTING][round] = lap(&start);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_answer(bench *b, skymeans_answer *answer, skymeans_samples *samples,
                        const char *what)
{
    double ms[N_TIMES];
    for (int r = 0; r < N_ROUNDS; r++)
        time_round(b, answer, samples, r);
    for (int t = 0; t < N_TIMES; t++) {
        qsort(b->all[t], N_ROUNDS, sizeof *b->all[t], compare);
        ms[t] = 1e3 * b->all[t][N_ROUNDS / 2];
    }
    printf(
        "%8lld rows, %2lld features, %4lld clusters, %-10s labels %6.1f, distances %5.1f, second "
        "%6.1f, pairs %5.1f: %3.0f %% on top, %3.0f %% with the pairs\n",
        (long long)b->n, (long long)b->d, (long long)b->k, what, ms[LABELING], ms[MEASURING],
        ms[SECOND], ms[COUNTING], 100 * ms[SECOND] / (ms[LABELING] + ms[MEASURING]),
        100 * (ms[SECOND] + ms[COUNTING]) / (ms[LABELING] + ms[MEASURING]));
}

static void run(int64_t n, int64_t d, int64_t k)
{
    bench b = {.n = n, .d = d, .k = k};
    skymeans_problem problem = SKYMEANS_PROBLEM(k);
    skymeans_samples *samples, *others;
    skymeans_answer *fitted, *predicted;
    skymeans_error error;
    make_bench(&b);
    skymeans_manner manner = SKYMEANS_MANNER;
    manner.second = 1;
    problem.max_iterations = 3;
    must(skymeans_samples_create(&samples, &b.rows, MPI_COMM_SELF, &error), error.text);
    must(skymeans_samples_create(&others, &b.rows, MPI_COMM_SELF, &error), error.text);
    must(skymeans_fit(&fitted, &problem, samples, NULL, NULL, MPI_COMM_SELF, &error), error.text);
    must(skymeans_predict(&predicted, fitted, others, &manner, MPI_COMM_SELF, &error), error.text);
    time_answer(&b, fitted, samples, fitted->plan.method->name);
    time_answer(&b, predicted, others, "predict");
    skymeans_answer_free(fitted);
    skymeans_answer_free(predicted);
    skymeans_samples_free(samples);
    skymeans_samples_free(others);
    free((void *)(uintptr_t)b.rows.values);
    free(b.labels);
    free(b.seconds);
    free(b.own);
    free(b.distances);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    if (argc > 3) {
        run(atoll(argv[1]), atoll(argv[2]), atoll(argv[3]));
    } else {
        run(4000000, 5, 64);
        run(4000000, 3, 1000);
        run(1000000, 8, 4096);
        run(200000, 64, 500);
    }
    MPI_Finalize();
    return EXIT_SUCCESS;
}
