/* The closing summary. */
#include "skymeans/result.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_CLUSTERS = 20, MOST_FEATURES = 8 };

static void print_head(const km_record *record, int n_ranks)
{
    const km_catalogue *catalogue = record->catalogue;
    const km_options *options = record->options;
    const km_fit *fit = record->fit;
    char path[KM_PATH_SIZE], table[KM_DATASET_SIZE];
    printf("\nskymeans: %lld clusters of %lld rows\n\n", (long long)options->clusters,
           (long long)record->n_used);
    printf("  catalogue   %s, %s: %lld rows, %lld used, %lld dropped (missing values)\n",
           km_printable(catalogue->path, path, sizeof path),
           km_printable(catalogue->table, table, sizeof table), (long long)catalogue->n_rows,
           (long long)record->n_used, (long long)record->n_missing);
    printf("  result      %s\n", km_printable(options->output, path, sizeof path));
    printf("  run         %d rank%s, %s kernel, %s\n", n_ranks, n_ranks == 1 ? "" : "s",
           record->plan->kernel->name, km_precision_name(record->samples->precision));
    printf("  stopped     after %lld iteration%s: %s (%s)\n", (long long)fit->n_iterations,
           fit->n_iterations == 1 ? "" : "s", km_stop_name(fit->stop),
           km_stop_is_converged(fit->stop) ? "converged" : "not converged");
    printf("  inertia     %.10g\n", fit->inertia);
    printf("  checksum    %016llx\n", (unsigned long long)record->checksum);
    if (record->is_verified)
        printf(
            "  verified    PASSED: labels, centers, sizes, inertia and checksum derived again\n");
    putchar('\n');
}

static void print_clusters(const km_record *record)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    const int64_t n_features = d < MOST_FEATURES ? d : MOST_FEATURES;
    const int64_t n_clusters = k < MOST_CLUSTERS ? k : MOST_CLUSTERS;
    char room[KM_NAME_SIZE];
    printf("  cluster         size   share");
    for (int64_t j = 0; j < n_features; j++)
        printf("  %12.12s", km_printable(record->catalogue->names[j], room, sizeof room));
    puts(n_features < d ? "  ..." : "");
    for (int64_t c = 0; c < n_clusters; c++) {
        const int64_t size = record->fit->sizes[c];
        printf("  %7lld %12lld  %5.1f%%", (long long)c, (long long)size,
               100.0 * (double)size / (double)record->n_used);
        for (int64_t j = 0; j < n_features; j++)
            printf("  %12.6g", record->centers[c * d + j]);
        puts(n_features < d ? "  ..." : "");
    }
    if (n_clusters < k)
        printf("  ... and %lld more: /sizes and /centers in the result\n",
               (long long)(k - n_clusters));
    putchar('\n');
}

static void print_phases(const km_report *report)
{
    double total = 0;
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        total += report->mean.seconds[phase];
    printf("  phase      seconds: min      mean       max   share\n");
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        if (report->most.seconds[phase] > 0)
            printf("  %-12s %10.4f %9.4f %9.4f  %5.1f%%\n", km_phase_name((km_phase)phase),
                   report->least.seconds[phase], report->mean.seconds[phase],
                   report->most.seconds[phase], 100 * report->mean.seconds[phase] / total);
    const double seconds = report->most.seconds[KM_PHASE_READ];
    printf("\n  read         %.1f MB at %.2f GB/s\n", 1e-6 * (double)report->bytes_read,
           seconds > 0 ? 1e-9 * (double)report->bytes_read / seconds : 0);
    printf("  memory       %.0f MB on the rank that had most\n",
           1e-6 * (double)report->memory_peak);
}

km_report km_report_gather(const km_timers *timers, int64_t bytes_read, MPI_Comm comm)
{
    km_report report = {.n_ranks = km_comm_size(comm),
                        .least = *timers,
                        .mean = *timers,
                        .most = *timers,
                        .bytes_read = bytes_read,
                        .memory_peak = km_memory_peak()};
    km_min_double(comm, report.least.seconds, KM_N_PHASES);
    km_sum_double(comm, report.mean.seconds, KM_N_PHASES);
    km_max_double(comm, report.most.seconds, KM_N_PHASES);
    km_sum_int64(comm, &report.bytes_read, 1);
    km_max_int64(comm, &report.memory_peak, 1);
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        report.mean.seconds[phase] /= report.n_ranks;
    return report;
}

void km_summary_print(const km_record *record, const km_report *report)
{
    print_head(record, report->n_ranks);
    print_clusters(record);
    print_phases(report);
}
