/* The closing summaries of `fit` and `predict`. */
#include "choices.h"
#include "clusters.h"

#include "base/precision.h"
#include "base/text.h"
#include "base/timers.h"
#include "process/heap.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FITS = 20, MAX_LISTED = 8 }; /* that are printed: lines of fits, items in a line */

/* For each feature that rows miss, how many miss it. */
static void print_missing(const km_record *record)
{
    char name[KM_NAME_SIZE];
    int64_t shown = 0;
    for (int64_t j = 0; j < record->catalogue->n_features; j++) {
        const int64_t n = record->findings->n_missing[j];
        if (n > 0 && shown++ < MAX_LISTED)
            printf("%s %s %lld", shown == 1 ? "  missing    " : ",",
                   km_printable(record->catalogue->names[j], name, sizeof name), (long long)n);
    }
    if (shown > MAX_LISTED)
        printf(", and %lld more: /missing in the result", (long long)shown - MAX_LISTED);
    if (shown > 0)
        putchar('\n');
}

/* The values that mean a missing value, as -99, or b_v:0 of one feature. */
static void print_missing_values(const km_record *record)
{
    const km_catalogue *catalogue = record->catalogue;
    char name[KM_NAME_SIZE];
    const int64_t n = catalogue->n_missing_values;
    for (int64_t m = 0; m < n && m < MAX_LISTED; m++) {
        const km_missing_value *missing = &catalogue->missing_values[m];
        printf("%s", m == 0 ? "  values      missing where " : ", ");
        if (missing->column >= 0)
            printf("%s:",
                   km_printable(km_name_of_column(catalogue, missing->column), name, sizeof name));
        printf("%.15g", missing->value);
    }
    if (n > MAX_LISTED)
        printf(", and %lld more", (long long)n - MAX_LISTED);
    if (n > 0)
        putchar('\n');
}

/* How numbers of the file become values, as far as that isn't the default. */
static void print_treatment(const km_record *record)
{
    const km_catalogue_name *asked = &record->catalogue->asked;
    const km_scaling scaling = record->answer->transform.scaling;
    print_missing_values(record);
    if (asked->is_raw)
        puts("  values      as they are stored (--raw)");
    if (asked->fill_is_missing)
        puts("  values      missing where HDF5's own fill value is (--fill-is-missing)");
    if (scaling != KM_SCALE_NONE)
        printf("  scaling     %s\n", km_scaling_name(scaling));
}

/* The condition of --where, and how many rows it left out. */
static void print_condition(const km_record *record)
{
    char text[256];
    if (record->catalogue->asked.where == NULL)
        return;
    printf("  where       %s: not true for %lld rows, undecided (missing values) for %lld\n",
           km_printable(record->catalogue->asked.where, text, sizeof text),
           (long long)record->findings->n_excluded, (long long)record->findings->n_undecided);
}

static void print_catalogue(const km_record *record)
{
    const km_catalogue *catalogue = record->catalogue;
    char path[KM_PATH_SIZE], table[KM_DATASET_SIZE];
    printf("  catalogue   %s, %s: %lld rows, %lld used, %lld dropped (missing values)\n",
           km_printable(catalogue->path, path, sizeof path),
           km_printable(catalogue->table, table, sizeof table), (long long)catalogue->n_rows,
           (long long)record->answer->spread.n_used, (long long)km_record_missing(record));
    print_condition(record);
    print_missing(record);
    print_treatment(record);
}

static void print_run(const km_record *record)
{
    const km_setting *setting = record->setting;
    const km_fit *fit = &record->answer->fit;
    printf("  run         %d rank%s of %lld thread%s, %s, %s kernel, %s\n", setting->n_ranks,
           km_plural(setting->n_ranks), (long long)setting->max_threads,
           km_plural(setting->max_threads), km_answer_method(record->answer)->name,
           record->answer->plan.kernel->name, km_precision_name(record->answer->precision));
    if (fit->n_by_first > 0)
        printf("  methods     %s for %lld iteration%s, then %s\n", fit->first_method->name,
               (long long)fit->n_by_first, km_plural(fit->n_by_first), fit->last_method->name);
    printf("  samples     %s\n", km_plan_order_text(&record->answer->plan, fit));
    if (setting->n_nodes > 1)
        printf("  nodes       %lld, with up to %lld rank%s\n", (long long)setting->n_nodes,
               (long long)setting->ranks_per_node, km_plural(setting->ranks_per_node));
}

/* Goes may have had different numbers of ranks, so only those of one are compared. */
static void print_work(const km_record *record, const km_report *report)
{
    const km_distance_counts work = km_count_distances(record);
    const int n_ranks = record->setting->n_ranks;
    printf("  work        %.4g of %lld distances evaluated per sample and iteration",
           work.per_sample, (long long)record->answer->plan.shape.n_clusters);
    if (n_ranks > 1 && report->n_goes == 1 && work.distances > 0)
        printf(", by the rank with most %.2f times the mean",
               (double)work.most_distances * n_ranks / (double)work.distances);
    putchar('\n');
}

static void print_refining(const km_refined *refined)
{
    if (refined->n_rows > 0)
        printf("  seeding     refined by %lld iteration%s on %lld rows%s\n",
               (long long)refined->n_iterations, km_plural(refined->n_iterations),
               (long long)refined->n_rows,
               refined->is_refused ? ", which don't represent all: refused" : "");
}

/* How equal clusters are. */
static void print_balance(const km_record *record)
{
    const km_balanced *b = &record->answer->fit.balanced;
    if (b->n_fields > 0)
        printf("  balance     sizes (%s) of %.4g to %.4g of the mean%s%lld field%s\n",
               record->answer->problem.balance, b->lowest, b->highest,
               b->n_fields > 1 ? " of their field, " : ", ", (long long)b->n_fields,
               km_plural(b->n_fields));
}

/* How large clusters on the sky are. */
static void print_sky(const km_record *record)
{
    double least = INFINITY, most = 0, farthest = 0;
    for (int64_t c = 0; record->sky != NULL && c < record->answer->plan.shape.n_clusters; c++) {
        least = fmin(least, record->sky->radius_rms[c]); /* which is NaN if it is empty */
        most = fmax(most, record->sky->radius_rms[c]);
        farthest = fmax(farthest, record->sky->radius_max[c]);
    }
    if (record->sky != NULL)
        printf(
            "  sky         radii (rms) of %.4g to %.4g degrees, the farthest row is %.4g degrees "
            "from its center\n",
            least, most, farthest);
}

static void print_summary_head(const km_record *record, const km_report *report)
{
    const km_fit *fit = &record->answer->fit;
    char path[KM_PATH_SIZE];
    printf("\nskymeans: %lld clusters of %lld rows\n\n",
           (long long)record->answer->plan.shape.n_clusters,
           (long long)record->answer->spread.n_used);
    print_catalogue(record);
    printf("  result      %s\n", km_printable(record->outputs->result, path, sizeof path));
    print_run(record);
    print_refining(&record->answer->refined);
    printf("  stopped     after %lld iteration%s: %s (%s)\n", (long long)fit->n_iterations,
           km_plural(fit->n_iterations), km_stop_name(fit->stop),
           km_stop_is_converged(fit->stop) ? "converged" : "not converged");
    print_work(record, report);
    if (report->n_goes > 1)
        printf("  goes        %lld: iterations, seconds and bytes are those of all of them\n",
               (long long)report->n_goes);
    printf("  inertia     %.10g\n", fit->inertia);
    print_balance(record);
    print_sky(record);
    printf("  checksum    %016llx\n", (unsigned long long)record->answer->checksum);
    printf("  fingerprint %s\n", record->fingerprint);
    if (record->is_verified)
        printf("  verified    PASSED: rows read again; labels, centers, sizes, inertia, checksum "
               "derived again\n");
    putchar('\n');
}

/* Positions are shown as people know them, in place of the unit vectors. */
static void fill_sky(km_cluster_table *table, const km_sky *sky)
{
    const double *const columns[KM_SKY_COLUMNS] = {sky->ra, sky->dec, sky->radius_rms,
                                                   sky->radius_max};
    for (int64_t c = 0; c < km_shown(table->k, KM_SHOWN_CLUSTERS); c++)
        for (int j = 0; j < KM_SKY_COLUMNS; j++)
            table->centers[c][j] = columns[j][c];
    km_clusters_name_sky(table);
}

static void print_cluster_table(const km_record *record)
{
    const km_catalogue *catalogue = record->catalogue;
    const km_restarts *restarts = &record->answer->restarts;
    const int64_t first = record->sky != NULL ? KM_SPHERE_FEATURES : 0;
    const int64_t before = record->sky != NULL ? KM_SKY_COLUMNS : 0;
    const int64_t d = catalogue->n_features;
    km_cluster_table table = {.k = record->answer->plan.shape.n_clusters,
                              .d = d - first + before,
                              .n_used = (double)record->answer->spread.n_used,
                              .has_stability = restarts != NULL && restarts->count > 1};
    const int64_t n_features = km_shown(table.d, KM_SHOWN_FEATURES);
    for (int64_t j = before; j < n_features; j++) {
        table.names[j] = catalogue->names[first + j - before];
        table.units[j] = catalogue->columns[first + j - before].units;
    }
    for (int64_t c = 0; c < km_shown(table.k, KM_SHOWN_CLUSTERS); c++) {
        table.sizes[c] = (double)record->answer->fit.sizes[c];
        if (table.has_stability)
            table.stability[c] = restarts->coincidence[c];
        for (int64_t j = before; j < n_features; j++)
            table.centers[c][j] = record->answer->centers[c * d + first + j - before];
    }
    if (record->sky != NULL)
        fill_sky(&table, record->sky);
    km_clusters_print(&table);
}

/* How well the fits of --restarts agree. */
static void print_restarts(const km_record *record)
{
    const km_restarts *restarts = &record->answer->restarts;
    if (restarts->count < 2)
        return;
    printf("  fit           inertia  iterations  agreement with the best (adjusted Rand index)\n");
    for (int64_t r = 0; r < restarts->count && r < MAX_FITS; r++)
        printf("  %3lld %17.10g  %10lld  %9.4f%s\n", (long long)r + 1, restarts->inertia[r],
               (long long)restarts->n_iterations[r], restarts->rand_index[r],
               r == restarts->best ? "  (kept)" : "");
    if (restarts->count > MAX_FITS)
        printf("  ... and %lld more: /restarts in the result\n",
               (long long)(restarts->count - MAX_FITS));
    putchar('\n');
}

static void print_phases(const km_report *report)
{
    double total = 0;
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        total += report->mean.seconds[phase];
    printf("  phase      seconds: min      mean       max   share\n");
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        if (report->max.seconds[phase] > 0)
            printf("  %-12s %10.4f %9.4f %9.4f  %5.1f%%\n", km_phase_name((km_phase)phase),
                   report->min.seconds[phase], report->mean.seconds[phase],
                   report->max.seconds[phase], 100 * report->mean.seconds[phase] / total);
    const double seconds = report->max.seconds[KM_PHASE_READ];
    printf("\n  total        %.4g s since the start\n", report->seconds);
    printf("  read         %.1f MB at %.2f GB/s\n", 1e-6 * (double)report->bytes_read,
           seconds > 0 ? 1e-9 * (double)report->bytes_read / seconds : 0);
    printf("  reading      %s\n", report->how_read);
    printf("  written      %.1f MB\n", 1e-6 * (double)report->bytes_written);
    if (!isnan(report->joules))
        printf("  energy       %.4g kJ of all nodes\n", 1e-3 * report->joules);
    printf("  memory       %.0f MB on the rank that had most\n",
           1e-6 * (double)report->memory_peak);
}

/* Goes may have had different numbers of ranks, so minima, means and maxima are added up. */
static void add_past(km_report *report, const km_report *past)
{
    km_counts_add_up(&report->counts, &past->counts);
    report->joules += past->joules;
    report->n_goes += past->n_goes;
    report->seconds += past->seconds;
    for (int phase = 0; phase < KM_N_PHASES; phase++) {
        report->min.seconds[phase] += past->min.seconds[phase];
        report->mean.seconds[phase] += past->mean.seconds[phase];
        report->max.seconds[phase] += past->max.seconds[phase];
    }
    report->bytes_read += past->bytes_read;
    if (past->memory_peak > report->memory_peak)
        report->memory_peak = past->memory_peak;
}

/* Joules of all nodes; NaN if any does not tell them. */
static double sum_energy(const km_energy *energy, MPI_Comm comm)
{
    double joules = energy->joules;
    if (energy->is_meter && energy->n_zones == 0)
        joules = NAN;
    km_sum_double(comm, &joules, 1);
    return joules;
}

km_report km_report_gather(const km_timers *timers, const km_findings *findings,
                           const km_energy *energy, double started, const km_report *past,
                           MPI_Comm comm)
{
    km_phases own;
    memcpy(own.seconds, timers->seconds, sizeof own.seconds);
    km_report report = {.n_goes = 1,
                        .seconds = km_now() - started,
                        .min = own,
                        .mean = own,
                        .max = own,
                        .counts = timers->counts,
                        .bytes_used = timers->bytes_used,
                        .bytes_from_disk = timers->bytes_from_disk,
                        .reads_from_disk = timers->reads_from_disk,
                        .joules = sum_energy(energy, comm),
                        .bytes_read = findings->bytes_read,
                        .how_read = findings->how,
                        .memory_peak = km_memory_peak()};
    km_min_double(comm, report.min.seconds, KM_N_PHASES);
    km_sum_double(comm, report.mean.seconds, KM_N_PHASES);
    km_max_double(comm, report.max.seconds, KM_N_PHASES);
    km_sum_int64(comm, &report.bytes_read, 1);
    km_sum_int64(comm, &report.counts.distances, 1);
    km_sum_int64(comm, &report.bytes_used, 1);
    km_sum_int64(comm, &report.bytes_from_disk, 1);
    km_sum_int64(comm, &report.reads_from_disk, 1);
    km_sum_int64(comm, &report.counts.bytes_reduced, 1);
    km_max_double(comm, &report.seconds, 1);
    km_max_int64(comm, &report.memory_peak, 1);
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        report.mean.seconds[phase] /= km_comm_size(comm);
    add_past(&report, past);
    return report;
}

void km_prediction_print(const km_record *record, const km_report *report)
{
    char path[KM_PATH_SIZE];
    printf("\nskymeans: %lld rows labelled by %lld clusters\n\n",
           (long long)record->answer->spread.n_used,
           (long long)record->answer->plan.shape.n_clusters);
    print_catalogue(record);
    printf("  centers     %s\n", km_printable(record->model, path, sizeof path));
    printf("  labels      %s\n", km_printable(record->outputs->result, path, sizeof path));
    printf("  checksum    %016llx\n              %s\n",
           (unsigned long long)record->answer->checksum, KM_CHECKSUM_OF_LABELS);
    printf("  fingerprint %s\n\n", record->fingerprint);
    print_cluster_table(record);
    print_phases(report);
}

static void print_rates(const km_record *record, const km_report *report)
{
    const km_rates rates = km_find_rates(record, report);
    printf("  assigning    at %.4g distances/s, %.4g Gflop/s, %.4g GB/s of samples, all ranks "
           "together\n",
           rates.distances, 1e-9 * rates.flop, 1e-9 * rates.bytes);
}

/* A single fit ends in one of many local minima. */
static void print_restarts_hint(const km_record *record)
{
    const skymeans_problem *problem = &record->answer->problem;
    if (problem->restarts == 1 && problem->n_clusters > 1 && record->answer->plan.seeding != NULL)
        puts("\n  hint: another seeding may end better; --restarts 10 keeps the best of 10 fits");
}

void km_summary_print(const km_record *record, const km_report *report)
{
    print_summary_head(record, report);
    print_cluster_table(record);
    print_restarts(record);
    km_choices_print(&record->answer->choice);
    print_phases(report);
    print_rates(record, report);
    print_restarts_hint(record);
}
