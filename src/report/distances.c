/* How many distances a fit evaluated, and how fast. */
#include "report/report.h"

km_distance_counts km_count_distances(const km_record *record)
{
    const km_fit *fit = &record->answer->fit;
    km_distance_counts counts = {0};
    for (int64_t i = 0; i < fit->n_iterations; i++) {
        counts.distances += fit->history[i].distances;
        counts.most_distances += fit->history[i].most_distances;
    }
    counts.per_sample = (double)counts.distances /
                        ((double)record->answer->spread.n_used * (double)fit->n_iterations);
    return counts;
}

km_rates km_find_rates(const km_record *record, const km_report *report)
{
    const skymeans_answer *answer = record->answer;
    const km_counts *counts = &report->counts;
    const double seconds = report->mean.seconds[KM_PHASE_ASSIGN];
    const double d = (double)record->catalogue->n_features;
    const double size = d * (double)km_precision_size(answer->precision) + sizeof *answer->labels;
    if (!(seconds > 0))
        return (km_rates){0};
    const double distances = (double)counts->distances / seconds;
    return (km_rates){.distances = distances,
                      .flop = 3 * d * distances,
                      .bytes = (double)counts->assignments * (double)answer->spread.n_used * size /
                               seconds};
}

double km_limit_of_threads(const km_machine *machine, const km_record *record)
{
    const double n_threads =
        (double)record->setting->n_ranks * (double)record->setting->max_threads;
    const double measured = (double)machine->n_ranks * (double)machine->n_threads;
    return machine->fma[record->answer->precision] * (double)machine->n_nodes * n_threads /
           measured;
}
