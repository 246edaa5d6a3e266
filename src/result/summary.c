/* The closing summary. */
#include "skymeans/result.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_CLUSTERS = 20, MOST_FEATURES = 8 };

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* The features that rows miss, if there are any. */
static void print_missing(const km_record *record)
{
    char room[KM_NAME_SIZE];
    int64_t shown = 0;
    for (int64_t j = 0; j < record->catalogue->n_features; j++) {
        const int64_t n = record->findings->n_missing[j];
        if (n > 0 && shown++ < MOST_FEATURES)
            printf("%s %s %lld", shown == 1 ? "  missing    " : ",",
                   km_printable(record->catalogue->names[j], room, sizeof room), (long long)n);
    }
    if (shown > MOST_FEATURES)
        printf(", and %lld more: /missing in the result", (long long)shown - MOST_FEATURES);
    if (shown > 0)
        putchar('\n');
}

/* The values that stand for missing ones: -99, b_v:0. */
static void print_missing_values(const km_record *record)
{
    const km_catalogue *catalogue = record->catalogue;
    char room[KM_NAME_SIZE];
    const int64_t n = catalogue->n_missing_values;
    for (int64_t m = 0; m < n && m < MOST_FEATURES; m++) {
        const km_missing_value *missing = &catalogue->missing_values[m];
        printf("%s", m == 0 ? "  values      missing where " : ", ");
        if (missing->column >= 0)
            printf("%s:", km_printable(catalogue->names[missing->column], room, sizeof room));
        printf("%.15g", missing->value);
    }
    if (n > MOST_FEATURES)
        printf(", and %lld more", (long long)n - MOST_FEATURES);
    if (n > 0)
        putchar('\n');
}

/* What turns numbers of the file into those that are compared, if it is anything. */
static void print_treatment(const km_record *record)
{
    const km_options *options = record->options;
    print_missing_values(record);
    if (options->raw)
        puts("  values      as they are stored (--raw)");
    if (options->fill_is_missing)
        puts("  values      missing where HDF5's own fill value is (--fill-is-missing)");
    if (options->scale != KM_SCALE_NONE)
        printf("  scaling     %s\n", km_options_scale(options));
}

static void print_catalogue(const km_record *record)
{
    const km_catalogue *catalogue = record->catalogue;
    char path[KM_PATH_SIZE], table[KM_DATASET_SIZE];
    printf("  catalogue   %s, %s: %lld rows, %lld used, %lld dropped (missing values)\n",
           km_printable(catalogue->path, path, sizeof path),
           km_printable(catalogue->table, table, sizeof table), (long long)catalogue->n_rows,
           (long long)record->n_used, (long long)record->n_missing);
    print_missing(record);
    print_treatment(record);
}

static void print_head(const km_record *record, const km_report *report)
{
    const km_options *options = record->options;
    const km_fit *fit = record->fit;
    char path[KM_PATH_SIZE];
    printf("\nskymeans: %lld clusters of %lld rows\n\n", (long long)options->clusters,
           (long long)record->n_used);
    print_catalogue(record);
    printf("  result      %s\n", km_printable(options->output, path, sizeof path));
    printf("  run         %d rank%s of %lld thread%s, %s, %s kernel, %s\n", report->n_ranks,
           plural(report->n_ranks), (long long)report->n_threads, plural(report->n_threads),
           record->plan->method->name, record->plan->kernel->name,
           km_precision_name(record->samples->precision));
    printf("  stopped     after %lld iteration%s: %s (%s)\n", (long long)fit->n_iterations,
           plural(fit->n_iterations), km_stop_name(fit->stop),
           km_stop_is_converged(fit->stop) ? "converged" : "not converged");
    if (report->n_goes > 1)
        printf("  goes        %lld: iterations, seconds and bytes are those of all of them\n",
               (long long)report->n_goes);
    printf("  inertia     %.10g\n", fit->inertia);
    printf("  checksum    %016llx\n", (unsigned long long)record->checksum);
    if (record->is_verified)
        printf("  verified    PASSED: rows read again; labels, centers, sizes, inertia, checksum "
               "derived "
               "again\n");
    putchar('\n');
}

static void print_clusters(const km_record *record)
{
    const int64_t k = record->options->clusters, d = record->catalogue->n_features;
    const int64_t n_features = d < MOST_FEATURES ? d : MOST_FEATURES;
    const int64_t n_clusters = k < MOST_CLUSTERS ? k : MOST_CLUSTERS;
    char room[KM_NAME_SIZE];
    const bool has_restarts = record->restarts != NULL && record->restarts->count > 1;
    printf("  cluster         size   share%s", has_restarts ? "  stable" : "");
    for (int64_t j = 0; j < n_features; j++)
        printf("  %12.12s", km_printable(record->catalogue->names[j], room, sizeof room));
    puts(n_features < d ? "  ..." : "");
    for (int64_t c = 0; c < n_clusters; c++) {
        const int64_t size = record->fit->sizes[c];
        const double n = record->n_used > 0 ? (double)record->n_used : 1;
        printf("  %7lld %12lld  %5.1f%%", (long long)c, (long long)size, 100.0 * (double)size / n);
        if (has_restarts && size > 0)
            printf("  %5.1f%%", 100 * record->restarts->coincidence[c]);
        else if (has_restarts)
            printf("  %6s", "-");
        for (int64_t j = 0; j < n_features; j++)
            printf("  %12.6g", record->centers[c * d + j]);
        puts(n_features < d ? "  ..." : "");
    }
    if (n_clusters < k)
        printf("  ... and %lld more: /sizes and /centers in the result\n",
               (long long)(k - n_clusters));
    putchar('\n');
}

/* How well the fits of --restarts agree. */
static void print_restarts(const km_record *record)
{
    const km_restarts *restarts = record->restarts;
    if (restarts->count < 2)
        return;
    printf("  fit           inertia  iterations  agreement with the best (adjusted Rand index)\n");
    for (int64_t r = 0; r < restarts->count && r < MOST_CLUSTERS; r++)
        printf("  %3lld %17.10g  %10lld  %9.4f%s\n", (long long)r + 1, restarts->inertia[r],
               (long long)restarts->n_iterations[r], restarts->rand_index[r],
               r == restarts->best ? "  (kept)" : "");
    if (restarts->count > MOST_CLUSTERS)
        printf("  ... and %lld more: /restarts in the result\n",
               (long long)(restarts->count - MOST_CLUSTERS));
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
    printf("  reading      %s\n", report->how_read);
    printf("  memory       %.0f MB on the rank that had most\n",
           1e-6 * (double)report->memory_peak);
}

/* Each go may have had other ranks, so these are sums of leasts, of means and of mosts. */
static void add_past(km_report *report, const km_report *past)
{
    for (int phase = 0; phase < KM_N_PHASES; phase++) {
        report->least.seconds[phase] += past->least.seconds[phase];
        report->mean.seconds[phase] += past->mean.seconds[phase];
        report->most.seconds[phase] += past->most.seconds[phase];
    }
    report->bytes_read += past->bytes_read;
    if (past->memory_peak > report->memory_peak)
        report->memory_peak = past->memory_peak;
}

km_report km_report_gather(const km_timers *timers, const km_findings *findings,
                           const km_report *past, MPI_Comm comm)
{
    km_report report = {.n_ranks = km_comm_size(comm),
                        .n_goes = past->n_goes + 1,
                        .least = *timers,
                        .mean = *timers,
                        .most = *timers,
                        .n_threads = km_threads(),
                        .bytes_read = findings->bytes_read,
                        .how_read = findings->how,
                        .memory_peak = km_memory_peak()};
    km_min_double(comm, report.least.seconds, KM_N_PHASES);
    km_sum_double(comm, report.mean.seconds, KM_N_PHASES);
    km_max_double(comm, report.most.seconds, KM_N_PHASES);
    km_sum_int64(comm, &report.bytes_read, 1);
    km_max_int64(comm, &report.n_threads, 1);
    km_max_int64(comm, &report.memory_peak, 1);
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        report.mean.seconds[phase] /= report.n_ranks;
    add_past(&report, past);
    return report;
}

void km_prediction_print(const km_record *record, const km_report *report)
{
    char path[KM_PATH_SIZE];
    printf("\nskymeans: %lld rows labelled by %lld clusters\n\n", (long long)record->n_used,
           (long long)record->options->clusters);
    print_catalogue(record);
    printf("  centers     %s\n", km_printable(record->options->model, path, sizeof path));
    printf("  labels      %s\n", km_printable(record->options->output, path, sizeof path));
    printf("  checksum    %016llx\n\n", (unsigned long long)record->checksum);
    print_clusters(record);
    print_phases(report);
}

void km_summary_print(const km_record *record, const km_report *report)
{
    print_head(record, report);
    print_clusters(record);
    print_restarts(record);
    print_phases(report);
}
