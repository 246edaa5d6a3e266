/* timers.h - wall time by phase. */
#ifndef SKYMEANS_BASE_TIMERS_H
#define SKYMEANS_BASE_TIMERS_H

typedef enum km_phase {
    KM_PHASE_OPEN,
    KM_PHASE_READ,
    KM_PHASE_ORDER,
    KM_PHASE_SEED,
    KM_PHASE_ASSIGN,
    KM_PHASE_REDUCE,
    KM_PHASE_UPDATE,
    KM_PHASE_WRITE,
    KM_PHASE_CHECKPOINT,
    KM_N_PHASES
} km_phase;

/* Wall seconds of this rank in each phase. */
typedef struct km_timers {
    double seconds[KM_N_PHASES];
} km_timers;

const char *km_phase_name(km_phase phase);

/* Seconds since a fixed moment, on a clock that only runs forward. */
double km_now(void);

/* Adds the time since `start` to a phase and returns the time now, the start of the next one. */
double km_timer_add(km_timers *timers, km_phase phase, double start);

#endif
