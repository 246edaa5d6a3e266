/* --dry-run: bytes to read, times by the figures of a machine, whether there are too many ranks,
 * and what a Slurm job would ask for. */
#include "planning.h"
#include "base/text.h"
#include "process/status.h"

#include <math.h>
#include <stdio.h>

static double bytes_to_read(const km_catalogue *catalogue)
{
    double of_row = km_catalogue_has_long_ids(catalogue) ? (double)catalogue->ids_size : 0;
    for (int64_t c = 0; c < catalogue->n_columns; c++)
        of_row += (double)catalogue->columns[c].value_bytes;
    return of_row * (double)catalogue->n_rows;
}

/* All fits, with those of resampled rows. */
static int64_t count_fits(const skymeans_problem *problem)
{
    return km_problem_fits(problem) + problem->bootstrap * problem->n_several;
}

/* Of all fits, each number of clusters by itself; resampled rows count as all. */
static double seconds_of_iterations(const km_dry_run *run)
{
    const skymeans_problem *problem = run->problem;
    const int64_t n_numbers = problem->n_several > 0 ? problem->n_several : 1;
    km_plan plan = *run->plan;
    double iterations = 0;
    for (int64_t i = 0; i < n_numbers; i++) {
        if (problem->n_several > 0)
            plan.shape.n_clusters = problem->several[i];
        const km_forecast f = km_forecast_make(run->machine, &plan, 0);
        iterations += f.assigning + fmax(f.summing, 0);
    }
    return iterations * (double)(problem->max_iterations + 1) *
           (double)(problem->restarts + problem->bootstrap);
}

/* Where the figures are from, and what they mean. */
static void print_sources(const km_dry_run *run, const km_forecast *f)
{
    char path[KM_PATH_SIZE];
    printf("              by ");
    for (int64_t i = 0; i < run->n_machine_files; i++)
        printf("%s%s", i > 0 ? ", " : "", km_printable(run->machine_files[i], path, sizeof path));
    if (f->compares_all)
        puts(": every sample is compared with every center, as\n              lloyd does; others "
             "skip many, how many depends on the data (docs/clusters.md)");
    else
        printf(": a sample takes as long as in that run, by %s\n", run->machine->algorithm);
}

static void print_time(const km_dry_run *run, const km_forecast *f)
{
    const skymeans_problem *problem = run->problem;
    const int64_t n_fits = count_fits(problem);
    char iterations[32], reading[32], clusters[48] = "";
    if (problem->n_several > 0)
        snprintf(clusters, sizeof clusters, " with %lld clusters",
                 (long long)run->plan->shape.n_clusters);
    printf("  time        %.4g s per iteration%s: assigning %.4g, ",
           f->assigning + fmax(f->summing, 0), clusters, f->assigning);
    if (f->summing < 0)
        puts("summing over ranks not known (one rank measured)");
    else
        printf("summing over ranks %.4g\n", f->summing);
    print_sources(run, f);
    printf("              at most %s for %lld iteration%s",
           km_duration(seconds_of_iterations(run), iterations, sizeof iterations),
           (long long)problem->max_iterations, km_plural(problem->max_iterations));
    if (n_fits > 1)
        printf(" of %lld fits", (long long)n_fits);
    if (f->reading >= 0)
        printf(", %s to read", km_duration(f->reading, reading, sizeof reading));
    puts(";\n              without seeding, ordering and writing");
}

/* With a block of samples or less per thread, more ranks can't help. */
static void print_ranks(const km_dry_run *run, const km_forecast *f)
{
    const km_shape *shape = &run->plan->shape;
    const int64_t n_threads = (int64_t)shape->n_ranks * shape->n_threads;
    const int64_t n_blocks = (shape->n_rows + KM_BLOCK - 1) / KM_BLOCK;
    if (n_threads > n_blocks)
        printf("  ranks       too many: %lld thread%s for %lld block%s of %d rows, so some have "
               "none\n",
               (long long)n_threads, km_plural(n_threads), (long long)n_blocks, km_plural(n_blocks),
               KM_BLOCK);
    if (n_threads > n_blocks || f == NULL || f->summing < 0)
        return;
    printf("  ranks       %s%.1f %% of an iteration is assigning",
           f->enough_ranks < shape->n_ranks ? "too many: " : "", 100 * f->efficiency);
    if (1 < f->enough_ranks && f->enough_ranks < shape->n_ranks)
        printf("; with %lld it would be 80 %%", (long long)f->enough_ranks);
    putchar('\n');
}

/* Memory and time with a margin. */
static void print_slurm(const km_dry_run *run, const km_forecast *f, double memory)
{
    const km_shape *shape = &run->plan->shape;
    const double megabytes = ceil(1.1 * memory / shape->n_threads / (1 << 20)) + 10;
    printf("  slurm       #SBATCH --ntasks=%d\n              #SBATCH --cpus-per-task=%d\n"
           "              #SBATCH --mem-per-cpu=%.0fM\n",
           shape->n_ranks, shape->n_threads, megabytes);
    if (f == NULL)
        return;
    const double seconds = seconds_of_iterations(run) + fmax(f->reading, 0);
    const double minutes = ceil(2 * seconds / 60) + 5;
    printf("              #SBATCH --time=%02.0f:%02.0f:00\n", floor(minutes / 60),
           fmod(minutes, 60));
}

void km_planning_print(const km_dry_run *run, double memory)
{
    const double bytes = bytes_to_read(run->catalogue);
    printf("  reading     %.1f MB of values, %.1f MB per rank\n", 1e-6 * bytes,
           1e-6 * bytes / run->plan->shape.n_ranks);
    km_forecast forecast;
    const bool is_foretold = run->is_fit && run->machine != NULL;
    if (is_foretold) {
        forecast = km_forecast_make(run->machine, run->plan, bytes);
        print_time(run, &forecast);
    } else if (run->is_fit) {
        puts("  time        not foretold without figures of a machine: --machine FILE");
    }
    print_ranks(run, is_foretold ? &forecast : NULL);
    print_slurm(run, is_foretold ? &forecast : NULL, memory);
}
