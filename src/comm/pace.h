/* pace.h - progress and end of a call: tells the caller's observer of progress, asks whether to
 * stop, watches the deadline, and says when to save a state. A stop is a value that all ranks agree
 * on, not an error.
 *
 * All functions but km_pace_agree are local. A pace may be NULL: it tells nobody, never stops. */
#ifndef SKYMEANS_COMM_PACE_H
#define SKYMEANS_COMM_PACE_H

#include "comm/comm.h"
#include "skymeans.h"

/* Why a rank wishes the call to end soon. The maximum over the ranks counts. */
typedef enum km_wish { KM_WISH_NONE, KM_WISH_TIME, KM_WISH_STOP } km_wish;

typedef struct km_pace {
    const skymeans_control *control; /* not NULL */
    double deadline;                 /* a time of km_now(), or INFINITY */
    bool has_nothing;                /* nothing to keep yet, so the deadline does not count */
    km_wish stop;                    /* why the call ends, as all ranks have agreed */
    const char *doing;               /* the current phase; NULL: none that takes long */
    int64_t fit;                     /* number of the current fit, from 0 */
    /* Seconds: the maxima so far of an iteration and of saving; the time to return samples, taken
     * from the last redistribution; and the time of the last fit before its first iteration. */
    double iteration, saving, returning, beginning;
    double saved; /* a time of km_now(): the last save, or the start of the call */
} km_pace;

km_pace km_pace_start(const skymeans_control *control);

/* A phase begins. `doing` must stay valid, as literals do; NULL: no phase that takes long. */
void km_pace_phase(km_pace *pace, const char *doing);

/* The part of the phase that is done, 0 to 1; negative: not known. */
void km_pace_part(km_pace *pace, double part);

void km_pace_begin_fit(km_pace *pace, int64_t fit);
void km_pace_iterated(km_pace *pace, const skymeans_iteration *iteration);
void km_pace_end_fit(km_pace *pace);

/* The wish of this rank, if the next time to stop comes in `seconds`. */
km_wish km_pace_wish(const km_pace *pace, double seconds);

/* Can the call save states at all; and is the next one due? */
bool km_pace_can_save(const km_pace *pace);
bool km_pace_is_save_due(const km_pace *pace);

/* Sets the wish to stop. The ranks must agree on it: either all set the same one, or km_pace_agree
 * then sets the maximum over the ranks, which is collective. */
void km_pace_stop(km_pace *pace, km_wish wish);
void km_pace_agree(km_pace *pace, MPI_Comm comm);
bool km_pace_is_stopped(const km_pace *pace);

#endif
