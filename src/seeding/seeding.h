/* seeding.h - the first centers.
 *
 * Every choice is keyed on global row numbers, so it does not depend on which rank holds a row. All
 * functions are collective over comm and agree on errors. Centers are [k][d] working values. */
#ifndef SKYMEANS_SEEDING_H
#define SKYMEANS_SEEDING_H

#include "base/error.h"
#include "comm/pace.h"
#include "kernels/kernels.h"
#include "samples/samples.h"

/* What a seeding may use; the same on all ranks but for the samples. */
typedef struct km_seeding_task {
    const km_samples *samples;
    const km_kernel *kernel;
    int64_t n_clusters; /* at most the number of samples of all ranks */
    int64_t n_rows;     /* samples that kmeans++ draws from; INT64_MAX: all */
    uint64_t random_seed;
    int64_t restart; /* each has random numbers of its own */
    km_pace *pace;   /* NULL: none; a stop leaves the centers unfinished */
    MPI_Comm comm;
} km_seeding_task;

/* A row in the table of seedings. */
typedef struct km_seeding {
    const char *name;
    km_code (*choose)(const km_seeding_task *task, double *centers, km_error *error);
    double (*bytes)(const km_shape *shape);   /* that it needs per rank */
    bool (*reads_all)(const km_shape *shape); /* again and again: neighbours in memory help it */
} km_seeding;

/* The table, ended by a NULL name. */
extern const km_seeding km_seedings[];

/* The row called so; NULL if there is none. */
const km_seeding *km_seeding_find(const char *name);

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
