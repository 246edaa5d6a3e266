/* pace.h - how long a call goes on: who is told of its progress, who may wish it to stop, when its
 * time is up, and when a state is to be saved. A stop is a value that all ranks agree on, not an
 * error.
 *
 * Local but for km_pace_agree. A pace that is NULL tells nobody and never stops. */
#ifndef SKYMEANS_COMM_PACE_H
#define SKYMEANS_COMM_PACE_H

#include "comm/comm.h"
#include "skymeans.h"

/* Why a call should come to an end soon; of several ranks' wishes the largest counts. */
typedef enum km_wish { KM_WISH_NONE, KM_WISH_TIME, KM_WISH_STOP } km_wish;

typedef struct km_pace {
    const skymeans_control *control; /* not NULL */
    double deadline;                 /* a time of km_now(), or INFINITY */
    bool has_nothing;                /* to keep yet, so that the deadline does not count */
    km_wish stop;                    /* why the call ends, as all ranks have agreed */
    const char *doing;
    int64_t fit;
    /* Seconds: the longest iteration, saving and return of samples so far, and the beginning of the
     * last fit up to its first iteration. */
    double iteration, saving, returning, beginning;
    double saved; /* when a state was saved last, or could have been */
} km_pace;

km_pace km_pace_start(const skymeans_control *control);

/* A phase begins; `doing` stays valid. NULL: none that takes long. */
void km_pace_phase(km_pace *pace, const char *doing);

/* So much of it is done, 0 to 1, or negative where that isn't known. */
void km_pace_part(km_pace *pace, double part);

void km_pace_begin_fit(km_pace *pace, int64_t fit);
void km_pace_iterated(km_pace *pace, const skymeans_iteration *iteration);
void km_pace_end_fit(km_pace *pace);

/* This rank's wish, if it is asked again after so many seconds. */
km_wish km_pace_wish(const km_pace *pace, double seconds);

/* Can the call save, and is it time to? */
bool km_pace_can_save(const km_pace *pace);
bool km_pace_is_save_due(const km_pace *pace);

/* Takes over a wish that all ranks agree on, or of which they do by km_pace_agree, collective. */
void km_pace_stop(km_pace *pace, km_wish wish);
void km_pace_agree(km_pace *pace, MPI_Comm comm);
bool km_pace_is_stopped(const km_pace *pace);

#endif
