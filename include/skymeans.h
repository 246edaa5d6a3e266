/* skymeans.h - k-means over the ranks of an MPI communicator, on samples in memory.
 *
 * A problem and samples give an answer, and the same problem and the same rows give the same bits:
 * for any number of ranks and threads, any distribution of the rows, any algorithm and processor.
 *
 *     skymeans_problem problem = SKYMEANS_PROBLEM(8);
 *     skymeans_rows rows = SKYMEANS_ROWS;
 *     skymeans_samples *samples;
 *     skymeans_answer *answer;
 *     skymeans_error error;
 *     rows.n_rows = n;
 *     rows.n_features = 3;
 *     rows.type = SKYMEANS_FLOAT64;
 *     rows.values = positions;
 *     if (skymeans_samples_create(&samples, &rows, comm, &error) != SKYMEANS_OK ||
 *         skymeans_fit(&answer, &problem, samples, NULL, NULL, comm, &error) != SKYMEANS_OK)
 *         fprintf(stderr, "%s\n", error.text);
 *
 * Collective functions are called by all ranks of the communicator, with the same arguments but for
 * rows, threads and contexts. They work on a copy of the communicator, which is no
 * intercommunicator, and return the same code and text on all ranks. In a process that has not
 * started MPI the communicator is MPI_COMM_NULL, for one rank. Of MPI, MPI_THREAD_SINGLE is enough,
 * and MPI_THREAD_MULTIPLE lets several threads be in calls at once, on different communicators and
 * different objects.
 *
 * No function prints, ends the process, or leaves changed what belongs to the caller: signals, the
 * number of OpenMP threads, rounding, MPI's error handler, the rows that were handed over. But
 * where MPI itself fails on the copied communicator, MPI ends the process, since nothing can be
 * agreed on.
 *
 * Structs begin with their size, which the macros fill in, so that later versions can add fields.
 */
#ifndef SKYMEANS_H
#define SKYMEANS_H

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define SKYMEANS_API __attribute__((visibility("default")))
#else
#define SKYMEANS_API
#endif

/* The version of the library, "1.2.3". Local. */
SKYMEANS_API const char *skymeans_version(void);

/* The communicator of this process by itself: MPI_COMM_SELF where MPI runs, else MPI_COMM_NULL. For
 * callers that have no mpi.h, as those in Python. Local. */
SKYMEANS_API MPI_Comm skymeans_comm_alone(void);

/* ---- errors ---------------------------------------------------------------------------------- */

enum {
    SKYMEANS_OK = 0,
    SKYMEANS_INTERNAL = 1, /* a bug of skymeans */
    SKYMEANS_USAGE = 2,    /* an argument that can't be */
    SKYMEANS_DATA = 3,     /* samples or a saved state with which this can't be done */
    SKYMEANS_SYSTEM = 4,   /* what a caller's function reports */
    SKYMEANS_MEMORY = 5    /* or threads that can't be made */
};

/* What went wrong, in one line: "WHAT: WHY; TRY". Code 0 and an empty text if nothing did. */
typedef struct skymeans_error {
    int code;
    char text[6144]; /* names of files may be in it */
} skymeans_error;

/* ---- the problem: what decides the answer ---------------------------------------------------- */

typedef struct skymeans_problem {
    size_t size;
    int64_t n_clusters;  /* 1 to 2^31 - 1, at most the number of rows that have weight */
    const char *seeding; /* how first centers are chosen: "kmeans++", "kmeans-parallel", "random",
                            "refined" */
    const double *first_centers; /* instead: [n_clusters][n_features], in the units of the features;
                                    NULL: none. For a warm start the centers of another answer */
    int64_t seeding_rows; /* rows that kmeans++ and refined draw from; 0: the larger of 100 000 and
                             500 times n_clusters; INT64_MAX: all */
    uint64_t random_seed; /* of all that is drawn: first centers, rows that clusters are balanced
                             by, and what stability and gap are found by */
    int64_t restarts; /* fits from different first centers, of which the best is kept; at least 1.
                         SKYMEANS_DATA if their inertias are beyond doubles, so that none is */
    double tolerance; /* a fit has converged when the sum of the squared shifts of its centers is at
                         most this tolerance times the mean variance of the features; 0: when no
                         label changes */
    int64_t max_iterations; /* of a fit; at least 1 */
    const char *scale;      /* of the features: "none", "standard" (mean 0, variance 1), "minmax",
                               "robust" (median 0, the middle 68 % from about -1 to 1) */
    const char *missing;    /* rows with a value that is not finite: "drop" leaves them out, with
                               label -1; "error" fails */
    const double *factors;  /* [n_features], from 1e-100 to 1e100: features are multiplied by them
                               after scaling; NULL: by 1 */
    const int64_t *several; /* [n_several], ascending: fits with several numbers of clusters, of
                               which one is kept; n_clusters is then the last; NULL: only one */
    int64_t n_several;
    const char *choose; /* of several, the one kept: that with the best "silhouette" (NULL),
                           "calinski-harabasz", "davies-bouldin" or "stability" */
    int64_t bootstrap;  /* of several, stability also between so many fits of resampled rows */
    double sky;         /* not 0: the first three features are unit vectors of positions on the sky
                           (others are SKYMEANS_DATA); they are not scaled, but multiplied by this, from
                           1e-100 to 1e100, and their centers stay on the sphere */
    int64_t gap; /* of several, the gap statistic, by so many sets of rows without clusters */
    const char *balance; /* "count" or "weight": clusters of equal numbers of rows, or sums of
                            weights; NULL: each row belongs to the nearest center */
} skymeans_problem;

/* With the defaults, for k clusters. */
#define SKYMEANS_PROBLEM(k)                                                                        \
    {                                                                                              \
        sizeof(skymeans_problem), (k), "kmeans++", NULL, 0, 0, 1, 1e-4, 300, "none", "drop", NULL, \
            NULL, 0, NULL, 0, 0, 0, NULL                                                           \
    }

/* The first field in which two problems differ so that their answers may differ, by name; NULL if
 * there is none. First centers are compared as [n_clusters][n_features]. Local. */
SKYMEANS_API const char *skymeans_problem_difference(const skymeans_problem *a,
                                                     const skymeans_problem *b, int64_t n_features);

/* ---- the samples ----------------------------------------------------------------------------- */

typedef enum skymeans_type { SKYMEANS_FLOAT32, SKYMEANS_FLOAT64 } skymeans_type;

/* Where the rows of this rank are. All stay the caller's, who may change or free them once the
 * samples are made. Values are at values + row * row_stride + feature * feature_stride, or, if
 * columns are given, at columns[feature] + row * row_stride; strides are bytes, of any sign. */
typedef struct skymeans_rows {
    size_t size;
    int64_t n_rows;     /* of this rank, 0 to 2^32 - 1 */
    int64_t first_row;  /* the number of this rank's first row among the rows of all ranks; must
                           ascend with ranks. -1 on all ranks: rows follow those of lower ranks.
                           The answer depends on these numbers, not on ranks */
    int64_t n_features; /* 1 to 2^31 - 1, the same on all ranks */
    skymeans_type type; /* of all values, which is also the precision of distances */
    const void *values;
    int64_t row_stride;         /* 0: rows lie one after the other (of columns: values do) */
    int64_t feature_stride;     /* 0: the values of a row lie one after the other */
    const void *const *columns; /* [n_features], the first value of each; NULL: see values */
    const double *weights;      /* [n_rows], at least 0 and finite, or NULL on all ranks: all 1. A
                                   row of weight 0 gets a label and counts for nothing */
    int64_t weight_stride;      /* 0: one after the other */
} skymeans_rows;

#define SKYMEANS_ROWS                                                                \
    {                                                                                \
        sizeof(skymeans_rows), 0, -1, 0, SKYMEANS_FLOAT64, NULL, 0, 0, NULL, NULL, 0 \
    }

/* Samples in memory, spread over the ranks of a communicator. */
typedef struct skymeans_samples skymeans_samples;

/* Copies rows once, into blocks that suit the processor. Collective. The caller frees the samples
 * with skymeans_samples_free; on failure *samples is NULL. SKYMEANS_USAGE for rows that can't be
 * (no values, numbers that several ranks have), SKYMEANS_DATA for weights that can't be,
 * SKYMEANS_MEMORY. */
SKYMEANS_API int skymeans_samples_create(skymeans_samples **samples, const skymeans_rows *rows,
                                         MPI_Comm comm, skymeans_error *error);

/* Local; NULL is nothing. */
SKYMEANS_API void skymeans_samples_free(skymeans_samples *samples);

/* ---- the manner: what never changes the answer ----------------------------------------------- */

typedef struct skymeans_manner {
    size_t size;
    int64_t threads;       /* per rank; 0: as many as OpenMP would take here, or those of them that
                              can be made. One in a process that was forked from one in which
                              calls have had several */
    const char *algorithm; /* "auto", "lloyd", "tree", "bounds", "neighbours" */
    const char *kernel;    /* "auto", or the name of an instruction set, for tests */
    int64_t second;        /* 1: a prediction finds the second nearest centers in the same pass, so
                              that skymeans_second takes less time; 0: it does not */
} skymeans_manner;

#define SKYMEANS_MANNER                               \
    {                                                 \
        sizeof(skymeans_manner), 0, "auto", "auto", 0 \
    }

/* ---- the control: seeing, stopping, saving --------------------------------------------------- */

/* One assignment and one update. Inertia and shift are in the space of the fit: after scaling. */
typedef struct skymeans_iteration {
    int64_t number;         /* from 1 */
    double inertia;         /* weighted sum of squared distances to the centers before the update */
    double shift;           /* sum of the squared shifts of the centers in the update */
    int64_t relabeled;      /* samples with weight whose label the assignment changed */
    double seconds;         /* wall time; in answers the longest of all ranks */
    int64_t distances;      /* between samples and centers that all ranks evaluated; depends on the
                               manner, ranks and threads, as seconds do */
    int64_t most_distances; /* in answers of the rank that evaluated most; in events of this one */
} skymeans_iteration;

typedef enum skymeans_event_kind {
    SKYMEANS_PHASE,      /* something begins: `doing` */
    SKYMEANS_PART,       /* the part of it that is done: `part` */
    SKYMEANS_FIT_BEGINS, /* before its seeding: `fit` */
    SKYMEANS_ITERATED,   /* `iteration` is done */
    SKYMEANS_FIT_ENDS    /* `fit` is done; not of one that went on from a saved state */
} skymeans_event_kind;

typedef struct skymeans_event {
    skymeans_event_kind kind;
    const char *doing; /* "ordering", "seeding" and the like; NULL: nothing that takes long */
    double part;       /* 0 to 1; negative: not known */
    int64_t fit;       /* from 0 */
    const skymeans_iteration *iteration; /* valid during the call */
} skymeans_event;

/* Functions are called with `context`; any may be NULL. They must not call skymeans with the same
 * communicator or samples. */
typedef struct skymeans_control {
    size_t size;
    void *context;
    /* Called on every rank; not collective, so ranks may be at different events at a time. */
    void (*observe)(void *context, const skymeans_event *event);
    /* Should the call come to an end soon? Asked on every rank between iterations and now and then
     * in seedings; one rank's wish is enough. */
    int (*wants_stop)(void *context);
    /* Seconds from now on after which the call should have returned; 0: no limit; not negative. It
     * ends when another iteration might take longer, but not before there is something to keep. */
    double seconds;
    /* Saves a state, from which the same problem goes on with the same rows on any number of ranks.
     * Called on all ranks together, every save_interval seconds and when the call has to stop;
     * `state` is NULL on all ranks but the first, and belongs to the call. Returns 0; anything else
     * ends the call with the code and text of *error (SKYMEANS_SYSTEM if it is left empty). */
    int (*save)(void *context, const void *state, size_t size, skymeans_error *error);
    double save_interval; /* 0: after each iteration */
    const void *resume;   /* a state that was saved, given on the first rank; NULL: none */
    size_t resume_size;
} skymeans_control;

#define SKYMEANS_CONTROL                                                  \
    {                                                                     \
        sizeof(skymeans_control), NULL, NULL, NULL, 0, NULL, 600, NULL, 0 \
    }

/* ---- the answer ------------------------------------------------------------------------------ */

/* It owns all that it returns pointers to, which stay valid until it is freed. It needs neither the
 * samples nor the problem any more. Equal on all ranks but for labels. */
typedef struct skymeans_answer skymeans_answer;

/* Clusters samples. `manner` and `control` may be NULL. Collective over the communicator of the
 * samples, or another of the same ranks in the same order. The caller frees the answer with
 * skymeans_answer_free; on failure *answer is NULL. Samples may be used again, for predictions by
 * answers that were fitted to them, and for problems with the same scale, factors and sky, and with
 * a balance if one before had any. After a prediction by an answer that was fitted to others they
 * can't be fitted. SKYMEANS_USAGE, SKYMEANS_DATA (too few rows, weights that are all 0, ranges that
 * overflow, a state of another problem or of other rows), SKYMEANS_SYSTEM, SKYMEANS_MEMORY. */
SKYMEANS_API int skymeans_fit(skymeans_answer **answer, const skymeans_problem *problem,
                              skymeans_samples *samples, const skymeans_manner *manner,
                              const skymeans_control *control, MPI_Comm comm,
                              skymeans_error *error);

/* Labels samples by the centers of a fitted answer, as its fit would. The samples must be new, or
 * fitted by this fit. Collective; the new answer has labels, sizes, centers, and a checksum of
 * them. Errors as above. */
SKYMEANS_API int skymeans_predict(skymeans_answer **answer, const skymeans_answer *fitted,
                                  skymeans_samples *samples, const skymeans_manner *manner,
                                  MPI_Comm comm, skymeans_error *error);

/* Local; NULL is nothing. */
SKYMEANS_API void skymeans_answer_free(skymeans_answer *answer);

typedef enum skymeans_stop {
    SKYMEANS_STOP_TOLERANCE,      /* converged: the centers moved less than the tolerance */
    SKYMEANS_STOP_NO_CHANGE,      /* converged: no label changed */
    SKYMEANS_STOP_MAX_ITERATIONS, /* the limit came first */
    SKYMEANS_STOP_WISH,           /* control.wants_stop */
    SKYMEANS_STOP_TIME            /* control.seconds */
} skymeans_stop;

typedef struct skymeans_summary {
    size_t size;
    int64_t n_clusters, n_features;
    int64_t n_rows, n_used; /* of all ranks; used are those without missing values */
    double inertia;         /* weighted sum of squared distances to the centers, after scaling;
                               infinite if that is no double: of such fits the first is kept */
    int64_t n_iterations;
    skymeans_stop stop; /* of the fit that is kept, or of the call if it was stopped */
    int64_t n_fits;     /* that were done, of problem.restarts */
    int64_t best;       /* the one that is kept, from 0 */
    int64_t n_empty;    /* clusters without weight: more clusters than distinct rows */
    uint64_t checksum;  /* of labels, centers and inertia: that which the program prints */
    int is_complete;    /* 0 if the call was stopped and saved, or stopped before anything was
                           done: then there are no labels, and the centers are those of the best
                           fit so far (NULL if none is done) */
} skymeans_summary;

#define SKYMEANS_SUMMARY                                                                   \
    {                                                                                      \
        sizeof(skymeans_summary), 0, 0, 0, 0, 0, 0, SKYMEANS_STOP_TOLERANCE, 0, 0, 0, 0, 0 \
    }

/* Fills in a summary. Local, as are all below. */
SKYMEANS_API void skymeans_summarize(const skymeans_answer *answer, skymeans_summary *summary);

/* [n_clusters][n_features], in the units of the features; [n_clusters], rows; and [n_clusters],
 * sums of weights, NULL of a prediction. */
SKYMEANS_API const double *skymeans_centers(const skymeans_answer *answer);
SKYMEANS_API const int64_t *skymeans_sizes(const skymeans_answer *answer);
SKYMEANS_API const double *skymeans_weights(const skymeans_answer *answer);

/* [n_rows] of this rank, in the order in which they were handed over, from 0; -1 where a value is
 * missing. NULL if the answer is not complete. */
SKYMEANS_API const int32_t *skymeans_labels(const skymeans_answer *answer);

/* [n_iterations] of the fit that is kept; NULL of a prediction. */
SKYMEANS_API const skymeans_iteration *skymeans_history(const skymeans_answer *answer);

/* What is known of one of several numbers of clusters; docs/choice.md defines the criteria. NaN:
 * can't be said. */
typedef struct skymeans_choice {
    size_t size;
    int64_t n_clusters, n_iterations;
    double inertia, silhouette, calinski_harabasz, davies_bouldin;
    double stability, coincidence, bootstrap;
    const double *centers; /* [n_clusters][n_features], in the units of the features */
    double gap, gap_error;
} skymeans_choice;

#define SKYMEANS_CHOICE                                                \
    {                                                                  \
        sizeof(skymeans_choice), 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0 \
    }

/* How many of problem.several were done, which are the last of them; 0 if there was only one number
 * of clusters, or the answer is not complete. *kept becomes the place of the one that is kept among
 * those done, from 0. And what is known of the one at place i; nothing is filled in if there is
 * none. */
SKYMEANS_API int64_t skymeans_n_choices(const skymeans_answer *answer, int64_t *kept);
SKYMEANS_API void skymeans_choice_of(const skymeans_answer *answer, int64_t i,
                                     skymeans_choice *choice);

/* The distance of each row of this rank to the center of its label, after scaling, [n_rows]; NaN
 * where a value is missing. SKYMEANS_USAGE if the answer has no labels, or `samples` are not those
 * that it was made of; SKYMEANS_MEMORY. */
SKYMEANS_API int skymeans_distances(const skymeans_answer *answer, const skymeans_samples *samples,
                                    double *distances, skymeans_error *error);

/* The second nearest center of each row of this rank: the nearest but that of its label, the lowest
 * number of those equally near, and the distance to it as above, [n_rows]; -1 and NaN where a value
 * is missing, and with one cluster. Errors as above; SKYMEANS_USAGE also for clusters of equal
 * size, whose rows may have another center nearest. */
SKYMEANS_API int skymeans_second(const skymeans_answer *answer, const skymeans_samples *samples,
                                 int32_t *labels, double *distances, skymeans_error *error);

/* ---- keeping an answer ----------------------------------------------------------------------- */

/* All that turns rows into labels. With offset, factor and exponent a value x of feature j is
 * compared as (x - offset[j]) * factor[j] * 2^-exponent, in the precision of the type; the working
 * centers are such values. */
typedef struct skymeans_model {
    size_t size;
    int64_t n_clusters, n_features;
    const double *working_centers; /* [n_clusters][n_features] */
    const double *offset, *factor; /* [n_features]; NULL: 0 and 1 */
    int exponent;
    const char *scale; /* of the problem */
    skymeans_type type;
    const double *prices;   /* [n_clusters], of clusters of equal size: what is added to squared
                               distances, which are after scaling; NULL: 0 */
    const int64_t *numbers; /* [n_clusters], those of the clusters when the rows of the fit got
                               labels: a row equally near to several gets the one that had the
                               lowest; NULL: they have them still */
} skymeans_model;

#define SKYMEANS_MODEL                                                                          \
    {                                                                                           \
        sizeof(skymeans_model), 0, 0, NULL, NULL, NULL, 0, "none", SKYMEANS_FLOAT64, NULL, NULL \
    }

/* The model of an answer, whose arrays stay those of the answer. */
SKYMEANS_API void skymeans_model_of(const skymeans_answer *answer, skymeans_model *model);

/* An answer that can predict, from a model that was kept; of a model without offset, factor and
 * exponent the centers are in the units of the features. Local. SKYMEANS_USAGE, SKYMEANS_MEMORY. */
SKYMEANS_API int skymeans_answer_from_model(skymeans_answer **answer, const skymeans_model *model,
                                            skymeans_error *error);

#ifdef __cplusplus
}
#endif

#endif
