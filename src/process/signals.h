/* signals.h - signals and the clock. */
#ifndef SKYMEANS_PROCESS_SIGNALS_H
#define SKYMEANS_PROCESS_SIGNALS_H

#include <stdbool.h>

/* Why a run should come to an end soon. */
typedef enum km_stop_wish { KM_WISH_NONE, KM_WISH_SIGNAL, KM_WISH_TIME } km_stop_wish;

/* A file that would become too large is an error of its write, EFBIG, not the end of the process.
 */
void km_signals_start(void);

/* From now on the first SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP or SIGXCPU is a wish to stop, a
 * second one ends the process at once; `deadline` is a time of km_now(), or INFINITY. */
void km_stop_watch(double deadline);

/* This rank's wish; `margin` is the time that is needed until one is asked again. */
km_stop_wish km_stop_wanted(double margin);

#endif
