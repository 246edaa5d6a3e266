/* signals.h - signals belong to the process, so this is the one place with state of its own. */
#ifndef SKYMEANS_PROCESS_SIGNALS_H
#define SKYMEANS_PROCESS_SIGNALS_H

#include <stdbool.h>

/* A file that would become too large is an error of its write, EFBIG, not the end of the
 * process. */
void km_signals_start(void);

/* From now on the first SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP or SIGXCPU is noted, and a second
 * one ends the process at once. May be called again. */
void km_signals_watch(void);

/* Has one come since? */
bool km_signal_came(void);

#endif
