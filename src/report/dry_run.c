/* --dry-run: what a run would do, as far as the headers of the catalogue tell. */
#include "base/partition.h"
#include "base/precision.h"
#include "base/text.h"
#include "planning.h"
#include "process/heap.h"
#include "report/report.h"

#include <stdio.h>

static double megabytes(double bytes)
{
    return 1e-6 * bytes;
}

/* The first column whose filters this HDF5 lacks, so that it can't be read. */
static void print_missing_filter(const km_catalogue *catalogue)
{
    char text[sizeof catalogue->columns[0].filters], name[KM_NAME_SIZE];
    for (int64_t c = 0; c < catalogue->n_columns; c++) {
        const km_column *column = &catalogue->columns[c];
        if (!column->lacks_filter)
            continue;
        printf("  filters     %s: %s; its plugin must lie in a folder that\n"
               "              HDF5_PLUGIN_PATH names, or store the file anew with h5repack\n",
               km_printable(column->name, name, sizeof name),
               km_printable(column->filters, text, sizeof text));
        return;
    }
}

static void print_inputs(const km_dry_run *run)
{
    const km_catalogue *catalogue = run->catalogue;
    char path[KM_PATH_SIZE], table[KM_DATASET_SIZE];
    int64_t bytes = 0;
    for (int64_t f = 0; f < catalogue->n_files; f++)
        bytes += km_begins_file(catalogue, f) ? catalogue->files[f].bytes : 0;
    printf("\nskymeans: dry run, nothing is written\n\n");
    printf("  catalogue   %s, %s: %lld rows, %.1f MB\n",
           km_printable(catalogue->path, path, sizeof path),
           km_printable(catalogue->table, table, sizeof table), (long long)catalogue->n_rows,
           megabytes((double)bytes));
    printf("  features    %lld:", (long long)catalogue->n_features);
    for (int64_t j = 0; j < catalogue->n_features && j < 12; j++)
        printf(" %s", km_printable(catalogue->names[j], table, sizeof table));
    puts(catalogue->n_features > 12 ? " ..." : "");
    print_missing_filter(catalogue);
    printf("  clusters    %lld\n", (long long)run->plan->shape.n_clusters);
}

static void print_plan(const km_dry_run *run)
{
    const km_plan *plan = run->plan;
    const int n_ranks = plan->shape.n_ranks;
    const km_rows first = km_slab(run->catalogue->n_rows, n_ranks, 0);
    const km_rows last = km_slab(run->catalogue->n_rows, n_ranks, n_ranks - 1);
    char min_rows[32] = ""; /* the last ranks have the smallest slabs */
    if (n_ranks > 1)
        snprintf(min_rows, sizeof min_rows, "%lld to ", (long long)last.count);
    printf("  run         %d rank%s of %s%lld rows, %d thread%s per rank\n", n_ranks,
           km_plural(n_ranks), min_rows, (long long)first.count, plan->shape.n_threads,
           km_plural(plan->shape.n_threads));
    printf("  method      %s, %s kernel, %s\n",
           plan->method != NULL ? plan->method->name : "nearest center", plan->kernel->name,
           km_precision_name(plan->shape.precision));
    if (run->is_fit)
        printf("  seeding     %s, random seed %llu\n", run->seeding,
               (unsigned long long)run->problem->random_seed);
    if (run->is_fit)
        printf("  samples     %s\n", km_plan_order_text(plan));
}

/* Memory of --verify, which reads rows again, and then computes labels and sums again. */
static double verifying_bytes(const km_dry_run *run)
{
    return run->is_verified ? km_larger((double)km_catalogue_again_bytes(run->catalogue),
                                        km_answer_verify_bytes(&run->plan->shape))
                            : 0;
}

/* Memory of --describe, whose columns are read once the fit is done. */
static double describing_bytes(const km_dry_run *run)
{
    const km_catalogue *described = run->described;
    const int64_t n = run->plan->shape.n_samples;
    km_shape shape = run->plan->shape;
    if (described->n_features == 0)
        return 0;
    shape.n_features = described->n_features;
    shape.precision = described->precision;
    return km_samples_bytes(&shape, (double)n, false) +
           km_larger((double)km_catalogue_buffer_bytes(described, n, shape.n_threads),
                     km_templates_bytes(n, shape.n_clusters, shape.n_features));
}

/* Returns the memory of a rank. */
static double print_memory(const km_dry_run *run)
{
    enum { CONNECTIONS = 2 << 20 }; /* of MPI to the other ranks, as measured with Open MPI 4.1 */
    const km_shape *shape = &run->plan->shape;
    const km_memory *memory = &run->plan->memory;
    const double program = (double)km_memory_now() + (shape->n_ranks > 1 ? CONNECTIONS : 0);
    const double reading =
        (double)km_catalogue_buffer_bytes(run->catalogue, shape->n_samples, shape->n_threads);
    const double samples = memory->samples + km_ids_bytes(run->catalogue, shape->n_samples);
    const double answer =
        memory->answer - km_labels_bytes(shape); /* when written, labels are by row only */
    const double described = km_templates_kept_bytes(shape->n_clusters, run->described->n_features);
    const double writing =
        km_larger(km_larger(memory->answer, answer + describing_bytes(run)),
                  answer + described + km_result_bytes(run->catalogue, shape, run->outputs) +
                      verifying_bytes(run));
    const double maximum =
        km_larger(km_larger(reading, memory->ordering),
                  km_larger(memory->seeding, km_larger(memory->fitting, writing)));
    printf("  memory      %.1f MB per rank: program and libraries %.1f, samples %.1f, and the most "
           "of\n"
           "              reading %.1f, ordering %.1f, seeding %.1f, fitting %.1f, writing %.1f\n",
           megabytes(program + samples + maximum), megabytes(program), megabytes(samples),
           megabytes(reading), megabytes(memory->ordering), megabytes(memory->seeding),
           megabytes(memory->fitting), megabytes(writing));
    return program + samples + maximum;
}

void km_dry_run_print(const km_dry_run *run)
{
    print_inputs(run);
    print_plan(run);
    km_planning_print(run, print_memory(run));
}
