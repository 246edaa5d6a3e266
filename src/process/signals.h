/* signals.h - notes the signals that ask the run to stop. Signals belong to the process, so this
 * file has global state. */
#ifndef SKYMEANS_PROCESS_SIGNALS_H
#define SKYMEANS_PROCESS_SIGNALS_H

#include <stdbool.h>

/* A write beyond the limit of a file's size then fails with EFBIG instead of ending the process. */
void km_signals_start(void);

/* From now on the first SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP or SIGXCPU is noted, and a second
 * one ends the process. May be called again. */
void km_signals_watch(void);

/* Has a signal been noted? */
bool km_signal_came(void);

#endif
