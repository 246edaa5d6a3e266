/* --dry-run: what a run would do, from the headers of the catalogue. */
#include "base/partition.h"
#include "base/precision.h"
#include "base/text.h"
#include "process/heap.h"
#include "report/report.h"

#include <stdio.h>

static double megabytes(double bytes)
{
    return 1e-6 * bytes;
}

/* Filters without which columns may not be readable. */
static void print_filters(const km_catalogue *catalogue)
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

static void print_shape(const km_options *options, const km_catalogue *catalogue)
{
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
    print_filters(catalogue);
    printf("  clusters    %lld\n", (long long)options->clusters);
}

static void print_plan(const km_options *options, const km_plan *plan,
                       const km_catalogue *catalogue, int n_ranks)
{
    const km_rows first = km_slab(catalogue->n_rows, n_ranks, 0);
    const km_rows last = km_slab(catalogue->n_rows, n_ranks, n_ranks - 1);
    printf("  run         %d rank%s of %lld to %lld rows\n", n_ranks, n_ranks == 1 ? "" : "s",
           (long long)last.count, (long long)first.count);
    printf("  method      %s, %s kernel, %s\n",
           plan->method != NULL ? plan->method->name : "nearest center", plan->kernel->name,
           km_precision_name(catalogue->precision));
    if (options->model == NULL)
        printf("  seeding     %s, random seed %llu\n", options->seeding,
               (unsigned long long)options->random_seed);
}

void km_dry_run_print(const km_options *options, const km_plan *plan, const km_catalogue *catalogue,
                      int n_ranks)
{
    const km_memory memory = km_plan_memory(plan, options, catalogue, n_ranks);
    enum { MPI_AMONG_RANKS = 2 << 20 }; /* as measured with Open MPI 4.1 */
    const double program = (double)km_memory_now() + (n_ranks > 1 ? MPI_AMONG_RANKS : 0);
    print_shape(options, catalogue);
    print_plan(options, plan, catalogue, n_ranks);
    printf("  memory      %.1f MB a rank: program and libraries %.1f, samples %.1f, and the most "
           "of\n"
           "              reading %.1f, ordering %.1f, seeding %.1f, fitting %.1f, writing %.1f\n",
           megabytes(program + memory.most), megabytes(program), megabytes(memory.samples),
           megabytes(memory.reading), megabytes(memory.ordering), megabytes(memory.seeding),
           megabytes(memory.fitting), megabytes(memory.writing));
}
