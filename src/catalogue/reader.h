/* reader.h - how a rank reads its slab, shared by the files of this room.
 *
 * The threads of a rank take pieces in turns. HDF5 lets only one thread in at a time: that one
 * finds the next rows and reads them. Meanwhile the others decode, unpack and hand over what they
 * read, so that values stay in the cache of the core that read them. */
#ifndef SKYMEANS_CATALOGUE_READER_H
#define SKYMEANS_CATALOGUE_READER_H

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "opened.h"

#include <pthread.h>

/* Values of a column in the buffers, in the working precision. */
typedef struct column_values {
    char *first;
    int64_t stride; /* bytes */
} column_values;

/* A --missing-value as the column would store it, in the working precision. */
typedef struct stored_missing {
    int64_t column;
    double value;
} stored_missing;

/* A file that is being read, by one thread or several. */
typedef struct km_file_in_use {
    int64_t number; /* of the catalogue's files */
    const char *path;
    km_opened_file own, *opened; /* opened: &own, or the file that all ranks have open together */
    km_column *columns;          /* of own */
    int64_t piece_rows;          /* rows of a piece, which begins at a multiple of them */
    int64_t n_missing_values;
    stored_missing *missing_values;
    int n_users; /* the reader, and the pieces that still hold its rows */
} km_file_in_use;

typedef struct km_reader {
    const km_catalogue *catalogue;
    km_missing missing;
    km_pace *pace; /* NULL: none */
    km_samples *samples;
    km_findings *findings;
    int rank; /* for messages */
    /* For the thread that holds this lock, which also protects HDF5: */
    pthread_mutex_t reading;
    pthread_cond_t left;  /* a piece was released */
    int64_t at, n_pieces; /* the next row of the catalogue; pieces begun so far */
    km_file_in_use *file; /* the file of that row; NULL before the first */
    bool is_over;         /* no thread begins another piece */
    km_error changed;     /* KM_DATA for the first file that changed while it was read */
    /* For the thread whose turn it is, in the order of the pieces: */
    pthread_mutex_t turns;
    pthread_cond_t turned;
    int64_t turn, n_samples;
    km_error refused; /* the first row that is not allowed */
    km_error *error;  /* of the first piece that failed */
} km_reader;

/* Rows that a thread has read. */
typedef struct km_piece {
    km_reader *reader;
    km_file_in_use *file;
    int64_t number;
    km_rows rows; /* of the catalogue */
    int64_t first_in_file;
    char *arena; /* the memory of all arrays below */
    int64_t arena_bytes;
    int64_t capacity;      /* in rows */
    char **buffers;        /* [n_sources], elements as they were read */
    char **odd;            /* [n_columns], of columns that HDF5 converts */
    char **unpacked;       /* [n_columns], of columns that are not used where they were read */
    column_values *values; /* [n_columns] */
    km_values *features;   /* [n_features], the same as in `values` */
    uint8_t *fates;        /* [capacity], km_fate */
    const double **inputs; /* [number of inputs of expressions], some rows of each */
    double *registers;     /* of expressions, see km_expression_compute */
    km_h5_chunks *chunks;
    bool has_unread; /* reading without HDF5 failed */
} km_piece;

/* Opens the file of the next row of the slab, if it is another one. KM_MEMORY, KM_DATA, KM_SYSTEM.
 * Called by the thread that has HDF5, as the next functions. */
void km_file_find(km_reader *reader, km_error *error);

/* Drops a user of a file; the last one closes it. NULL does nothing. */
void km_file_leave(km_reader *reader, km_file_in_use *file);

/* KM_DATA if the file has changed since the catalogue was opened. */
void km_file_check_unchanged(const km_file *file, km_error *error);

/* Allocates the buffers of a piece for its file, at most `max_rows` rows. KM_MEMORY. */
km_code km_piece_allocate(km_piece *piece, int64_t max_rows, km_error *error);
void km_piece_free(km_piece *piece);

/* Reads all sources by HDF5, except those that need none. Chunks are decoded later. */
void km_piece_read(km_piece *piece, km_error *error);

/* Has the system read some rows of an open file ahead. */
void km_file_announce(const km_file_in_use *file, km_rows rows);

/* Reads the sources that need no HDF5. By any thread. */
void km_piece_read_plain(km_piece *piece, km_error *error);

/* Has HDF5 read again what failed without it, and convert what only it can. */
void km_piece_complete(km_piece *piece, km_error *error);

/* Frees what HDF5 allocated for texts of any length. */
void km_piece_free_texts(const km_piece *piece);

/* Where the values of a field begin in what was read, and their stride in bytes. */
const char *km_piece_first(const km_piece *piece, const km_field *field, int64_t *stride);

/* The value that a column has in a precision where its file means this number: rounded to the type
 * of the file. Of packed integers, the unpacked value nearest to it, if the number is close to
 * that. */
double km_as_stored(const km_field *field, km_precision precision, double value);

/* Rounds the values of --missing-value as the columns of a file store them. KM_MEMORY. */
km_code km_file_prepare_missing(km_file_in_use *file, const km_catalogue *catalogue,
                                km_error *error);

/* Converts the numbers that only HDF5 can convert; KM_DATA if it can't. */
km_code km_piece_convert_odd(km_piece *piece, km_error *error);

/* Makes values in the working precision of the file's numbers: NaN where the file, a mask or the
 * command line says that a value is missing. Computes expressions. Marks the rows that a condition
 * excludes or that miss a feature, and counts them, the latter per feature. */
void km_piece_take_values(km_piece *piece);

/* Computes the columns that are expressions, in `count` rows from number `first` of the piece, and
 * what becomes of them by the condition. Before that, the values that expressions read are there,
 * NaN where one is missing. */
void km_piece_compute(km_piece *piece, int64_t first, int64_t count);

/* The registers that the expressions of a catalogue need. */
int64_t km_count_registers(const km_catalogue *catalogue);

/* Notes the first row that is not allowed: one with a bad weight, or with a missing value if that
 * is an error. */
void km_piece_refuse_rows(const km_piece *piece, km_error *refused);

#endif
