/* The turns of methods in a fit, by what has been compared (src/assign/turns.c). */
#include "base/error.h"
#include "base/timers.h"
#include "steps.h"

#include <math.h>

km_code km_go_over(running *run, km_fit *fit, km_error *error)
{
    const km_method *from = run->method, *to = run->next;
    if (to == NULL)
        return KM_OK;
    const km_turn turn = to->turn(run->task->n_clusters, run->d);
    const double excess =
        fmax(0, (double)run->totals.extras[KM_EXTRA_DISTANCES] / (double)run->n_all - turn.late);
    const double n_left = (double)(run->task->max_iterations - run->number);
    run->excess_of_method += excess;
    if (run->excess_of_method <= turn.start || excess * n_left <= turn.start)
        return KM_OK;
    const double start = km_now();
    fit->n_by_first = run->number - (km_is_resumed(run) ? run->task->resume->n_iterations : 0);
    run->method = to;
    run->next = NULL;
    km_assigner_go_over(
        &run->assigner, from, to, run->rounded,
        (double)run->totals.extras[KM_EXTRA_RELABELED] / (double)run->facts->n_samples, error);
    km_timer_add(run->timers, KM_PHASE_ASSIGN, start);
    return km_agree(run->comm, error);
}
