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
    printf("\nskymeans: %lld clusters of %lld rows\n\n", (long long)options->clusters,
           (long long)record->n_used);
    printf("  catalogue   %s, %s: %lld rows, %lld used, %lld dropped (missing values)\n",
           catalogue->path, catalogue->table, (long long)catalogue->n_rows,
           (long long)record->n_used, (long long)record->n_missing);
    printf("  result      %s\n", options->output);
    printf("  run         %d rank%s, %s kernel, %s\n", n_ranks, n_ranks == 1 ? "" : "s",
           record->plan->kernel->name,
           record->samples->precision == KM_FLOAT32 ? "float32" : "float64");
    printf("  stopped     after %lld iteration%s: %s (%s)\n", (long long)fit->n_iterations,
           fit->n_iterations == 1 ? "" : "s", km_stop_name(fit->stop),
           km_stop_is_converged(fit->stop) ? "converged" : "not converged");
    printf("  inertia     %.10g\n", fit->inertia);
    printf("  checksum    %016llx\n\n", (unsigned long long)record->checksum);
}

static void print_clusters(const km_record *record)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    const int64_t n_features = d < MOST_FEATURES ? d : MOST_FEATURES;
    const int64_t n_clusters = k < MOST_CLUSTERS ? k : MOST_CLUSTERS;
    printf("  cluster         size   share");
    for (int64_t j = 0; j < n_features; j++)
        printf("  %12.12s", record->catalogue->names[j]);
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

static void print_phases(const double *least, const double *sum, const double *most, int n_ranks)
{
    double total = 0;
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        total += sum[phase];
    printf("  phase      seconds: min      mean       max   share\n");
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        if (most[phase] > 0)
            printf("  %-12s %10.4f %9.4f %9.4f  %5.1f%%\n", km_phase_name((km_phase)phase),
                   least[phase], sum[phase] / n_ranks, most[phase], 100 * sum[phase] / total);
}

void km_summary_print(const km_record *record, const km_timers *timers, int64_t bytes_read,
                      const km_log *log, MPI_Comm comm)
{
    const int n_ranks = km_comm_size(comm);
    km_timers least = *timers, sum = *timers, most = *timers;
    km_min_double(comm, least.seconds, KM_N_PHASES);
    km_sum_double(comm, sum.seconds, KM_N_PHASES);
    km_max_double(comm, most.seconds, KM_N_PHASES);
    km_sum_int64(comm, &bytes_read, 1);
    if (!log->is_speaker || log->verbosity == KM_QUIET)
        return;
    print_head(record, n_ranks);
    print_clusters(record);
    print_phases(least.seconds, sum.seconds, most.seconds, n_ranks);
    const double seconds = most.seconds[KM_PHASE_READ];
    printf("  read         %.1f MB, %.2f GB/s\n", 1e-6 * (double)bytes_read,
           seconds > 0 ? 1e-9 * (double)bytes_read / seconds : 0);
}
