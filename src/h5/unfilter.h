/* unfilter.h - filters of HDF5 that are undone without it, so that several threads can. */
#ifndef SKYMEANS_H5_UNFILTER_H
#define SKYMEANS_H5_UNFILTER_H

#include <stdbool.h>
#include <stddef.h>

/* Are the last 4 of `size` bytes Fletcher's checksum of the others? */
bool km_h5_has_checksum(const unsigned char *data, size_t size);

/* Undoes the shuffle filter: all first bytes, all second bytes, ... become values of `value` bytes
 * each. The bytes after the last whole value are as they were. */
void km_h5_unshuffle(const unsigned char *from, size_t size, size_t value, unsigned char *to);

#endif
