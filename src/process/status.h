/* status.h - what a run is doing.
 *
 * By one rank, one thread of it at a time, but to be called by all: others, and quiet runs, say
 * nothing. On a terminal one line changes in place; elsewhere lines come at growing intervals.
 * Nothing but carriage returns and blanks moves the cursor. */
#ifndef SKYMEANS_PROCESS_STATUS_H
#define SKYMEANS_PROCESS_STATUS_H

#include "process/log.h"

#include <stddef.h>

/* Once; `start` is when the run began, a time of km_now(). Before it nothing is said. */
void km_status_start(const km_log *log, double start);

/* A phase begins: `doing` is "reading" or the like, and stays valid. NULL: none. */
void km_status_phase(const char *doing);

/* So much of the phase is done, 0 to 1, or a negative number where that isn't known; said with the
 * time that it took and, where it is known, that it still takes, if it takes more than a few
 * seconds. May be called often. */
void km_status_part(double part);

/* Is it time for another line? Then show one: without an end of line, cut to the terminal. */
bool km_status_is_due(void);
void km_status_show(const char *text);

/* Takes away the line that changes, before anything else is printed. */
void km_status_clear(void);

/* A time to be read: "7.5 s", "45 s", "12 min", "3.4 h", in `room`, which is returned. */
const char *km_duration(double seconds, char *room, size_t size);

#endif
