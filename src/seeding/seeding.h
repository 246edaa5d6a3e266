/* seeding.h - the first centers.
 *
 * Every choice is keyed on global row numbers, so it does not depend on which rank holds a row. All
 * functions are collective over comm and agree on errors. Centers are [k][d] working values. */
#ifndef SKYMEANS_SEEDING_H
#define SKYMEANS_SEEDING_H

#include "base/error.h"
#include "catalogue/catalogue.h"
#include "comm/comm.h"
#include "kernels/kernels.h"
#include "process/log.h"
#include "samples/samples.h"

/* What a seeding may use; the same on all ranks but for the samples. */
typedef struct km_seeding_task {
    const km_samples *samples;
    const km_kernel *kernel;
    const km_transform *transform; /* for centers in the units of the features */
    int64_t n_clusters;            /* at most the number of samples of all ranks */
    int64_t n_rows;                /* samples that kmeans++ draws from; INT64_MAX: all */
    uint64_t random_seed;
    int64_t restart;           /* each has random numbers of its own */
    const char *file;          /* where centers are read from, or NULL */
    const km_column *features; /* [n_features], their names and units; NULL: none, order counts */
    const km_log *log;         /* for warnings about the file, or NULL */
    MPI_Comm comm;
} km_seeding_task;

/* A row in the table of seedings. */
typedef struct km_seeding {
    const char *name;
    km_code (*choose)(const km_seeding_task *task, double *centers, km_error *error);
} km_seeding;

/* The table, ended by a NULL name. */
extern const km_seeding km_seedings[];

/* Refuses early what is neither a row of the table nor a file that can be opened: KM_SYSTEM. Local.
 */
km_code km_seeding_check(const char *name, km_error *error);

/* The file that a name means, in a new text, which the caller frees; NULL if it is a method. */
char *km_seeding_file(const char *name, km_error *error);

/* Centers from a file: a result or another HDF5 file with one two-dimensional array, or FILE:/path,
 * or text, a center a line. Those of a result go to features by their names. KM_DATA if their shape
 * is not [k][d], or the result has other features. Not a row of the table: its name
 * is that of the file. */
km_code km_seeding_from_file(const km_seeding_task *task, double *centers, km_error *error);

/* The hash of the centers in task->file, in the units of the features; needs no samples but their
 * number of features. */
km_code km_seeding_hash_file(const km_seeding_task *task, uint64_t *hash, km_error *error);

/* A random choice of rows. */
typedef struct km_choice {
    int64_t n_wanted;
    uint64_t random_seed, stream;
} km_choice;

/* The wanted number of samples of all ranks, those with the smallest random numbers of their rows
 * (all if there are no more), but none of weight 0: the numbers of this rank's ones, ascending, in
 * a new array which the caller frees. The same set of rows for any number of ranks. */
km_code km_choose_samples(const km_samples *samples, const km_choice *choice, MPI_Comm comm,
                          int64_t **chosen, int64_t *n_chosen, km_error *error);

#endif
