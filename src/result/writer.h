/* writer.h - attributes and small arrays of a result. The same calls write them, or compare them
 * with those in the file, as `verbs` says. By one rank; after a failure nothing more is done. */
#ifndef SKYMEANS_RESULT_WRITER_H
#define SKYMEANS_RESULT_WRITER_H

#include "base/error.h"
#include "result/result.h"

/* The file, the group that gets the attributes, and whether all calls so far succeeded. */
typedef struct km_writer {
    const km_h5_verbs *verbs;
    hid_t file, group;
    bool is_ok;
} km_writer;

/* Attributes of the group. */
void km_put_int(km_writer *w, const char *name, int64_t value);
void km_put_uint(km_writer *w, const char *name, uint64_t value);
void km_put_real(km_writer *w, const char *name, double value);
void km_put_text(km_writer *w, const char *name, const char *text);
void km_put_hash(km_writer *w, const char *name, uint64_t hash);
void km_put_time(km_writer *w, const char *name, double seconds); /* since 1970 */

/* A dataset of one dimension with `count` values. `dimension` says what they belong to (row,
 * cluster, feature, ...), and becomes the label of the dimension (in h5py: .dims[0].label). */
void km_put_list(km_writer *w, const char *name, const char *dimension, hid_t type, int64_t count,
                 const void *values);

/* Texts, padded with zero bytes to the length of the longest, which all readers of HDF5 can read.
 * KM_MEMORY is the only error. */
void km_put_names(km_writer *w, const char *name, const char *dimension, const char *const *texts,
                  int64_t count, km_error *error);

/* A value for each cluster and feature, [k][d]. */
void km_put_matrix(km_writer *w, const char *name, int64_t k, int64_t d, const double *values);

/* Doubles of two or three dimensions, which are labelled. */
void km_put_values(km_writer *w, const char *name, const char *const *dimensions,
                   const int64_t *sizes, int n_dimensions, const double *values);

/* Creates a group, which gets the attributes that come next; and goes back to the root group. */
void km_writer_open(km_writer *w, const char *name);
void km_writer_close(km_writer *w);

/* /neighbours: which clusters run into each other. */
void km_borders_write(km_writer *w, const km_borders *borders);

/* /sky: where the clusters are, and how large. */
void km_sky_write(km_writer *w, const km_sky *sky, int64_t k);

/* /templates: what the clusters are. KM_MEMORY is the only error. */
void km_templates_write(km_writer *w, const km_templates *templates, km_error *error);

/* /model: all that is needed to label other rows. `scratch` has k * d doubles. KM_MEMORY is the
 * only error. */
void km_model_write(km_writer *w, const km_record *record, double *scratch, km_error *error);

#endif
