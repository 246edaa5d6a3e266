/* log.h - messages. */
#ifndef SKYMEANS_PROCESS_LOG_H
#define SKYMEANS_PROCESS_LOG_H

#include <stdbool.h>

typedef enum km_verbosity { KM_QUIET, KM_NORMAL, KM_VERBOSE } km_verbosity;

/* One rank speaks: warnings and progress go to stderr, each a line. */
typedef struct km_log {
    bool is_speaker;
    bool is_terminal; /* stderr leads to one */
    km_verbosity verbosity;
} km_log;

km_log km_log_create(bool is_speaker, km_verbosity verbosity);

/* "skymeans: warning: ..." unless quiet. */
void km_warn(const km_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Does stderr lead to a terminal: by itself, or through mpirun or mpiexec on this node? Then a line
 * may change in place. False for a terminal that can't (TERM=dumb), and where a launcher adds
 * something to each line. */
bool km_is_watched(void);
int km_terminal_width(void); /* 80 if it isn't known */

#endif
