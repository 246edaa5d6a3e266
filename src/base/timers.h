/* timers.h - wall time by phase, and what was done in it. */
#ifndef SKYMEANS_BASE_TIMERS_H
#define SKYMEANS_BASE_TIMERS_H

#include <stdint.h>

typedef enum km_phase {
    KM_PHASE_START,
    KM_PHASE_OPEN,
    KM_PHASE_READ,
    KM_PHASE_ORDER,
    KM_PHASE_SEED,
    KM_PHASE_ASSIGN,
    KM_PHASE_REDUCE,
    KM_PHASE_WAIT, /* for the ranks that come later to a reduction */
    KM_PHASE_UPDATE,
    KM_PHASE_WRITE,
    KM_PHASE_CHECKPOINT,
    KM_N_PHASES
} km_phase;

/* What this rank did in all iterations, and in the assignments after the last of each fit. */
typedef struct km_counts {
    int64_t assignments, distances;    /* passes over all samples; distances evaluated in them */
    int64_t reductions, bytes_reduced; /* sums over the ranks; bytes handed to them */
} km_counts;

/* Wall seconds in each phase. */
typedef struct km_phases {
    double seconds[KM_N_PHASES];
} km_phases;

/* What this rank took, and what it did. */
typedef struct km_timers {
    double seconds[KM_N_PHASES];
    km_counts counts;
    int64_t bytes_used, bytes_from_disk; /* of large arrays in assignments, and read for them, */
    int64_t reads_from_disk;             /* by so many transfers */
} km_timers;

const char *km_phase_name(km_phase phase);

/* Seconds since a fixed moment, on a clock that only runs forward. */
double km_now(void);

/* Adds the time since `start` to a phase and returns the time now, the start of the next one. */
double km_timer_add(km_timers *timers, km_phase phase, double start);

/* Adds seconds and counts. */
void km_timers_add_up(km_timers *sum, const km_timers *more);
void km_counts_add_up(km_counts *sum, const km_counts *more);

#endif
