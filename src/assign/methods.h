/* The functions behind the table of methods. */
#ifndef SKYMEANS_ASSIGN_METHODS_H
#define SKYMEANS_ASSIGN_METHODS_H

#include "skymeans/assign.h"

void km_assign_lloyd(km_assigner *assigner, const void *centers);

#endif
