/* status.h - tells the user what a run is doing.
 *
 * All ranks may call these functions, one thread of each at a time; only the speaker prints, and
 * not if the run is quiet. On a terminal one line changes in place; elsewhere lines come at growing
 * intervals. Only carriage returns and blanks are used to move the cursor. */
#ifndef SKYMEANS_PROCESS_STATUS_H
#define SKYMEANS_PROCESS_STATUS_H

#include "process/log.h"

#include <stddef.h>

/* Called once; `start` is when the run began, a time of km_now(). Nothing is printed before. */
void km_status_start(const km_log *log, double start);

/* A phase begins. `doing` is "reading" or the like, and stays valid; NULL: none. */
void km_status_phase(const char *doing);

/* This fraction of the phase is done, 0 to 1; negative if it is not known. Printed with the time so
 * far and the estimated time left, once the phase has taken a few seconds. May be called often. */
void km_status_part(double part);

/* km_status_is_due: is it time for another line? km_status_show shows one, without an end of line
 * and cut to the terminal. */
bool km_status_is_due(void);
void km_status_show(const char *text);

/* Clears the line that changes; called before anything else is printed. */
void km_status_clear(void);

/* A time for people: "7.5 s", "45 s", "12 min", "3.4 h". Written to `text`, which is returned. */
const char *km_duration(double seconds, char *text, size_t size);

#endif
