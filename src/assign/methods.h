/* The functions behind the table of methods. */
#ifndef SKYMEANS_ASSIGN_METHODS_H
#define SKYMEANS_ASSIGN_METHODS_H

#include "skymeans/assign.h"

void km_assign_lloyd(km_assigner *assigner, const void *centers);

km_code km_tree_create(km_assigner *assigner, km_error *error);
void km_tree_assign(km_assigner *assigner, const void *centers);
void km_tree_free(km_assigner *assigner);

#endif
