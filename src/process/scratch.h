/* scratch.h - large arrays in files of scratch folders, so that a rank can have more samples than
 * memory. */
#ifndef SKYMEANS_PROCESS_SCRATCH_H
#define SKYMEANS_PROCESS_SCRATCH_H

#include "base/error.h"

/* What is true of the scratch folders on one node. */
typedef struct km_scratch_room {
    double free;           /* bytes that this user may still write there */
    const char *in_memory; /* a folder on a file system in memory; NULL: none is */
} km_scratch_room;

/* Puts all large arrays of this process from now on into files of `folders`, separated by colons.
 * Ranks of a node begin with different folders, and take one after the other. Files have no names,
 * so nothing is left behind however the process ends. KM_SYSTEM if a folder can't be used. Local.
 */
km_code km_scratch_start(const char *folders, int rank_of_node, int ranks_of_node, km_error *error);

/* After all large arrays are freed. Local. */
void km_scratch_end(void);

/* How much room there is, after km_scratch_start. Local. */
km_scratch_room km_scratch_find_room(void);

#endif
