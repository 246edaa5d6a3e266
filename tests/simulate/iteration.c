/* iteration.c - the engine on many ranks, real ones or, built with SimGrid's smpicc, simulated
 * ones.
 *
 *     mpirun -n 2 build/iteration -n 500000 -d 8 -k 4096 -i 20
 *     smpirun -np 1024 ... build/simulate/iteration -n 8192 -d 8 -k 4096 -i 20 -c costs -v 0.05
 *
 * -n rows of all ranks, -d features, -k clusters, -i iterations, -a algorithm; -r prints a line for
 * each iteration. On simulated ranks computing takes no time by itself, so each iteration is
 * charged what the file -c says, one number of seconds a line, the last for all that follow; a rank
 * always takes the same multiple of it, of mean 1 and standard deviation -v. Real ranks say how
 * unevenly they worked.
 *
 * The rows are clouds, half as many as clusters, and 10 % of uniform background; the first centers
 * are rows. Rank 0 prints what an iteration took from the end of the one before it, the first one
 * left out, as wall (or simulated) time. The checksum is that of the answer. */
#include "random_values.h"
#include "skymeans.h"

#include <math.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COSTS = 1000 };

typedef struct run {
    int64_t n, d, k, iterations;
    const char *algorithm;
    double costs[MAX_COSTS]; /* seconds to be charged */
    int n_costs;
    double variation;
    bool is_listed;
    int rank, n_ranks;
    double share;                /* this rank's multiple of the costs */
    double first, last, charged; /* ends of iterations; seconds */
    double busy;                 /* seconds of all iterations but the first */
} run;

/* ---- rows ------------------------------------------------------------------------------------ */

/* Clouds are a quarter as wide as they are apart, about. */
static float value_of(const run *r, int64_t row, int64_t feature)
{
    const uint64_t n_clouds = (uint64_t)(r->k / 2 > 0 ? r->k / 2 : 1);
    const uint64_t number = (uint64_t)(row * r->d + feature),
                   cloud = km_mix((uint64_t)row) % n_clouds;
    const double width = 1.4 * pow((double)n_clouds, -1 / (double)r->d) * (0.5 + unit(~cloud));
    if (unit((uint64_t)row << 20) < 0.1)
        return (float)(12 * unit(number << 8) - 1);
    return (float)(10 * unit((cloud * (uint64_t)r->d + (uint64_t)feature) << 40) +
                   width * about_normal(number));
}

static void *must_have(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "iteration: out of memory\n");
        exit(EXIT_FAILURE);
    }
    return memory;
}

static double *first_centers(const run *r)
{
    double *centers = must_have(malloc((size_t)(r->k * r->d) * sizeof *centers));
    for (int64_t i = 0; i < r->k * r->d; i++)
        centers[i] = (double)value_of(r, i / r->d * (r->n / r->k), i % r->d);
    return centers;
}

static float *rows_of_rank(const run *r, skymeans_rows *rows)
{
    const int64_t first = r->n * r->rank / r->n_ranks, end = r->n * (r->rank + 1) / r->n_ranks;
    float *values = must_have(malloc((size_t)((end - first) * r->d + 1) * sizeof *values));
    for (int64_t i = 0; i < (end - first) * r->d; i++)
        values[i] = value_of(r, first + i / r->d, i % r->d);
    rows->n_rows = end - first;
    rows->n_features = r->d;
    rows->type = SKYMEANS_FLOAT32;
    rows->values = values;
    return values;
}

/* ---- time ------------------------------------------------------------------------------------ */

#ifdef SIMULATED
static void compute(double seconds)
{
    smpi_execute(seconds);
}

static double busy_seconds(void)
{
    return 0; /* of a real rank only */
}
#else
static void compute(double seconds)
{
    (void)seconds;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int __real_MPI_Allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op,
                         MPI_Comm comm);
int __wrap_MPI_Allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op,
                         MPI_Comm comm);

static double in_reductions; /* CPU seconds: a rank that waits keeps its processor busy */

int __wrap_MPI_Allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op,
                         MPI_Comm comm)
{
    const double start = cpu_seconds();
    const int code = __real_MPI_Allreduce(mine, all, count, type, op, comm);
    in_reductions += cpu_seconds() - start;
    return code;
}

/* CPU seconds outside of reductions, so that more ranks than processors do not matter. */
static double busy_seconds(void)
{
    return cpu_seconds() - in_reductions;
}
#endif

/* Called on every rank at the end of each iteration. What is charged here counts for the next one,
 * so that computing comes before its reduction. */
static void at_event(void *context, const skymeans_event *event)
{
    run *r = context;
    if (event->kind != SKYMEANS_ITERATED)
        return;
    const double now = MPI_Wtime();
    const skymeans_iteration *done = event->iteration;
    if (done->number == 1) {
        r->first = now;
        r->busy = -busy_seconds();
    }
    if (r->is_listed && r->rank == 0)
        printf("%lld %.9f %lld %lld\n", (long long)done->number, done->seconds,
               (long long)done->distances, (long long)done->relabeled);
    r->last = now;
    if (done->number == r->iterations)
        r->busy += busy_seconds();
    if (r->n_costs > 0 && done->number < r->iterations) {
        const int64_t next = done->number < r->n_costs ? done->number : r->n_costs - 1;
        r->charged += r->costs[next];
        compute(r->costs[next] * r->share);
    }
}

/* How unevenly real ranks work: the standard deviation of their busy seconds, and the most, as
 * parts of the mean. Collective. */
static void print_busy(const run *r)
{
    double sums[2] = {r->busy, r->busy * r->busy}, most = r->busy;
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    const double mean = sums[0] / r->n_ranks, square = sums[1] / r->n_ranks;
    if (r->rank == 0 && mean > 0)
        printf("busy: deviation %.4f, most %.4f\n", sqrt(fmax(0, square / (mean * mean) - 1)),
               most / mean);
}

/* ---- the fit --------------------------------------------------------------------------------- */

static int fit(run *r)
{
    skymeans_problem problem = SKYMEANS_PROBLEM(r->k);
    skymeans_manner manner = SKYMEANS_MANNER;
    skymeans_control control = SKYMEANS_CONTROL;
    skymeans_rows rows = SKYMEANS_ROWS;
    skymeans_summary summary = SKYMEANS_SUMMARY;
    skymeans_samples *samples = NULL;
    skymeans_answer *answer = NULL;
    skymeans_error error;
    double *centers = first_centers(r);
    float *values = rows_of_rank(r, &rows);
    problem.first_centers = centers;
    problem.tolerance = 0;
    problem.max_iterations = r->iterations;
    manner.threads = 1;
    manner.algorithm = r->algorithm;
    control.context = r;
    control.observe = at_event;
    int code = skymeans_samples_create(&samples, &rows, MPI_COMM_WORLD, &error);
    free(values);
    if (code == SKYMEANS_OK)
        code = skymeans_fit(&answer, &problem, samples, &manner, &control, MPI_COMM_WORLD, &error);
    if (code == SKYMEANS_OK) {
        skymeans_summarize(answer, &summary);
        const double n = (double)(summary.n_iterations - 1);
        if (r->rank == 0)
            printf("ranks %d rows %lld iterations %lld seconds %.9f charged %.9f checksum "
                   "%016llx\n",
                   r->n_ranks, (long long)r->n, (long long)summary.n_iterations,
                   n > 0 ? (r->last - r->first) / n : 0, n > 0 ? r->charged / n : 0,
                   (unsigned long long)summary.checksum);
    } else if (r->rank == 0) {
        fprintf(stderr, "iteration: %s\n", error.text);
    }
    skymeans_answer_free(answer);
    skymeans_samples_free(samples);
    free(centers);
    if (code == SKYMEANS_OK && r->n_ranks > 1)
        print_busy(r);
    return code;
}

static bool read_costs(run *r, const char *path)
{
    FILE *file = fopen(path, "r");
    while (file != NULL && r->n_costs < MAX_COSTS &&
           fscanf(file, "%lf", &r->costs[r->n_costs]) == 1)
        r->n_costs++;
    if (file != NULL)
        fclose(file);
    return r->n_costs > 0;
}

static bool read_options(run *r, int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "n:d:k:i:a:c:v:r")) != -1;)
        switch (option) {
        case 'n':
            r->n = atoll(optarg);
            break;
        case 'd':
            r->d = atoll(optarg);
            break;
        case 'k':
            r->k = atoll(optarg);
            break;
        case 'i':
            r->iterations = atoll(optarg);
            break;
        case 'a':
            r->algorithm = optarg;
            break;
        case 'v':
            r->variation = atof(optarg);
            break;
        case 'r':
            r->is_listed = true;
            break;
        case 'c':
            if (read_costs(r, optarg))
                break;
            fprintf(stderr, "iteration: no seconds in %s\n", optarg);
            return false;
        default:
            return false;
        }
    return r->k > 0 && r->d > 0 && r->n >= r->k && optind == argc;
}

int main(int argc, char **argv)
{
    run r = {.n = 65536, .d = 8, .k = 64, .iterations = 20, .algorithm = "auto"};
    int code = EXIT_FAILURE;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &r.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &r.n_ranks);
    if (read_options(&r, argc, argv)) {
        r.share = fmax(0, 1 + r.variation * about_normal((uint64_t)r.rank + ((uint64_t)1 << 32)));
        code = fit(&r);
    } else if (r.rank == 0) {
        fprintf(stderr,
                "iteration: see the first lines of tests/simulate/iteration.c for options\n");
    }
    MPI_Finalize();
    return code;
}
