/* mock.h - mock catalogues: rows drawn from a known distribution, with the truth beside them.
 *
 * Each value depends on the kind, the seed, the shape and its global row alone, so that any number
 * of ranks, threads and files gives the same rows. */
#ifndef SKYMEANS_MOCK_H
#define SKYMEANS_MOCK_H

#include "base/error.h"
#include "comm/comm.h"

/* Root attribute of files with a mock catalogue: the kind. Their group /truth is no table. */
#define KM_MOCK_MARK "skymeans_mock"

enum { KM_MOCK_MAX_COLUMNS = 65536, KM_MOCK_MAX_FILES = 100000 };

/* What is asked for. Zero, or NULL: the kind's default. */
typedef struct km_mock_asked {
    const char *path; /* of the file; of several files, numbers are put before its ending */
    const char *kind, *layout, *type; /* of km_mock_kind_names, ...layout_names, ...type_names */
    int64_t n_rows;
    int64_t n_columns, n_clusters; /* of a mixture */
    uint64_t random_seed;
    int64_t n_files;
    int64_t chunk_rows; /* rows of a chunk */
    int64_t compress;   /* level of deflate, 0: none */
    bool may_replace;
} km_mock_asked;

/* The choices, ended by NULL. */
extern const char *const km_mock_kind_names[], *const km_mock_layout_names[],
                                                   *const km_mock_type_names[];

/* A mock catalogue: its columns, and what its rows are drawn from. */
typedef struct km_mock km_mock;

/* Prepares a catalogue; NULL on failure: KM_USAGE if what is asked for contradicts itself,
 * KM_MEMORY. Local; all ranks get the same. Free with km_mock_free. */
km_mock *km_mock_create(const km_mock_asked *asked, km_error *error);
void km_mock_free(km_mock *mock);

/* What the caller may say while files are written; all zeros: nothing. */
typedef struct km_mock_control {
    /* Asked now and then whether to give up. */
    bool (*is_stopped)(void);
    /* Told, by any thread, the bytes of rows that were written without compression at an offset of
     * a file, and read back alike. The descriptor is open for writing: a test drops them there. */
    bool (*written)(int descriptor, void *bytes, int64_t size, int64_t offset);
} km_mock_control;

/* What was written. */
typedef struct km_mock_report {
    int64_t n_columns, n_files, n_bytes; /* n_bytes: of all files */
    bool is_durable;                     /* safe from a power failure */
} km_mock_report;

/* Refuses outputs that can't be written: KM_USAGE if one exists, KM_SYSTEM. Local. */
km_code km_mock_check_outputs(const km_mock *mock, km_error *error);

/* Writes the files, each beside its final name, reads them back, and names them once all are
 * complete. Collective; all ranks get the same code. KM_SYSTEM if a file can't be written, or on
 * giving up; then none is left but, if giving names failed, those that have theirs. */
km_code km_mock_write(const km_mock *mock, km_mock_control control, MPI_Comm comm,
                      km_mock_report *report, km_error *error);

#endif
