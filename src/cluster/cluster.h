/* cluster.h - the engine: a problem and samples in memory give an answer.
 *
 * It knows no files, no printing and no signals. The functions of skymeans.h are built from these.
 * The program calls skymeans.h, and reads fields of an answer that skymeans.h does not give. All
 * functions are collective over `comm`, and errors are agreed, but where it says local. */
#ifndef SKYMEANS_CLUSTER_CLUSTER_H
#define SKYMEANS_CLUSTER_CLUSTER_H

#include "cluster/choice.h"
#include "cluster/plan.h"
#include "cluster/refine.h"

/* Samples that a caller handed over, and what was done to them since. At first only memory, ranks
 * and names are set, and all else is zero. */
struct skymeans_samples {
    km_samples memory;        /* of this rank */
    int n_ranks, rank;        /* of the communicator that they were made on; 0 ranks: not known */
    const char *const *names; /* [n_features], for messages; NULL: messages have their numbers */
    const char *weights_name; /* for messages; NULL: none */
    bool is_prepared;         /* values are working values, by this transform */
    km_transform transform;
    int64_t n_heights;      /* of the features, those that were added for heights: 0 or 1 */
    double sky;             /* of the problem for which they were scaled */
    uint64_t factors_hash;  /* of the factors in it that the caller gave; 0: none */
    bool has_settled;       /* weights are whole numbers */
    bool has_facts;         /* facts are known */
    km_facts facts;         /* of the working values */
    int64_t n_left_out;     /* rows of all ranks that are no samples, but miss nothing */
    int64_t part_size;      /* neighbours in each part of so many samples are together; 0: none */
    bool has_hash;          /* features_hash is known */
    uint64_t features_hash; /* of the values as they were handed over */
};

/* Are the first features of samples that were not scaled yet unit vectors, if `sky` asks for
 * positions? KM_DATA if not. Collective. */
km_code km_samples_check_sphere(const skymeans_samples *samples, double sky, MPI_Comm comm,
                                km_error *error);

/* Turns weights into whole numbers, once. KM_DATA if all are 0. */
km_code km_samples_settle_weights(skymeans_samples *samples, MPI_Comm comm, km_error *error);

/* The rows of all ranks together. */
typedef struct km_spread {
    int64_t n_rows, n_used; /* used are those that are samples */
    int64_t span;           /* from the lowest row number to the highest, both included */
    int64_t n_of_largest;   /* rows of the largest slab */
} km_spread;

/* The hash of the values as they were handed over. The first call computes it, and must come before
 * the values are changed. */
uint64_t km_samples_find_hash(skymeans_samples *samples, MPI_Comm comm);

km_spread km_samples_find_spread(const skymeans_samples *samples, MPI_Comm comm);

/* Where a run was stopped. */
typedef struct km_stopped_at {
    int64_t fit;       /* from 1; 0: between fits */
    int64_t iteration; /* of that fit; 0: while it was seeded */
} km_stopped_at;

struct skymeans_answer {
    bool is_fit;              /* else a prediction */
    bool is_renumbered;       /* so that of equally near centers a label may be the higher one */
    skymeans_problem problem; /* without first centers */
    km_plan plan;             /* a prediction has only shape and kernel */
    km_spread spread;
    km_precision precision;
    km_rows slab;
    km_transform transform;
    km_fit fit;           /* the best; its labels are below; a prediction has only centers, which
                             are working values, and sizes */
    km_restarts restarts; /* all fits */
    km_choices choice;    /* of several numbers of clusters, to one of which all else belongs */
    double *centers;      /* [k][d], in the units of the features */
    double *plain;        /* [k][d], working values: the centers of the fit without heights */
    double *prices;       /* [k], in the space of the fit; NULL: nothing was balanced */
    int64_t *numbers;     /* [k], those of the clusters when rows got labels, by which ties were
                             decided; NULL: they have them still */
    int32_t *labels;      /* [slab.count], -1 for rows that are no samples */
    int32_t *seconds;     /* the same of the second nearest centers, if a prediction found them with
                             the labels; else NULL */
    uint64_t checksum;    /* of labels, centers and inertia */
    uint64_t features_hash;
    km_refined refined; /* first centers of the last fit */
    km_timers timers;   /* of this rank */
    bool is_complete;   /* has labels; false if it was stopped and saved, or before any fit */
    km_stop stop;       /* of the call if it was stopped, else of the fit that is kept */
    km_stopped_at stopped_at;
};

/* ---- the steps of a call --------------------------------------------------------------------- */

/* What the functions of skymeans.h do once they have checked their arguments. */
km_code km_cluster_collect(skymeans_samples *samples, const skymeans_rows *rows, MPI_Comm comm,
                           km_error *error);
km_code km_cluster_fit(skymeans_answer *answer, const skymeans_problem *problem,
                       skymeans_samples *samples, const skymeans_manner *manner,
                       const skymeans_control *control, MPI_Comm comm, km_error *error);
km_code km_cluster_predict(skymeans_answer *answer, const skymeans_answer *fitted,
                           skymeans_samples *samples, const skymeans_manner *manner, MPI_Comm comm,
                           km_error *error);

/* Makes samples ready for a fit: scales them to working values, finds their facts, and puts them in
 * order if the plan says so. Samples are scaled once: KM_USAGE if they were scaled for a problem
 * with another scaling. KM_DATA if fewer samples have weight than there are clusters. */
km_code km_samples_prepare(skymeans_samples *samples, const km_plan *plan,
                           const skymeans_problem *problem, km_pace *pace, MPI_Comm comm,
                           km_error *error);

/* Puts the samples of each rank in order, unless they are, as the plan's number of clusters asks.
 */
km_code km_samples_put_in_order(skymeans_samples *samples, const km_plan *plan, km_pace *pace,
                                MPI_Comm comm, km_error *error);

/* The method that a fit began with; the planned one of a fit that is not known. */
static inline const km_method *km_answer_method(const skymeans_answer *answer)
{
    return answer->fit.first_method != NULL ? answer->fit.first_method : answer->plan.method;
}

/* Redistributes samples among the ranks, if the plan says so and it was not done yet, for a fit
 * that goes on from these centers, [k][d] working values. */
km_code km_cluster_redistribute(skymeans_samples *samples, const km_plan *plan,
                                const double *centers, km_pace *pace, km_timers *timers,
                                MPI_Comm comm, km_error *error);

/* Returns redistributed samples to the ranks of their slabs, and with them their labels, unless
 * NULL; see km_samples_return. */
km_code km_cluster_return(skymeans_samples *samples, int32_t **labels, km_pace *pace,
                          km_timers *timers, MPI_Comm comm, km_error *error);

/* Completes an answer from its fit and transform: centers in the units of the features, checksum,
 * and labels by row. The labels of the fit, which are by sample, are freed. */
km_code km_answer_complete(skymeans_answer *answer, const skymeans_samples *samples, MPI_Comm comm,
                           km_error *error);

/* The number of features, without heights. Local, both. */
static inline int64_t km_samples_features(const skymeans_samples *samples)
{
    return samples->memory.n_features - samples->n_heights;
}

static inline int64_t km_answer_features(const skymeans_answer *answer)
{
    return answer->plan.shape.n_features - answer->plan.shape.n_heights;
}

/* Adds heights to samples, if the problem asks for them and they have none; they can't be without
 * again. KM_MEMORY is agreed. */
km_code km_samples_add_heights(skymeans_samples *samples, MPI_Comm comm, km_error *error);

/* The hash of labels continued by centers, prices and inertia: the checksum. Local. */
uint64_t km_answer_hash(const skymeans_answer *answer, uint64_t hash_of_labels);

/* Sets the centers of an answer, in the units of the features, from those of its fit, if it has
 * any. Local. */
km_code km_answer_find_centers(skymeans_answer *answer, km_error *error);

/* Converts labels by sample, [n_samples], to labels by row, [slab.count], with -1 for rows that are
 * no samples. The samples must be on the ranks of their slabs. Local. */
void km_labels_by_row(const km_samples *samples, const int32_t *labels, int32_t *of_rows);

/* The distance of each row to the center that `of_rows` names for it, [slab.count] both, as of
 * skymeans_distances; NaN for rows that are no samples. Local. */
void km_answer_measure(const skymeans_answer *answer, const km_samples *memory,
                       const int32_t *of_rows, double *distances);

/* The checksum of an answer, with these labels of its samples, [n_samples]. */
uint64_t km_answer_checksum(const skymeans_answer *answer, const km_samples *samples,
                            const int32_t *labels, MPI_Comm comm);

/* What skymeans_second gives, of an answer to these samples; `own` [slab.count] are the distances
 * of its rows, and may be `distances`, which then replace them. KM_MEMORY. Local. */
km_code km_answer_find_second(const skymeans_answer *answer, const km_samples *samples,
                              const double *own, int32_t *labels, double *distances,
                              km_error *error);

/* Where the clusters of positions on the sky are, in degrees, and how far their samples are from
 * their centers: root mean square and maximum, NaN where a cluster has none with weight. */
typedef struct km_sky {
    double *ra, *dec, *radius_rms, *radius_max; /* [k]; the first owns the memory of all */
} km_sky;

/* Finds them for a complete answer to a problem on the sky. Samples are those of the answer. Free
 * with km_sky_free. */
km_code km_answer_find_sky(km_sky *sky, const skymeans_answer *answer,
                           const skymeans_samples *samples, MPI_Comm comm, km_error *error);
void km_sky_free(km_sky *sky);

/* Gives the clusters of a complete answer other numbers: order[i] is the cluster that becomes
 * number i. Changes labels, centers, sizes, weights and coincidence rates alike, and computes the
 * checksum again. */
km_code km_answer_renumber(skymeans_answer *answer, const int64_t *order, MPI_Comm comm,
                           km_error *error);

/* Checks that all ranks have the same arguments, given their hash, and that the samples were made
 * on these ranks and have the same history on all. KM_USAGE if not. The hashes are local, of a
 * checked problem, a checked manner, and an answer that has centers. */
km_code km_check_alike(const skymeans_samples *samples, uint64_t hash, MPI_Comm comm,
                       km_error *error);
uint64_t km_problem_hash(const skymeans_problem *problem, int64_t n_features);
uint64_t km_manner_hash(const skymeans_manner *manner);
uint64_t km_model_hash(const skymeans_answer *answer);

/* The criteria of the fit of an answer, which has labels of these samples. */
km_code km_criteria_find(const skymeans_answer *answer, const skymeans_samples *samples,
                         km_criteria *criteria, MPI_Comm comm, km_error *error);

/* Clusters with weight. Local. */
static inline int64_t km_answer_n_used(const skymeans_answer *answer)
{
    return answer->plan.shape.n_clusters - answer->fit.n_empty;
}

/* The fits done so far, and those of the whole problem, for all numbers of clusters. Local. */
static inline int64_t km_answer_fits_done(const skymeans_answer *answer)
{
    return answer->choice.n_done * answer->problem.restarts + answer->restarts.count;
}

static inline int64_t km_problem_fits(const skymeans_problem *problem)
{
    return problem->restarts * (problem->n_several > 0 ? problem->n_several : 1);
}

/* Free what samples and an answer own, but not themselves. Local. */
void km_samples_clear(skymeans_samples *samples);
void km_answer_clear(skymeans_answer *answer);

/* Copies an error to the caller's, unless that is NULL; returns its code. Local. */
int km_tell(const km_error *from, skymeans_error *to);

/* ---- verification ---------------------------------------------------------------------------- */

/* What an answer says otherwise than the same samples give again. */
typedef struct km_differences {
    int64_t labels;         /* of rows, also of those that are no samples */
    int64_t sizes, weights; /* of clusters */
    int64_t rows;           /* labelled or missing, more than there are */
    bool has_means;         /* centers were compared with the means of their samples */
    int64_t coordinates;    /* of centers that are not these means */
    bool has_other_inertia;
    double inertia;    /* that was found; 0 if the answer is a prediction */
    uint64_t checksum; /* that was found */
} km_differences;

/* Computes labels, centers, sizes, inertia and checksum of an answer again, with the reference
 * kernel and plain sums, and says what differs, the same on all ranks. Centers are compared if
 * those before the last update are known, and it filled no empty cluster. */
km_code km_answer_compare(km_differences *found, const skymeans_answer *answer,
                          const skymeans_samples *samples, MPI_Comm comm, km_error *error);

/* The same, where every difference is an error. The verdict is the same on all ranks: KM_INTERNAL
 * if verification FAILED, with what differs. */
km_code km_answer_verify(const skymeans_answer *answer, const skymeans_samples *samples,
                         MPI_Comm comm, km_error *error);

/* Bytes per rank of verification, beside samples and answer. Local. */
double km_answer_verify_bytes(const km_shape *shape);

/* ---- saved states ---------------------------------------------------------------------------- */

/* All that a call needs to go on, on any number of ranks: the fits done, and the current one. */
typedef struct km_state {
    uint64_t features_hash;
    km_fit_state next;    /* where the current fit stands */
    km_restarts restarts; /* fits done */
    km_fit best;          /* the best of them, without labels */
    km_choices choice;    /* numbers of clusters that are done, if the problem has several */
} km_state;

/* The problem and the rows that a state belongs to. */
typedef struct km_state_key {
    const skymeans_problem *problem; /* checked */
    int64_t n_rows, n_features;
} km_state_key;

/* The bytes of a state, in a new array, which the caller frees; NULL and KM_MEMORY if there is no
 * memory. Local. */
char *km_state_write(const km_state *state, const km_state_key *key, size_t *size, km_error *error);

/* Reads a state from bytes. KM_DATA if it is of another problem, is damaged, or holds a value that
 * no call with this problem writes; KM_MEMORY. Local. Call km_state_free also after an error. */
km_code km_state_read(km_state *state, const void *bytes, size_t size, const km_state_key *key,
                      km_error *error);
void km_state_free(km_state *state);

#endif
