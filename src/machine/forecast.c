/* What a fit would take on a machine.
 *
 * From `probe` the time to assign is that of comparing every sample with every center, which grows
 * with features and has a part that does not. From a run it is what its method took, per sample,
 * center and feature, as it is for data like that. A sum over the ranks takes ceil(log2 ranks)
 * steps, each of which costs the same for messages of one size. */
#include "machine/machine.h"

#include <math.h>

/* The time of a message of this size among the ranks that measured. Beyond the smallest size and
 * the largest it is their time, and that of as many bytes per second. */
static double seconds_as_measured(const km_machine *machine, double bytes)
{
    const km_message_time *m = machine->messages;
    const int64_t last = machine->n_messages - 1;
    if (bytes <= m[0].bytes)
        return m[0].seconds;
    if (bytes >= m[last].bytes)
        return m[last].seconds * bytes / m[last].bytes;
    int64_t i = 0;
    while (bytes > m[i + 1].bytes)
        i++;
    const double part = (bytes - m[i].bytes) / (m[i + 1].bytes - m[i].bytes);
    return m[i].seconds + part * (m[i + 1].seconds - m[i].seconds);
}

double km_machine_sum_seconds(const km_machine *machine, double bytes, double n_ranks)
{
    if (n_ranks <= 1)
        return 0;
    if (machine->n_messages == 0)
        return -1;
    return seconds_as_measured(machine, bytes) * ceil(log2(n_ranks)) /
           ceil(log2((double)machine->message_ranks));
}

/* Bytes of what the ranks add up in an iteration, if sums take one word. */
static double message_bytes(const km_shape *shape)
{
    const double words =
        (double)shape->n_clusters * ((double)shape->n_features + (shape->has_weights ? 2 : 1));
    return (words + KM_N_EXTRAS) * sizeof(int64_t);
}

/* Seconds of an assignment on a rank with so many samples. */
static double assigning_seconds(const km_machine *machine, const km_plan *plan, double n_samples)
{
    const km_shape *shape = &plan->shape;
    const km_comparing *comparing = &machine->comparing[shape->precision];
    const double d = (double)shape->n_features;
    const double pair = machine->pair_seconds > 0 ? d * machine->pair_seconds
                                                  : comparing->fixed + d * comparing->per_feature;
    return n_samples * (double)shape->n_clusters * pair / shape->n_threads;
}

static double efficiency_on(const km_machine *machine, const km_plan *plan, double n_ranks)
{
    const double assigning =
        assigning_seconds(machine, plan, ceil((double)plan->shape.n_rows / n_ranks));
    const double summing = km_machine_sum_seconds(machine, message_bytes(&plan->shape), n_ranks);
    return summing > 0 ? assigning / (assigning + summing) : 1;
}

km_forecast km_forecast_make(const km_machine *machine, const km_plan *plan, double bytes_to_read)
{
    const double enough = 0.8, n_ranks = plan->shape.n_ranks;
    km_forecast forecast = {
        .assigning = assigning_seconds(machine, plan, (double)plan->shape.n_samples),
        .summing = km_machine_sum_seconds(machine, message_bytes(&plan->shape), n_ranks),
        .reading = machine->reading > 0 ? bytes_to_read / machine->reading : -1,
        .compares_all = machine->pair_seconds == 0,
        .efficiency = efficiency_on(machine, plan, n_ranks),
        .enough_ranks = plan->shape.n_ranks};
    while (forecast.enough_ranks > 1 &&
           efficiency_on(machine, plan, (double)forecast.enough_ranks) < enough)
        forecast.enough_ranks /= 2;
    return forecast;
}
