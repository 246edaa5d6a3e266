/* direct.h - reading and writing files past what the system keeps of them in memory, many pieces at
 * a time. All functions are local; a queue is for one thread at a time. */
#ifndef SKYMEANS_PROCESS_DIRECT_H
#define SKYMEANS_PROCESS_DIRECT_H

#include "base/error.h"

#include <sys/types.h>

typedef struct km_direct km_direct;

/* From now on transfers of this file go past the memory of the system, where its file system can;
 * memory, offsets and sizes must be multiples of 4096 then. */
void km_direct_use(int file);

/* A queue of transfers; NULL and KM_MEMORY if it can't be had. */
km_direct *km_direct_create(km_error *error);
void km_direct_free(km_direct *queue);

/* Adds a transfer of n_bytes between memory and file, or of what the file has of them. False: the
 * file can't be read or written. */
bool km_direct_add(km_direct *queue, int file, bool is_write, void *memory, off_t offset,
                   size_t n_bytes);

/* Begins those that were added: together, since each call takes as long as reading 30 KB. False as
 * before. */
bool km_direct_start(km_direct *queue);

/* Begins those that were added, and waits until all transfers are done. False as before. */
bool km_direct_finish(km_direct *queue);

#endif
