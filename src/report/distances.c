/* How many distances a fit evaluated. */
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
