/* elsewhere.h - finding the files that datasets take values from, shared by files of this room. */
#ifndef SKYMEANS_H5_ELSEWHERE_H
#define SKYMEANS_H5_ELSEWHERE_H

#include "h5/h5.h"

/* Makes the path [KM_PATH_SIZE] of a file in the folder of another one; true if it can be read. A
 * file without a folder is not looked for here; it is in the working directory. */
bool km_is_beside_file(const char *file, const char *name, char *path);

/* Others might wait, or do something, when they are opened. */
bool km_is_regular_file(const char *path);

/* The part of km_h5_check_virtual about external storage. */
void km_check_external(const char *file, hid_t dataset, const char *name, km_h5_visitor visitor,
                       void *context, km_error *error);

/* Opens a dataset, so that HDF5 finds its external files where km_check_external does; negative if
 * that fails. */
hid_t km_open_external(hid_t file, const char *name);

#endif
