/* How a rank reads its slab, shared by the files of this room.
 *
 * Its threads take pieces in turns. One at a time uses HDF5, which knows no threads: it finds the
 * next rows and reads them; the others meanwhile decode, unpack and hand over what they read, so
 * that values stay in the cache of the core that read them. */
#ifndef SKYMEANS_CATALOGUE_READER_H
#define SKYMEANS_CATALOGUE_READER_H

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "opened.h"

#include <pthread.h>

/* Values of a column in the buffers, in the precision that is wanted. */
typedef struct column_values {
    char *first;
    int64_t stride; /* bytes */
} column_values;

/* A --missing-value, as a column would hold it in the precision that is wanted. */
typedef struct stored_missing {
    int64_t column;
    double value;
} stored_missing;

/* A file that is being read, by one thread or several. */
typedef struct km_file_in_use {
    int64_t number; /* of the catalogue's files */
    const char *path;
    km_opened_file own, *opened; /* opened: own, or the one that all ranks have open together */
    km_column *columns;          /* of own */
    int64_t piece_rows;          /* that are read at once, from a multiple of them on */
    int64_t n_missing_values;
    stored_missing *missing_values;
    int n_users; /* the reader, and the pieces that were read from it */
} km_file_in_use;

typedef struct km_reader {
    const km_catalogue *catalogue;
    km_missing missing;
    km_pace *pace; /* NULL: none */
    km_samples *samples;
    km_findings *findings;
    int rank; /* for messages */
    /* Of the thread that holds it, like HDF5: */
    pthread_mutex_t reading;
    int64_t at, n_pieces; /* the next row of the catalogue, and how many pieces were begun */
    km_file_in_use *file; /* that it is in; NULL before the first */
    bool is_over;         /* no thread begins another piece */
    km_error changed;     /* the first file that did, while it was read */
    /* Of the thread whose turn it is, in the order of the pieces: */
    pthread_mutex_t turns;
    pthread_cond_t turned;
    int64_t turn, n_samples;
    km_error refused; /* the first row that may not be as it is */
    km_error *error;  /* the first piece that failed */
} km_reader;

/* Rows that a thread has read. */
typedef struct km_piece {
    km_reader *reader;
    km_file_in_use *file;
    int64_t number;
    km_rows rows; /* of the catalogue */
    int64_t first_in_file;
    char *arena; /* that all of these are in: */
    int64_t arena_bytes;
    int64_t capacity;
    char **buffers;        /* [n_sources], what was read */
    char **odd;            /* [n_columns], numbers that HDF5 converts */
    char **unpacked;       /* [n_columns], of those that are not used where they are read */
    column_values *values; /* [n_columns] */
    km_values *features;   /* [n_features], the same as `values` */
    uint8_t *is_missing;   /* [capacity] */
    km_h5_chunks *chunks;
    bool has_unread; /* reading without HDF5 failed */
} km_piece;

/* Goes to the file that the next row of the slab is in. KM_MEMORY, KM_DATA, KM_SYSTEM. By the
 * thread that has HDF5, as all of these. */
void km_file_find(km_reader *reader, km_error *error);

/* One user fewer; the last one closes the file. NULL does nothing. */
void km_file_leave(km_reader *reader, km_file_in_use *file);

/* KM_DATA if it is not what it was when the catalogue was opened. */
void km_file_check_unchanged(const km_file *file, km_error *error);

/* Makes room for the pieces of a file, at most `max_rows` each. KM_MEMORY. */
km_code km_piece_allocate(km_piece *piece, int64_t max_rows, km_error *error);
void km_piece_free(km_piece *piece);

/* Where the values of a field begin in what was read of its source, and how many bytes apart they
 * are. */
const char *km_piece_first(const km_piece *piece, const km_field *field, int64_t *stride);

/* The value that a field has in a precision where its file means this number: rounded to its type;
 * of packed integers, what the nearest stored one is unpacked to, if that is what is meant. */
double km_as_stored(const km_field *field, km_precision precision, double value);

/* --missing-value as the columns of a file hold them. KM_MEMORY. */
km_code km_file_prepare_missing(km_file_in_use *file, const km_catalogue *catalogue,
                                km_error *error);

/* What only HDF5 can convert; KM_DATA if it can't. */
km_code km_piece_convert_odd(km_piece *piece, km_error *error);

/* From the file's numbers to values in the precision that is wanted; NaN for what the file, a mask
 * or the command line says is missing; rows that miss a value marked, and those counted that miss
 * each feature. */
void km_piece_take_values(km_piece *piece);

/* Notes the first of the rows that may not be as it is. */
void km_piece_refuse_rows(const km_piece *piece, km_error *refused);

#endif
