/* result.h - the files of a run: the result, the model in it that `predict` reads, and checkpoints.
 *
 * It does not know how labels were computed. A go is one start of the program: a run that is
 * stopped with a checkpoint and started again takes several. */
#ifndef SKYMEANS_RESULT_H
#define SKYMEANS_RESULT_H

#include "base/error.h"
#include "base/precision.h"
#include "base/timers.h"
#include "catalogue/catalogue.h"
#include "cluster/cluster.h"
#include "comm/comm.h"
#include "compare/borders.h"
#include "machine/machine.h"
#include "process/energy.h"
#include "process/log.h"
#include "process/output.h"
#include "templates/templates.h"

#include <stdio.h>

/* Where one rank runs. */
typedef struct km_rank_setting {
    char host[MPI_MAX_PROCESSOR_NAME];
    char cpus[128]; /* those it may use, as "0-3,8" */
    int32_t n_cores, n_threads;
} km_rank_setting;

/* Where all ranks of a run are, and with which libraries. */
typedef struct km_setting {
    int n_ranks;
    km_rank_setting *ranks; /* [n_ranks] */
    int64_t n_nodes;
    int64_t ranks_per_node; /* maximum over nodes */
    int64_t max_threads;    /* per rank, maximum over ranks */
    int64_t min_cores;      /* that a rank may use, minimum over ranks */
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[32]; /* versions of the libraries */
    double ended;                                       /* seconds since 1970 */
} km_setting;

/* Gathers it, with the time of now as the end. Collective; the same on all ranks, errors are
 * agreed. Free with km_setting_free. */
km_code km_setting_gather(km_setting *setting, MPI_Comm comm, km_error *error);
void km_setting_free(km_setting *setting);

/* Does the text at `offset` in km_rank_setting differ from that of all lower ranks? Local. */
bool km_setting_is_new(const km_setting *setting, int rank, size_t offset);

/* What a run writes. */
typedef struct km_outputs {
    const char *result, *metrics;                /* files; NULL: none */
    bool has_distances, has_second, may_replace; /* has_second: and then has_distances */
} km_outputs;

/* Everything that files and the summary say about a run. Values per row are those of this rank's
 * slab. It owns nothing. */
typedef struct km_record {
    const km_outputs *outputs;
    const km_catalogue *catalogue;
    const km_findings *findings; /* of the reading */
    const skymeans_answer *answer;
    const km_setting *setting;
    const double *distances; /* [rows of the slab], NaN for dropped rows; NULL: not asked for */
    const int32_t *second_labels;   /* [rows of the slab], as the next; NULL: not asked for */
    const double *second_distances; /* NaN where there is no second label, -1 */
    const km_borders *borders;      /* on rank 0 */
    const km_sky *sky;              /* of the clusters; NULL: features are no positions */
    const km_templates *templates;  /* of the clusters; NULL: not asked for */
    const char *order_by;           /* the column that numbered the clusters; NULL: none */
    const char *fingerprint;        /* of km_fingerprint_print */
    const char *command;            /* the command line, as a shell takes it */
    const char *seeding;            /* as the option says it */
    const char *missing;            /* what is done with rows that miss a feature */
    const char *model;              /* of `predict`: the file of the fit's result */
    double started;                 /* the first go, in seconds since 1970 */
    int64_t n_goes;                 /* with this one */
    bool is_verified;               /* --verify PASSED */
    const km_machine *machine;      /* its limits; NULL: not known */
} km_record;

/* Rows that were dropped since they miss a feature; not those that a condition left out. */
static inline int64_t km_record_missing(const km_record *record)
{
    return record->catalogue->n_rows - record->answer->spread.n_used -
           record->findings->n_excluded - record->findings->n_undecided;
}

/* What of a fit is needed to label the rows of another catalogue. The same on all ranks. */
typedef struct km_model {
    int64_t n_clusters, n_features;
    double *centers; /* [k][d], working values */
    double *prices;  /* [k]; NULL: nothing was balanced */
    bool has_prices, has_numbers;
    int64_t *numbers; /* [k], those of the clusters in the fit; NULL: they have them still */
    km_transform transform;
    km_precision precision;
    bool is_raw, fill_is_missing; /* as the fit read its catalogue */
    int64_t n_missing_values;
    km_missing_value *missing_values; /* of the fit; `column` is a feature, or n_features + i for
                                         the input i of the expressions */
    int64_t expressions_size;         /* of each of the next; 0: no feature is computed */
    char *expressions;                /* [d][expressions_size], empty for stored features */
    char *names;                      /* [d][KM_NAME_SIZE], of the features */
    char *units;                      /* [d][KM_UNITS_SIZE] */
    char checksum[20];
} km_model;

/* Reads the model from a result, with the centers of so many clusters, which the fit may have
 * compared with others; 0: those it kept. KM_DATA if the file is no result, is damaged, or holds
 * numbers that no fit writes: not finite, factors of 0, exponents that no double has. Collective;
 * errors are agreed. Free with km_model_free. */
km_code km_model_read(km_model *model, const char *path, int64_t n_clusters, MPI_Comm comm,
                      km_error *error);
void km_model_free(km_model *model);

/* Hash of what labels rows: working centers [k][d], prices and numbers [k] or NULL, and the
 * transform. It stands in the file, so that a changed bit is no other label. */
uint64_t km_model_numbers_hash(const double *centers, const double *prices, const int64_t *numbers,
                               int64_t k, const km_transform *transform);

/* What a result says of its rows, for `verify`. Labels are those of this rank's slab, all else is
 * the same on all ranks. */
enum { KM_FINGERPRINT_SIZE = 3 * 16 + 3, KM_RECORDED_TEXT_SIZE = KM_DATASET_SIZE };
typedef struct km_recorded {
    bool is_fit; /* else of `predict` */
    bool is_sky, is_renumbered, is_transposed;
    bool has_settled; /* no label changed in the last iteration, so that centers are means */
    int64_t n_rows, n_used, n_missing, n_excluded, n_undecided;
    double inertia; /* 0 if of `predict` */
    uint64_t checksum, features_hash;
    char fingerprint[KM_FINGERPRINT_SIZE]; /* empty in results of versions without it */
    char *table, *where, *weights;         /* as the options named them; or NULL */
    int64_t n_missing_values;
    char *missing_values;    /* [n_missing_values][KM_RECORDED_TEXT_SIZE], as they were given */
    int64_t *missing;        /* [d], rows that miss each feature */
    double *centers;         /* [k][d], in the units of the features */
    int64_t *sizes;          /* [k] */
    double *cluster_weights; /* [k]; NULL if of `predict` */
    int32_t *labels;         /* [rows of the slab] */
} km_recorded;

/* Reads it from the result of a model. KM_DATA if it is damaged, or holds labels that are no
 * clusters. Collective; errors are agreed. Free with km_recorded_free. */
km_code km_recorded_read(km_recorded *recorded, const char *path, const km_model *model,
                         MPI_Comm comm, km_error *error);
void km_recorded_free(km_recorded *recorded);

/* The line that stands for a run: what was asked, on what values, with what answer. */
static inline void km_fingerprint_print(char *text, uint64_t asked, uint64_t values,
                                        uint64_t answer)
{
    snprintf(text, KM_FINGERPRINT_SIZE, "%016llx-%016llx-%016llx", (unsigned long long)asked,
             (unsigned long long)values, (unsigned long long)answer);
}

/* Said beside the checksum of `predict`, which differs from that of the fit. */
#define KM_CHECKSUM_OF_LABELS "(of labels and centers; that of a fit is of its inertia, too)"

/* What a run took, over all its goes. Seconds are minimum, mean and maximum over ranks. */
typedef struct km_report {
    int64_t n_goes; /* with this one */
    double seconds; /* from the start of the program until the result was written, in all goes */
    const char *how_read;
    km_phases min, mean, max;
    km_counts counts;      /* distances and bytes by all ranks */
    int64_t bytes_read;    /* by all ranks */
    int64_t bytes_written; /* the size of the result; 0 before it is written */
    int64_t memory_peak;   /* bytes, maximum over ranks */
    double joules;         /* of all nodes; NaN: not known */
    /* Of km_timers, by all ranks, in this go. */
    int64_t bytes_used, bytes_from_disk, reads_from_disk;
} km_report;

/* Adds this go, which `started` at a time of km_now(), to what earlier goes took up to their last
 * checkpoint; `past` is all 0 if there were none. Collective. */
km_report km_report_gather(const km_timers *timers, const km_findings *findings,
                           const km_energy *energy, double started, const km_report *past,
                           MPI_Comm comm);

/* ---- checkpoints ----------------------------------------------------------------------------- */

/* All that a run needs to go on, on any number of ranks. */
typedef struct km_checkpoint {
    double started; /* the first go, in seconds since 1970 */
    km_report past; /* what all goes so far took */
    void *state;    /* of the engine, on rank 0; of size 0 before the engine has begun */
    size_t state_size;
} km_checkpoint;

/* Writes a checkpoint, and reads it back; only then the previous one becomes PATH.prev. `question`
 * is a text with a line for everything that must be the same for a run to go on. By one rank. */
km_code km_checkpoint_write(const char *path, const km_checkpoint *checkpoint, const char *question,
                            km_error *error);

/* Reads a checkpoint, if there is one, or PATH.prev if it is damaged or missing. KM_DATA if it
 * belongs to another question, whose difference is said, has another version of the format, holds
 * what no run writes, or is damaged and has no previous one. The state stays on rank 0, and only
 * there the question is needed. Collective; errors are agreed. Free with km_checkpoint_free. */
km_code km_checkpoint_read(const char *path, km_checkpoint *checkpoint, const char *question,
                           const km_log *log, MPI_Comm comm, bool *is_found, km_error *error);
void km_checkpoint_free(km_checkpoint *checkpoint);

/* The name of the previous checkpoint; `name` has KM_PATH_SIZE + 8 characters. */
void km_checkpoint_previous(const char *path, char *name);

/* Removes the checkpoint and the previous one. By one rank. */
void km_checkpoint_remove(const char *path);

/* So many ids that are texts of any length are written and read back at a time. */
enum { KM_TEXT_PIECE_ROWS = 1 << 16 };

/* Bytes per rank that writing a result takes beside the answer: distances, and pieces that are read
 * back. Local. */
double km_result_bytes(const km_catalogue *catalogue, const km_shape *shape,
                       const km_outputs *outputs);

/* Bytes of the ids of so many rows. Local. */
double km_ids_bytes(const km_catalogue *catalogue, const km_shape *shape);

/* Writes the result under a temporary name, reads it back and compares; then the caller publishes
 * it. Collective; errors are agreed. */
km_code km_result_write(km_output *output, const km_record *record, MPI_Comm comm, km_error *error);

#endif
