/* Progress, stops and saves of a call. */
#include "comm/pace.h"

#include "base/timers.h"

#include <math.h>

km_pace km_pace_start(const skymeans_control *control)
{
    const double now = km_now();
    return (km_pace){.control = control,
                     .deadline = control->seconds > 0 ? now + control->seconds : INFINITY,
                     .saved = now};
}

static void tell_observer(km_pace *pace, skymeans_event event)
{
    if (pace == NULL || pace->control->observe == NULL)
        return;
    event.doing = pace->doing;
    event.fit = pace->fit;
    pace->control->observe(pace->control->context, &event);
}

void km_pace_phase(km_pace *pace, const char *doing)
{
    if (pace != NULL)
        pace->doing = doing;
    tell_observer(pace, (skymeans_event){.kind = SKYMEANS_PHASE, .part = -1});
}

void km_pace_part(km_pace *pace, double part)
{
    tell_observer(pace, (skymeans_event){.kind = SKYMEANS_PART, .part = part});
}

void km_pace_begin_fit(km_pace *pace, int64_t fit)
{
    if (pace != NULL)
        pace->fit = fit;
    tell_observer(pace, (skymeans_event){.kind = SKYMEANS_FIT_BEGINS, .part = -1});
}

void km_pace_iterated(km_pace *pace, const skymeans_iteration *iteration)
{
    tell_observer(pace,
                  (skymeans_event){.kind = SKYMEANS_ITERATED, .part = -1, .iteration = iteration});
}

void km_pace_end_fit(km_pace *pace)
{
    tell_observer(pace, (skymeans_event){.kind = SKYMEANS_FIT_ENDS, .part = -1});
}

km_wish km_pace_wish(const km_pace *pace, double seconds)
{
    if (pace == NULL)
        return KM_WISH_NONE;
    const skymeans_control *control = pace->control;
    if (control->wants_stop != NULL && control->wants_stop(control->context))
        return KM_WISH_STOP;
    const bool is_late =
        !pace->has_nothing && km_now() + seconds + pace->returning > pace->deadline;
    return is_late ? KM_WISH_TIME : KM_WISH_NONE;
}

bool km_pace_can_save(const km_pace *pace)
{
    return pace != NULL && pace->control->save != NULL;
}

bool km_pace_is_save_due(const km_pace *pace)
{
    return km_pace_can_save(pace) && km_now() - pace->saved >= pace->control->save_interval;
}

void km_pace_stop(km_pace *pace, km_wish wish)
{
    if (pace != NULL && wish > pace->stop)
        pace->stop = wish;
}

void km_pace_agree(km_pace *pace, MPI_Comm comm)
{
    int64_t wish = pace != NULL ? (int64_t)pace->stop : 0;
    km_max_int64(comm, &wish, 1);
    km_pace_stop(pace, (km_wish)wish);
}

bool km_pace_is_stopped(const km_pace *pace)
{
    return pace != NULL && pace->stop != KM_WISH_NONE;
}
