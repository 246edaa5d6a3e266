/* result.h - what a run leaves: the result file, progress on the way, the closing summary.
 *
 * It does not know how labels were computed. */
#ifndef SKYMEANS_RESULT_H
#define SKYMEANS_RESULT_H

#include "base/error.h"
#include "base/precision.h"
#include "base/timers.h"
#include "catalogue/catalogue.h"
#include "cluster/cluster.h"
#include "comm/comm.h"
#include "process/log.h"
#include "process/output.h"

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

/* What a run writes. */
typedef struct km_outputs {
    const char *result, *metrics; /* files; NULL: none */
    bool has_distances, may_replace;
} km_outputs;

/* Everything there is to tell about a run: of what, the answer, and how it came about. The values
 * of rows are those of this rank. It is made when there is something to tell, and owns nothing. */
typedef struct km_record {
    const km_outputs *outputs;
    const km_catalogue *catalogue;
    const km_findings *findings; /* of the reading */
    const skymeans_answer *answer;
    const km_setting *setting;
    const double *distances; /* [rows of the slab], NaN for rows that are no samples; NULL: none */
    const char *command;     /* the command line, as a shell takes it */
    const char *seeding;     /* as it was told */
    const char *missing;     /* what happens to rows that miss a feature */
    const char *model;       /* of `predict`: the result of the fit */
    double started;          /* the first go of the run, seconds since 1970 */
    int64_t n_goes;          /* this one, and those that it goes on from */
    bool is_verified;        /* --verify PASSED */
} km_record;

static inline int64_t km_record_missing(const km_record *record)
{
    return record->catalogue->n_rows - record->answer->spread.n_used;
}

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

/* What is said beside the checksum of what `predict` writes, which is another than that of a fit.
 */
#define KM_CHECKSUM_OF_LABELS "(of labels and centers; that of a fit is of its inertia, too)"

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

/* ---- checkpoints ----------------------------------------------------------------------------- */

/* All that a run needs to go on, on any number of ranks. */
typedef struct km_checkpoint {
    double started; /* the first go, seconds since 1970 */
    km_report past; /* of all goes so far: what they took */
    void *state;    /* of the engine, on the first rank; of size 0: it has not begun */
    size_t state_size;
} km_checkpoint;

/* Writes a checkpoint of a question, which is a text with a line for all that must be the same for
 * a run to go on; the one before becomes PATH.prev once this one has been read back. By one rank.
 */
km_code km_checkpoint_write(const char *path, const km_checkpoint *checkpoint, const char *question,
                            km_error *error);

/* Reads a checkpoint, if there is one, or PATH.prev when it is damaged or missing. KM_DATA if it is
 * one of another question, which is said, of another version, damaged with none before it, or holds
 * what no run writes. The state stays on the first rank, which alone needs to know the question.
 * Collective; errors are agreed. Free with km_checkpoint_free. */
km_code km_checkpoint_read(const char *path, km_checkpoint *checkpoint, const char *question,
                           const km_log *log, MPI_Comm comm, bool *is_found, km_error *error);
void km_checkpoint_free(km_checkpoint *checkpoint);

/* The name of the one before, for which there is room for KM_PATH_SIZE + 8 characters. */
void km_checkpoint_previous(const char *path, char *name);

/* Removes both files. By one rank. */
void km_checkpoint_remove(const char *path);

/* Ids that are texts of any length are written and read back so many at a time. */
enum { KM_TEXT_PIECE_ROWS = 1 << 16 };

/* Bytes per rank that writing a result takes beside the answer: rows, and pieces read back. Local.
 */
double km_result_bytes(const km_catalogue *catalogue, const km_shape *shape, bool has_distances);

/* Bytes per rank of ids. Local. */
double km_ids_bytes(const km_catalogue *catalogue, int64_t n_rows);

/* Writes the result beside its final name, reads it back and compares; the caller publishes it.
 * Collective; errors are agreed. */
km_code km_result_write(km_output *output, const km_record *record, MPI_Comm comm, km_error *error);

#endif
