/* cluster.h - the engine: a problem and samples in memory give an answer.
 *
 * No files, no printing, no signals. What skymeans.h declares is made of these; the program calls
 * it, and reads answers here where it tells more of them than others ask. All functions are
 * collective over `comm`, and errors are agreed, but where local is said. */
#ifndef SKYMEANS_CLUSTER_CLUSTER_H
#define SKYMEANS_CLUSTER_CLUSTER_H

#include "cluster/plan.h"

/* Samples that were handed over, and what was done to them since. All zero but for what is in
 * memory is a beginning. */
struct skymeans_samples {
    km_samples memory;        /* of this rank */
    int n_ranks, rank;        /* of the communicator they were made on; 0 ranks: not known */
    const char *const *names; /* [n_features], for messages; NULL: numbers */
    const char *weights_name; /* for messages; NULL: it has none */
    bool is_prepared;         /* from here on: they are working values, by this transform */
    km_transform transform;
    bool has_settled;           /* weights are whole numbers */
    bool has_facts, is_ordered; /* they were fitted */
    km_facts facts;             /* of the working values */
    bool has_hash;
    uint64_t features_hash; /* of the values as they were handed over */
};

/* How many rows all ranks have, and where; the largest slab. */
typedef struct km_spread {
    int64_t n_rows, n_used, span, n_of_largest;
} km_spread;

/* The hash of the values as they were handed over; found once, before the samples are used. */
uint64_t km_samples_find_hash(skymeans_samples *samples, MPI_Comm comm);

km_spread km_samples_find_spread(const skymeans_samples *samples, MPI_Comm comm);

/* Where a run was stopped. */
typedef struct km_stopped_at {
    int64_t fit;       /* from 1; 0: between fits */
    int64_t iteration; /* of that fit; 0: while it was seeded */
} km_stopped_at;

struct skymeans_answer {
    bool is_fit;              /* not a prediction */
    skymeans_problem problem; /* without first centers */
    km_plan plan;             /* of a prediction only the kernel matters */
    km_spread spread;
    km_precision precision;
    km_rows slab;
    km_transform transform;
    km_fit fit;           /* centers are working values; labels are below; of a prediction only
                             centers and sizes */
    km_restarts restarts; /* all fits */
    double *centers;      /* [k][d], in the units of the features */
    int32_t *labels;      /* [slab.count], -1 for rows that are no samples */
    uint64_t checksum;    /* of labels, centers and inertia */
    uint64_t features_hash;
    km_timers timers; /* of this rank */
    bool is_complete; /* not stopped and saved */
    km_stop stop;     /* of the call if it was stopped, else of the fit that is kept */
    km_stopped_at stopped_at;
};

/* ---- the steps, see skymeans.h --------------------------------------------------------------- */

km_code km_cluster_collect(skymeans_samples *samples, const skymeans_rows *rows, MPI_Comm comm,
                           km_error *error);
km_code km_cluster_fit(skymeans_answer *answer, const skymeans_problem *problem,
                       skymeans_samples *samples, const skymeans_manner *manner,
                       const skymeans_control *control, MPI_Comm comm, km_error *error);
km_code km_cluster_predict(skymeans_answer *answer, const skymeans_answer *fitted,
                           skymeans_samples *samples, const skymeans_manner *manner, MPI_Comm comm,
                           km_error *error);

/* From values as they were handed over to working values, in an order that is fast; facts. Once:
 * after that KM_USAGE if the problem scales otherwise. KM_DATA if there are fewer samples with
 * weight than clusters. */
km_code km_samples_prepare(skymeans_samples *samples, const km_plan *plan,
                           const skymeans_problem *problem, km_pace *pace, MPI_Comm comm,
                           km_error *error);

/* Redistributes samples if the plan says so and they are not; and returns them to the ranks of
 * their slabs, with labels, see km_samples_return. */
km_code km_samples_spread(skymeans_samples *samples, const km_plan *plan, km_pace *pace,
                          km_timers *timers, MPI_Comm comm, km_error *error);
km_code km_samples_gather(skymeans_samples *samples, int32_t **labels, km_pace *pace,
                          km_timers *timers, MPI_Comm comm, km_error *error);

/* Completes an answer from fit and transform: centers in the units of the features, the checksum,
 * and labels row by row in the place of those by sample, [n_samples], which are freed. */
km_code km_answer_complete(skymeans_answer *answer, const skymeans_samples *samples, MPI_Comm comm,
                           km_error *error);

/* Fills in an answer's centers from those of its fit, if it has any. Local. */
km_code km_answer_find_centers(skymeans_answer *answer, km_error *error);

/* Labels by sample, [n_samples], to labels by row of the slab, -1 for rows that are no samples. The
 * samples are on their ranks. Local. */
void km_labels_by_row(const km_samples *samples, const int32_t *labels, int32_t *of_rows);

/* The checksum of an answer whose samples have these labels, [n_samples]. */
uint64_t km_answer_checksum(const skymeans_answer *answer, const km_samples *samples,
                            const int32_t *labels, MPI_Comm comm);

/* Have all ranks the same arguments, of which this is a hash, and samples that were made on these
 * ranks and used alike? KM_USAGE if not. Hashes are local, of a checked problem and manner, and of
 * an answer that can predict. */
km_code km_check_alike(const skymeans_samples *samples, uint64_t hash, MPI_Comm comm,
                       km_error *error);
uint64_t km_problem_hash(const skymeans_problem *problem, int64_t n_features);
uint64_t km_manner_hash(const skymeans_manner *manner);
uint64_t km_model_hash(const skymeans_answer *answer);

/* Local. */
void km_samples_clear(skymeans_samples *samples);
void km_answer_clear(skymeans_answer *answer);

/* An error, for a caller, who may want none; returns its code. Local. */
int km_tell(const km_error *from, skymeans_error *to);

/* A copy of a transform, freed by km_transform_free. Local. */
km_code km_transform_copy(km_transform *copy, const km_transform *transform, km_error *error);
bool km_transform_is_same(const km_transform *a, const km_transform *b);

/* ---- verification ---------------------------------------------------------------------------- */

/* Derives labels from the centers, and the last centers from the labels before them, by the
 * reference kernel and plain sums; counts rows; computes the checksum again. The verdict is the
 * same on all ranks: KM_INTERNAL, saying what differs, if it FAILED. */
km_code km_answer_verify(const skymeans_answer *answer, const skymeans_samples *samples,
                         MPI_Comm comm, km_error *error);

/* Bytes per rank that this takes beside samples and answer. Local. */
double km_answer_verify_bytes(const km_shape *shape);

/* ---- saved states ---------------------------------------------------------------------------- */

/* All that a call needs to go on, on any number of ranks: fits done, and the one on its way. */
typedef struct km_state {
    uint64_t features_hash;
    km_fit_state next;    /* of the next fit */
    km_restarts restarts; /* fits done */
    km_fit best;          /* the best of them, without labels */
} km_state;

/* What a state must be of. */
typedef struct km_state_key {
    const skymeans_problem *problem; /* checked */
    int64_t n_rows, n_features;
} km_state_key;

/* The bytes of a state, in a new array, which the caller frees; NULL and KM_MEMORY if there is no
 * memory. Local. */
char *km_state_write(const km_state *state, const km_state_key *key, size_t *size, km_error *error);

/* Reads a state from bytes. KM_DATA if it is one of another problem, which is said, is damaged, or
 * holds what no call of this problem writes. Local. Free with km_state_free, also then. */
km_code km_state_read(km_state *state, const void *bytes, size_t size, const km_state_key *key,
                      km_error *error);
void km_state_free(km_state *state);

#endif
