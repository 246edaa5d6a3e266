/* log.h - messages. */
#ifndef SKYMEANS_PROCESS_LOG_H
#define SKYMEANS_PROCESS_LOG_H

#include <stdbool.h>

typedef enum km_verbosity { KM_QUIET, KM_NORMAL, KM_VERBOSE } km_verbosity;

/* Warnings and progress go to stderr, one line each, from one rank only. */
typedef struct km_log {
    bool is_speaker;  /* this rank prints */
    bool is_terminal; /* stderr leads to a terminal */
    km_verbosity verbosity;
} km_log;

km_log km_log_create(bool is_speaker, km_verbosity verbosity);

/* "skymeans: warning: ..." unless quiet. */
void km_warn(const km_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Does stderr lead to a terminal, directly or through mpirun or mpiexec on this node? Then a line
 * may change in place. False for a terminal that can't do that (TERM=dumb), and if the launcher
 * adds something to each line. */
bool km_is_watched(void);
int km_terminal_width(void); /* 80 if it isn't known */

#endif
