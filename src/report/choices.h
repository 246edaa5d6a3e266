/* choices.h - the table of the numbers of clusters that a fit compared. Local, by one rank. */
#ifndef SKYMEANS_REPORT_CHOICES_H
#define SKYMEANS_REPORT_CHOICES_H

#include "cluster/cluster.h"

/* Prints it to stdout, with a column for each criterion that is known of any; nothing if there was
 * only one number. */
void km_choices_print(const km_choices *choices);

#endif
