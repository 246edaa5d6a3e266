/* planning.h - what --dry-run says beside the plan and its memory. Local, by one rank. */
#ifndef SKYMEANS_REPORT_PLANNING_H
#define SKYMEANS_REPORT_PLANNING_H

#include "report/report.h"

/* Prints bytes to read, times, whether there are too many ranks, and lines for Slurm; `memory` is
 * that of a rank, in bytes. */
void km_planning_print(const km_dry_run *run, double memory);

#endif
