/* result.h - what a run leaves: the result file, progress on the way, the closing summary.
 *
 * It does not know how labels were computed. */
#ifndef SKYMEANS_RESULT_H
#define SKYMEANS_RESULT_H

#include "base/error.h"
#include "base/precision.h"
#include "base/timers.h"
#include "catalogue/catalogue.h"
#include "comm/comm.h"
#include "fit/fit.h"
#include "plan/plan.h"
#include "process/log.h"
#include "process/output.h"
#include "samples/samples.h"

/* Where a rank runs. */
typedef struct km_seat {
    char host[MPI_MAX_PROCESSOR_NAME];
    char cpus[128]; /* its mask, as "0-3,8" */
    int32_t n_cores, n_threads;
} km_seat;

/* Where a run took place, and with what. */
typedef struct km_setting {
    int n_ranks;
    km_seat *seats; /* [n_ranks] */
    int64_t n_nodes;
    int64_t ranks_per_node;                             /* of the node that has most */
    int64_t most_threads;                               /* of a rank */
    int64_t fewest_cores;                               /* that a rank might use */
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[32]; /* versions of the libraries */
    double ended;                                       /* seconds since 1970 */
} km_setting;

/* Collective; the same on all ranks, errors are agreed. Free with km_setting_free. */
km_code km_setting_gather(km_setting *setting, MPI_Comm comm, km_error *error);
void km_setting_free(km_setting *setting);

/* Is the text at this offset of a rank's seat that of no rank before it? */
bool km_setting_is_new(const km_setting *setting, int rank, size_t offset);

/* Everything there is to tell about a run; samples and labels are this rank's. */
typedef struct km_record {
    const km_options *options;
    const km_plan *plan;
    const km_catalogue *catalogue;
    const km_transform *transform;
    const km_samples *samples;
    const km_findings *findings; /* of the reading */
    const km_fit *fit;           /* of `predict` only centers, sizes and labels */
    const km_restarts *restarts; /* NULL for `predict` */
    const km_setting *setting;   /* before anything is written */
    const char *command;         /* the command line, as a shell takes it */
    int64_t n_used, n_missing;
    double started;         /* the first go of the run, seconds since 1970 */
    int64_t n_goes;         /* this one, and those that it goes on from */
    uint64_t seeding_hash;  /* of the first centers in the file of --seeding, else 0 */
    double *centers;        /* [k][d], in the units of the features */
    int32_t *row_labels;    /* [rows of the slab], -1 for those that are no samples */
    double *row_distances;  /* [rows of the slab], NaN for those; NULL if not asked for */
    uint64_t checksum;      /* of labels, centers and inertia */
    uint64_t features_hash; /* of the feature values of all used rows */
    uint64_t read_hash;     /* of what --verify reads again, see km_hash_as_read */
    bool is_verified;       /* --verify PASSED */
} km_record;

/* The result of a fit, as far as others can be labelled with it: all that turns the numbers of a
 * catalogue into labels. The same on all ranks. */
typedef struct km_model {
    int64_t n_clusters, n_features;
    double *centers; /* [k][d], working values */
    km_transform transform;
    km_precision precision;
    bool is_raw, fill_is_missing; /* as the fit read its catalogue */
    int64_t n_missing_values;
    km_missing_value *missing_values; /* of the fit; columns are features */
    char *names;                      /* [d][KM_NAME_SIZE], of the features */
    char *units;                      /* [d][KM_UNITS_SIZE] */
    char checksum[20];
} km_model;

/* Reads a result. KM_DATA if the file is none, or damaged, or holds numbers that no fit has: not
 * finite, factors of 0, exponents that no double has. Collective; errors are agreed. */
km_code km_model_read(km_model *model, const char *path, MPI_Comm comm, km_error *error);
void km_model_free(km_model *model);

/* Completes a record from its first part: centers in the units of the features, labels and
 * distances row by row, and the checksum. Collective; errors are agreed. Free with km_record_free.
 */
km_code km_record_complete(km_record *record, MPI_Comm comm, km_error *error);
void km_record_free(km_record *record);

/* What is said beside the checksum of what `predict` writes, which is another than that of a fit.
 */
#define KM_CHECKSUM_OF_LABELS "(of labels and centers; that of a fit is of its inertia, too)"

/* The checksum of a record whose samples have these labels. Collective. */
uint64_t km_checksum(const km_record *record, const int32_t *labels, MPI_Comm comm);

/* What all ranks did, as least, mean and most of them; over all goes of a run. */
typedef struct km_report {
    int64_t n_goes; /* this one, and those before it that left a checkpoint */
    double seconds; /* from the start of the first rank until the result was written */
    const char *how_read;
    km_timers least, mean, most;
    int64_t bytes_read;  /* by all */
    int64_t memory_peak; /* bytes, of the rank that had most */
} km_report;

/* Adds this go, which `started` at a time of km_now(), to what goes before it took, up to their
 * last checkpoint; all 0 if there were none. Collective. */
km_report km_report_gather(const km_timers *timers, const km_findings *findings, double started,
                           const km_report *past, MPI_Comm comm);

/* ---- checkpoints --------------------------------------------------------------------------------
 */

/* All that a run needs to go on, on any number of ranks: fits done, and the one on its way. */
typedef struct km_checkpoint {
    double started;         /* the first go, seconds since 1970 */
    km_report past;         /* of all goes so far: what they took */
    bool has_features_hash; /* false if it was stopped before the catalogue was read */
    uint64_t features_hash;
    km_fit_state state;    /* of the next fit */
    km_restarts *restarts; /* fits done; created by the caller */
    km_fit *best;          /* the best of them, without labels */
} km_checkpoint;

/* Writes a checkpoint; the one before becomes PATH.prev once this one has been read back. The
 * record tells the question: options, plan and catalogue. Collective; errors are agreed. */
km_code km_checkpoint_write(const char *path, km_checkpoint *checkpoint, const km_record *record,
                            MPI_Comm comm, km_error *error);

/* Reads a checkpoint, if there is one, or PATH.prev when it is damaged or missing. KM_DATA if it is
 * one of another question, which is said, of another version, damaged with none before it, or holds
 * what no run of this question writes.
 * Collective; errors are agreed. Free the state with km_checkpoint_free. */
km_code km_checkpoint_read(const char *path, km_checkpoint *checkpoint, const km_record *record,
                           const km_log *log, MPI_Comm comm, bool *is_found, km_error *error);
void km_checkpoint_free(km_checkpoint *checkpoint);

/* The name of the one before, for which there is room for KM_PATH_SIZE + 8 characters. */
void km_checkpoint_previous(const char *path, char *name);

/* Removes both files. By one rank. */
void km_checkpoint_remove(const char *path);

/* Writes the result beside its final name, reads it back and compares; the caller publishes it.
 * Collective; errors are agreed. */
km_code km_result_write(km_output *output, const km_record *record, MPI_Comm comm, km_error *error);

/* --verify: derives labels from the centers, and the last centers from the labels before them, by
 * the reference kernel and plain sums; counts rows; computes the checksum again. Collective; the
 * verdict is the same on all ranks. KM_INTERNAL, saying what differs, if it FAILED. */
km_code km_verify(km_record *record, MPI_Comm comm, km_error *error);

#endif
