/* Wall time by phase, and what was done in it. */
#include "base/timers.h"

#include <time.h>

const char *km_phase_name(km_phase phase)
{
    static const char *const names[KM_N_PHASES] = {
        [KM_PHASE_START] = "start",
        [KM_PHASE_OPEN] = "open",
        [KM_PHASE_READ] = "read",
        [KM_PHASE_ORDER] = "order",
        [KM_PHASE_SEED] = "seed",
        [KM_PHASE_ASSIGN] = "assign",
        [KM_PHASE_REDUCE] = "reduce",
        [KM_PHASE_WAIT] = "wait",
        [KM_PHASE_UPDATE] = "update",
        [KM_PHASE_WRITE] = "write",
        [KM_PHASE_CHECKPOINT] = "checkpoint",
    };
    return names[phase];
}

double km_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double km_timer_add(km_timers *timers, km_phase phase, double start)
{
    const double now = km_now();
    timers->seconds[phase] += now - start;
    return now;
}

void km_counts_add_up(km_counts *sum, const km_counts *more)
{
    sum->assignments += more->assignments;
    sum->distances += more->distances;
    sum->reductions += more->reductions;
    sum->bytes_reduced += more->bytes_reduced;
}

void km_timers_add_up(km_timers *sum, const km_timers *more)
{
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        sum->seconds[phase] += more->seconds[phase];
    km_counts_add_up(&sum->counts, &more->counts);
    sum->bytes_used += more->bytes_used;
    sum->bytes_from_disk += more->bytes_from_disk;
    sum->reads_from_disk += more->reads_from_disk;
}
