/* seeding.h - the choice of first centers.
 *
 * Random numbers depend on global row numbers alone, so choices do not depend on which rank holds a
 * row. Functions with a communicator are collective over it, and errors are agreed. Centers are
 * [k][d] working values. */
#ifndef SKYMEANS_SEEDING_H
#define SKYMEANS_SEEDING_H

#include "base/error.h"
#include "comm/pace.h"
#include "kernels/kernels.h"
#include "samples/samples.h"

/* What a seeding is asked to do; all but the samples is the same on all ranks. */
typedef struct km_seeding_task {
    const km_samples *samples;
    const km_kernel *kernel;
    int64_t n_clusters; /* at most the number of samples of all ranks */
    int64_t n_rows;     /* number of samples that kmeans++ draws from; INT64_MAX: all */
    bool is_plain; /* kmeans++ is never greedy, which it is by itself where that takes too long */
    uint64_t random_seed;
    int64_t restart; /* number of the fit, from 0; each has its own random numbers */
    km_pace *pace;   /* NULL: none; after a stop the centers are undefined */
    MPI_Comm comm;
} km_seeding_task;

/* A row in the table of seedings. */
typedef struct km_seeding {
    const char *name;
    km_code (*choose)(const km_seeding_task *task, double *centers, km_error *error);
    double (*bytes)(const km_shape *shape); /* per rank, beside samples and centers */
    /* Does it pass over all samples many times? Then it is faster when they are in order. */
    bool (*reads_all)(const km_shape *shape);
    bool draws_from_rows; /* from n_rows of the task, of which there must be n_clusters */
    bool is_refined;      /* cluster/refine.h: a fit of a sample of rows improves these centers */
    bool is_nested;       /* fewer centers are the first of more, by the same task otherwise */
} km_seeding;

/* The table, ended by a NULL name. */
extern const km_seeding km_seedings[];

/* The row of the table with this name; NULL if there is none. Local. */
const km_seeding *km_seeding_find(const char *name);

/* A random choice of rows, by keys that are the rows' random numbers in a stream. */
typedef struct km_choice {
    int64_t n_wanted;
    uint64_t random_seed, stream;
} km_choice;

/* Chooses n_wanted of the samples of all ranks, those whose rows have the smallest keys; all
 * samples if there are fewer, but none of weight 0. *chosen is a new array of the numbers of the
 * chosen samples of this rank, ascending, which the caller frees. The rows are the same for any
 * number of ranks. KM_MEMORY, agreed. */
km_code km_choose_samples(const km_samples *samples, const km_choice *choice, MPI_Comm comm,
                          int64_t **chosen, int64_t *n_chosen, km_error *error);

/* Copies the chosen samples, and puts the copy of each rank in an order that is fast. KM_MEMORY,
 * agreed, and nothing to free; else free with km_samples_free. */
km_code km_select_samples(const km_samples *samples, const km_choice *choice, MPI_Comm comm,
                          km_samples *selected, km_error *error);

/* Bytes of km_select_samples if n of the chosen samples are on this rank: of its fullest moment,
 * copies included. */
double km_select_bytes(const km_shape *shape, double n);

#endif
