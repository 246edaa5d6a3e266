/* Puts the small contents of a result down: writes them, or compares them with what is there. By
 * one rank. The first failure is kept, and nothing is done after it. */
#ifndef SKYMEANS_RESULT_WRITER_H
#define SKYMEANS_RESULT_WRITER_H

#include "base/error.h"
#include "result/result.h"

/* The file and the group whose attributes are put down, and whether all has gone well so far. */
typedef struct km_writer {
    const km_h5_verbs *verbs;
    hid_t file, group;
    bool is_ok;
} km_writer;

/* Attributes of the group. */
void km_put_attribute(km_writer *w, const char *name, hid_t type, const void *value);
void km_put_int(km_writer *w, const char *name, int64_t value);
void km_put_uint(km_writer *w, const char *name, uint64_t value);
void km_put_real(km_writer *w, const char *name, double value);
void km_put_text(km_writer *w, const char *name, const char *text);
void km_put_hash(km_writer *w, const char *name, uint64_t hash);
void km_put_time(km_writer *w, const char *name, double seconds); /* since 1970 */

/* A dataset of one dimension, of which the values are `count` rows, clusters, features, ...: what
 * `dimension` calls it, for readers that know labels of dimensions (h5py: .dims[0].label). */
void km_put_list(km_writer *w, const char *name, const char *dimension, hid_t type, int64_t count,
                 const void *values);

/* Texts, padded with zero bytes to the length of the longest: what all readers of HDF5 can read.
 * KM_MEMORY if there is no room for them. */
void km_put_names(km_writer *w, const char *name, const char *dimension, const char *const *texts,
                  int64_t count, km_error *error);

/* A feature of each cluster, [k][d]. */
void km_put_matrix(km_writer *w, const char *name, int64_t k, int64_t d, const double *values);

/* The group whose attributes come next, which is made; and back to the root group. */
void km_writer_open(km_writer *w, const char *name);
void km_writer_close(km_writer *w);

/* /model, by which rows were labelled: all that the treatment of another row needs. `room` has
 * k * d doubles. KM_MEMORY is the only error. */
void km_model_write(km_writer *w, const km_record *record, double *room, km_error *error);

#endif
