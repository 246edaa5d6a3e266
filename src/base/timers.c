/* Wall time by phase. */
#include "base/timers.h"

#include <time.h>

const char *km_phase_name(km_phase phase)
{
    static const char *const names[KM_N_PHASES] = {
        [KM_PHASE_OPEN] = "open",
        [KM_PHASE_READ] = "read",
        [KM_PHASE_ORDER] = "order",
        [KM_PHASE_SEED] = "seed",
        [KM_PHASE_ASSIGN] = "assign",
        [KM_PHASE_REDUCE] = "reduce",
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
