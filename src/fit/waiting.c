/* The sum over the ranks in an iteration, and how long ranks wait for each other in it.
 *
 * A reduction can't end before all ranks have come to it. The rank that spends least time in it is
 * the one that came last, so its time is that of the communication, and what any other rank spends
 * longer is waiting. Clocks of different ranks are not compared. Minima are found for many
 * reductions at a time, so that an iteration still has only one collective call. */
#include "base/timers.h"
#include "steps.h"

#include <string.h>

void km_find_waiting(running *run)
{
    double least[KM_REDUCTIONS_AT_ONCE];
    double *seconds = run->timers->seconds;
    memcpy(least, run->reductions, sizeof least);
    km_min_double(run->comm, least, run->n_reductions);
    for (int i = 0; i < run->n_reductions; i++) {
        seconds[KM_PHASE_REDUCE] += least[i];
        seconds[KM_PHASE_WAIT] += run->reductions[i] - least[i];
    }
    run->n_reductions = 0;
}

void km_reduce(running *run)
{
    const double start = km_now();
    km_counts *counts = &run->timers->counts;
    km_sum_int64(run->comm, run->totals.words, run->totals.length);
    run->reductions[run->n_reductions++] = km_now() - start;
    counts->reductions++;
    counts->bytes_reduced += run->totals.length * (int64_t)sizeof *run->totals.words;
    if (run->n_reductions == KM_REDUCTIONS_AT_ONCE)
        km_find_waiting(run);
}
