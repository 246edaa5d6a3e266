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

/* Memory is that of all methods that may have their turn. */
static void print_method(const km_plan *plan)
{
    char turns[64] = "";
    if (plan->early != NULL)
        snprintf(turns, sizeof turns, " (perhaps after %s)", plan->early->name);
    if (plan->late != NULL)
        snprintf(turns, sizeof turns, " (and perhaps %s later)", plan->late->name);
    printf("  method      %s%s, %s kernel, %s\n",
           plan->method != NULL ? plan->method->name : "nearest center", turns, plan->kernel->name,
           km_precision_name(plan->shape.precision));
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
    print_method(plan);
    if (run->is_fit)
        printf("  seeding     %s, random seed %llu\n", run->seeding,
               (unsigned long long)run->problem->random_seed);
    if (run->is_fit)
        printf("  samples     %s\n", km_plan_order_text(plan, NULL));
}

/* Memory of --verify, which reads rows again, and then computes labels and sums again. */
static double verifying_bytes(const km_dry_run *run, const km_shape *shape)
{
    return run->is_verified ? km_larger((double)km_catalogue_again_bytes(run->catalogue),
                                        km_answer_verify_bytes(shape))
                            : 0;
}

/* Memory of --describe, whose columns are read once the fit is done. */
static double describing_bytes(const km_dry_run *run, km_shape shape)
{
    const km_catalogue *described = run->described;
    const int64_t n = shape.n_samples;
    if (described->n_features == 0)
        return 0;
    shape.n_features = described->n_features;
    shape.precision = described->precision;
    const int64_t n_sorted = (int64_t)km_large_bytes(&shape, (double)n);
    return km_samples_bytes(&shape, (double)n, false) +
           km_larger(
               (double)km_catalogue_buffer_bytes(described, n, shape.n_threads),
               km_templates_bytes(n_sorted, shape.has_weights, shape.n_clusters, shape.n_features));
}

/* What a rank takes by a plan. */
typedef struct needs {
    double program, samples, reading, ordering, seeding, fitting, writing;
} needs;

/* The program, the samples, and the maximum of the others. */
static double sum_of_needs(const needs *n)
{
    return n->program + n->samples +
           km_larger(km_larger(n->reading, n->ordering),
                     km_larger(n->seeding, km_larger(n->fitting, n->writing)));
}

static needs find_needs(const km_dry_run *run, const km_plan *plan)
{
    enum { CONNECTIONS = 2 << 20 }; /* of MPI to the other ranks, as measured with Open MPI 4.1 */
    const km_shape *shape = &plan->shape;
    const km_memory *memory = &plan->memory;
    const double answer =
        memory->answer - km_labels_bytes(shape); /* when written, labels are by row only */
    const double described = km_templates_kept_bytes(shape->n_clusters, run->described->n_features);
    return (needs){.program = (double)km_memory_now() + (shape->n_ranks > 1 ? CONNECTIONS : 0),
                   .samples = memory->samples + km_ids_bytes(run->catalogue, shape),
                   .reading = (double)km_catalogue_buffer_bytes(run->catalogue, shape->n_samples,
                                                                shape->n_threads),
                   .ordering = memory->ordering,
                   .seeding = memory->seeding,
                   .fitting = memory->fitting,
                   .writing = km_larger(
                       km_larger(memory->answer, answer + describing_bytes(run, *shape)),
                       answer + described + km_result_bytes(run->catalogue, shape, run->outputs) +
                           verifying_bytes(run, shape))};
}

/* What of these needs is on the disk. */
static needs find_needs_of_disk(const km_dry_run *run)
{
    const needs all = find_needs(run, &run->plans->with_disk);
    const needs beside = find_needs(run, &run->plans->beside_disk);
    return (needs){.samples = all.samples - beside.samples,
                   .ordering = all.ordering - beside.ordering,
                   .seeding = all.seeding - beside.seeding,
                   .fitting = all.fitting - beside.fitting,
                   .writing = all.writing - beside.writing};
}

static void print_steps(const needs *n)
{
    printf("reading %.1f, ordering %.1f, seeding %.1f, fitting %.1f, writing %.1f\n",
           megabytes(n->reading), megabytes(n->ordering), megabytes(n->seeding),
           megabytes(n->fitting), megabytes(n->writing));
}

/* Returns the memory of a rank. */
static double print_memory(const km_dry_run *run)
{
    const needs n = find_needs(run, run->plan);
    printf("  memory      %.1f MB per rank: program and libraries %.1f, samples %.1f, and the most "
           "of\n              ",
           megabytes(sum_of_needs(&n)), megabytes(n.program), megabytes(n.samples));
    print_steps(&n);
    return sum_of_needs(&n);
}

/* What the ranks of a node need together, and what there is. */
static void print_node(const km_dry_run *run, double memory, double disk)
{
    const km_node *node = &run->node;
    const double all_memory = node->n_ranks * memory, all_disk = node->n_ranks * disk;
    printf("  node        %d rank%s: %.1f MB of memory of %.1f%s", node->n_ranks,
           km_plural(node->n_ranks), megabytes(all_memory), megabytes(node->memory),
           all_memory > node->memory ? ", which won't do" : "");
    printf(", %.1f MB of disk of %.1f free%s\n", megabytes(all_disk), megabytes(node->scratch),
           all_disk > node->scratch ? ", which won't do" : "");
}

static void print_scratch(const km_dry_run *run, double memory)
{
    const needs disk = find_needs_of_disk(run);
    printf("  scratch     %.1f MB of disk per rank: samples %.1f, and the most of\n"
           "              ",
           megabytes(sum_of_needs(&disk)), megabytes(disk.samples));
    print_steps(&disk);
    puts("              the more memory is free beside this, the less is read from the disk");
    print_node(run, memory, sum_of_needs(&disk));
}

/* If the memory of a node won't do: what it would take with --scratch. */
static void suggest_scratch(const km_dry_run *run, double memory)
{
    const km_node *node = &run->node;
    const needs beside = find_needs(run, &run->plans->beside_disk), disk = find_needs_of_disk(run);
    if (node->n_ranks * memory <= node->memory)
        return;
    printf(
        "  node        %d rank%s: %.1f MB of memory of %.1f, which won't do; use more nodes, or\n"
        "              --scratch DIR: then %.1f MB of memory, and %.1f MB of disk there\n",
        node->n_ranks, km_plural(node->n_ranks), megabytes(node->n_ranks * memory),
        megabytes(node->memory), megabytes(node->n_ranks * sum_of_needs(&beside)),
        megabytes(node->n_ranks * sum_of_needs(&disk)));
}

void km_dry_run_print(const km_dry_run *run)
{
    print_inputs(run);
    print_plan(run);
    const double memory = print_memory(run);
    if (run->scratch != NULL)
        print_scratch(run, memory);
    else
        suggest_scratch(run, memory);
    km_planning_print(run, memory);
}
