/* --metrics: times, memory, plan and iterations of a run, as JSON. */
#include "json.h"

#include "base/error.h"
#include "base/large.h"
#include "base/precision.h"
#include "base/timers.h"
#include "base/version.h"
#include "process/output.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>

/* The expressions of computed features, by their names. */
static void put_expressions_of_features(km_json *json, const km_catalogue *catalogue)
{
    km_json_open(json, "expressions", '{');
    for (int64_t j = 0; j < catalogue->n_features; j++)
        if (catalogue->columns[j].expression > 0)
            km_json_text(json, catalogue->names[j],
                         catalogue->expressions[catalogue->columns[j].expression - 1].text);
    km_json_close(json, '}');
}

/* How numbers of the files become values or missing values. */
static void put_json_treatment(km_json *json, const km_record *record)
{
    const km_catalogue *catalogue = record->catalogue;
    km_json_text(json, "scale", km_scaling_name(record->answer->transform.scaling));
    km_json_bool(json, "raw", record->catalogue->asked.is_raw);
    km_json_bool(json, "fill_is_missing", record->catalogue->asked.fill_is_missing);
    if (catalogue->asked.where != NULL)
        km_json_text(json, "where", catalogue->asked.where);
    put_expressions_of_features(json, catalogue);
    km_json_open(json, "missing_values", '[');
    for (int64_t m = 0; m < catalogue->n_missing_values; m++) {
        const km_missing_value *missing = &catalogue->missing_values[m];
        km_json_open(json, NULL, '{');
        if (missing->column >= 0) /* without it, the value is one of all features */
            km_json_text(json, "feature", km_name_of_column(catalogue, missing->column));
        km_json_real(json, "value", missing->value);
        km_json_close(json, '}');
    }
    km_json_close(json, ']');
}

/* The random seed is a text, since most readers of JSON have no 64-bit integers. */
static void put_settings_of_fit(km_json *json, const km_record *record)
{
    const skymeans_problem *problem = &record->answer->problem;
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)problem->random_seed);
    km_json_text(json, "seeding", record->seeding);
    km_json_text(json, "random_seed", seed);
    km_json_int(json, "restarts", problem->restarts);
    km_json_real(json, "tolerance", problem->tolerance);
    km_json_int(json, "max_iterations", problem->max_iterations);
}

/* What a run did besides, by the names of its options, since it takes time. */
static void put_extras(km_json *json, const km_record *record)
{
    const struct {
        const char *name;
        bool is_asked;
    } extras[] = {{"distances", record->distances != NULL},
                  {"second", record->second_labels != NULL},
                  {"id", record->catalogue->asked.ids != NULL},
                  {"describe", record->templates != NULL},
                  {"verify", record->is_verified},
                  {"scratch", km_large_in_use() != NULL}};
    km_json_open(json, "extras", '[');
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        if (extras[i].is_asked)
            km_json_text(json, NULL, extras[i].name);
    km_json_close(json, ']');
}

/* Those of a fit that went over from one to another. */
static void put_methods(km_json *json, const km_fit *fit)
{
    if (fit->n_by_first == 0)
        return;
    km_json_open(json, "algorithms", '[');
    km_json_text(json, NULL, fit->first_method->name);
    km_json_text(json, NULL, fit->last_method->name);
    km_json_close(json, ']');
    km_json_int(json, "iterations_by_first", fit->n_by_first);
}

static void put_plan(km_json *json, const km_record *record, const km_report *report)
{
    km_json_open(json, "plan", '{');
    km_json_int(json, "ranks", record->setting->n_ranks);
    km_json_int(json, "threads", record->setting->max_threads);
    if (record->answer->plan.method != NULL)
        km_json_text(json, "algorithm", km_answer_method(record->answer)->name);
    put_methods(json, &record->answer->fit);
    km_json_text(json, "kernel", record->answer->plan.kernel->name);
    if (record->answer->is_fit)
        put_settings_of_fit(json, record);
    km_json_text(json, "precision", km_precision_name(record->answer->precision));
    km_json_int(json, "rows", record->catalogue->n_rows);
    km_json_int(json, "features", record->catalogue->n_features);
    km_json_int(json, "files", km_count_files(record->catalogue));
    km_json_int(json, "clusters", record->answer->plan.shape.n_clusters);
    km_json_text(json, "reading", report->how_read);
    put_json_treatment(json, record);
    put_extras(json, record);
    km_json_close(json, '}');
}

static void put_phases(km_json *json, const km_report *report)
{
    km_json_open(json, "phases", '{');
    for (int phase = 0; phase < KM_N_PHASES; phase++) {
        if (report->max.seconds[phase] == 0)
            continue;
        km_json_open(json, km_phase_name((km_phase)phase), '{');
        km_json_real(json, "min", report->min.seconds[phase]);
        km_json_real(json, "mean", report->mean.seconds[phase]);
        km_json_real(json, "max", report->max.seconds[phase]);
        km_json_close(json, '}');
    }
    km_json_close(json, '}');
}

static void put_refining(km_json *json, const km_refined *refined)
{
    if (refined->n_rows == 0)
        return;
    km_json_open(json, "refining", '{');
    km_json_int(json, "rows", refined->n_rows);
    km_json_int(json, "iterations", refined->n_iterations);
    km_json_bool(json, "refused", refined->is_refused);
    km_json_close(json, '}');
}

static void put_iterations(km_json *json, const km_fit *fit)
{
    km_json_open(json, "iterations", '[');
    for (int64_t i = 0; i < fit->n_iterations; i++) {
        km_json_open(json, NULL, '{');
        km_json_int(json, "iteration", fit->history[i].number);
        km_json_real(json, "inertia", fit->history[i].inertia);
        km_json_real(json, "shift", fit->history[i].shift);
        km_json_int(json, "relabeled", fit->history[i].relabeled);
        km_json_real(json, "seconds", fit->history[i].seconds);
        km_json_int(json, "distances", fit->history[i].distances);
        km_json_int(json, "most_distances", fit->history[i].most_distances);
        km_json_close(json, '}');
    }
    km_json_close(json, ']');
}

static void put_work(km_json *json, const km_record *record)
{
    const km_distance_counts work = km_count_distances(record);
    km_json_open(json, "work", '{');
    km_json_int(json, "distances", work.distances);
    km_json_int(json, "most_distances", work.most_distances);
    km_json_real(json, "distances_per_sample", work.per_sample);
    km_json_close(json, '}');
}

/* How near the rates come to the limits of the machine, and the time of a sum of these messages. */
static void put_shares(km_json *json, const km_record *record, const km_report *report,
                       const km_rates *rates)
{
    const km_machine *machine = record->machine;
    const km_counts *counts = &report->counts;
    const km_setting *setting = record->setting;
    const double message =
        (double)counts->bytes_reduced / (double)counts->reductions / setting->n_ranks;
    const double fma = rates->flop / 3;
    km_json_real(json, "fma_share", fma / km_limit_of_threads(machine, record));
    km_json_real(json, "memory_share", rates->bytes / (machine->memory * (double)setting->n_nodes));
    const double seconds = km_machine_sum_seconds(machine, message, setting->n_ranks);
    if (seconds > 0)
        km_json_real(json, "sum_seconds_of_machine", seconds);
}

/* What all fits took, with the assignments that belong to no iteration. */
static void put_effort(km_json *json, const km_record *record, const km_report *report)
{
    const km_rates rates = km_find_rates(record, report);
    km_json_int(json, "bytes_reduced", report->counts.bytes_reduced);
    km_json_int(json, "reductions", report->counts.reductions);
    km_json_int(json, "assignments", report->counts.assignments);
    km_json_open(json, "rates", '{');
    km_json_real(json, "distances_per_second", rates.distances);
    km_json_real(json, "flop_per_second", rates.flop);
    km_json_real(json, "bytes_per_second", rates.bytes);
    if (record->machine != NULL && record->machine->memory > 0)
        put_shares(json, record, report, &rates);
    km_json_close(json, '}');
}

/* What assignments needed of large arrays, and what was read from disks for that, by all ranks. */
static void put_scratch(km_json *json, const km_report *report)
{
    km_json_open(json, "scratch", '{');
    km_json_int(json, "bytes_used", report->bytes_used);
    km_json_int(json, "bytes_read", report->bytes_from_disk);
    km_json_int(json, "reads", report->reads_from_disk);
    km_json_close(json, '}');
}

static void put_restarts(km_json *json, const km_restarts *restarts)
{
    km_json_open(json, "restarts", '[');
    for (int64_t r = 0; r < restarts->count; r++) {
        km_json_open(json, NULL, '{');
        km_json_real(json, "inertia", restarts->inertia[r]);
        km_json_int(json, "n_iterations", restarts->n_iterations[r]);
        km_json_real(json, "adjusted_rand_index", restarts->rand_index[r]);
        km_json_close(json, '}');
    }
    km_json_close(json, ']');
}

/* The numbers of clusters that were compared. */
static void put_choice(km_json *json, const km_choices *choice)
{
    const int64_t row = km_choice_next(choice) + 1;
    km_json_open(json, "choice", '{');
    km_json_int(json, "best", choice->best - row);
    km_json_open(json, "of", '[');
    for (int64_t i = row; i < choice->count; i++) {
        km_json_open(json, NULL, '{');
        km_json_int(json, "k", choice->rows[i].n_clusters);
        km_json_int(json, "n_iterations", choice->rows[i].n_iterations);
        for (const km_criterion *c = km_criteria_table; c->name != NULL; c++)
            km_json_real(json, c->name, km_criterion_value(c, &choice->rows[i]));
        km_json_close(json, '}');
    }
    km_json_close(json, ']');
    km_json_close(json, '}');
}

static void put_missing(km_json *json, const km_record *record)
{
    km_json_open(json, "missing", '{');
    for (int64_t j = 0; j < record->catalogue->n_features; j++)
        km_json_int(json, record->catalogue->names[j], record->findings->n_missing[j]);
    km_json_close(json, '}');
}

static void put_result(km_json *json, const km_record *record)
{
    const km_fit *fit = &record->answer->fit;
    char checksum[17];
    snprintf(checksum, sizeof checksum, "%016llx", (unsigned long long)record->answer->checksum);
    km_json_open(json, "result", '{');
    km_json_text(json, "file", record->outputs->result);
    if (record->answer->is_fit) {
        km_json_real(json, "inertia", fit->inertia);
        km_json_int(json, "n_iterations", fit->n_iterations);
        km_json_bool(json, "converged", km_stop_is_converged(fit->stop));
        km_json_text(json, "stop_reason", km_stop_name(fit->stop));
    }
    km_json_int(json, "n_rows", record->catalogue->n_rows);
    km_json_int(json, "n_used", record->answer->spread.n_used);
    km_json_int(json, "n_missing", km_record_missing(record));
    km_json_int(json, "n_excluded", record->findings->n_excluded);
    km_json_int(json, "n_undecided", record->findings->n_undecided);
    put_missing(json, record);
    km_json_text(json, "checksum", checksum);
    km_json_text(json, "checksum_of",
                 record->answer->is_fit ? "labels, centers and inertia" : "labels and centers");
    km_json_text(json, "fingerprint", record->fingerprint);
    km_json_close(json, '}');
}

typedef struct recorded {
    const km_record *record;
    const km_report *report;
} recorded;

static void put_metrics(FILE *file, const km_record *record, const km_report *report)
{
    km_json json = {.file = file, .is_first = true};
    km_json_open(&json, NULL, '{');
    km_json_int(&json, "version", 1);
    km_json_text(&json, "command", record->command);
    km_json_put_setting(&json, record->setting);
    put_plan(&json, record, report);
    km_json_real(&json, "seconds", report->seconds);
    km_json_int(&json, "goes", report->n_goes);
    put_phases(&json, report);
    put_refining(&json, &record->answer->refined);
    km_json_int(&json, "bytes_read", report->bytes_read);
    km_json_int(&json, "bytes_written", report->bytes_written);
    if (record->answer->is_fit)
        put_effort(&json, record, report);
    if (!isnan(report->joules))
        km_json_real(&json, "energy_joules", report->joules);
    put_iterations(&json, &record->answer->fit);
    if (record->answer->is_fit)
        put_work(&json, record);
    if (record->answer->is_fit && record->answer->restarts.count > 1)
        put_restarts(&json, &record->answer->restarts);
    if (record->answer->choice.n_done > 0)
        put_choice(&json, &record->answer->choice);
    if (km_large_in_use() != NULL)
        put_scratch(&json, report);
    km_json_int(&json, "memory_peak_bytes", report->memory_peak);
    put_result(&json, record);
    km_json_close(&json, '}');
    fputc('\n', file);
}

static void put_metrics_of(FILE *file, const void *what)
{
    const recorded *both = what;
    put_metrics(file, both->record, both->report);
}

km_code km_metrics_write(km_output *output, const km_record *record, const km_report *report,
                         km_error *error)
{
    const recorded both = {record, report};
    return km_json_write(output, record->outputs->metrics, "the metrics", put_metrics_of, &both,
                         error);
}
