/* A rank that is reading its slab, shared by the files of this room. */
#ifndef SKYMEANS_CATALOGUE_READER_H
#define SKYMEANS_CATALOGUE_READER_H

#include "opened.h"

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

/* Rows that are read at once. */
typedef struct km_piece {
    km_rows rows; /* of the catalogue */
    int64_t first_in_file;
    char **buffers; /* [n_sources] */
    km_h5_chunks *chunks;
} km_piece;

typedef struct km_reader {
    const km_catalogue *catalogue;
    km_missing missing;
    km_samples *samples;
    km_findings *findings;
    int rank;   /* for messages */
    int64_t at; /* the next row */
    /* The file that it is in: */
    int64_t file;
    km_opened_file own, *opened; /* opened: NULL if there is none */
    km_column *columns;          /* of `own` */
    int64_t piece_rows;          /* that are read at once, from a multiple of them on */
    int64_t room_rows;           /* that the buffers hold */
    int n_pieces; /* 2 if there are threads to take values while the next piece is read */
    km_piece pieces[2], *now; /* now: whose values are taken */
    char **odd;               /* [n_columns], numbers that HDF5 converts */
    char **unpacked;          /* [n_columns], of those that are not used where they are read */
    column_values *values;    /* [n_columns] */
    uint8_t *is_missing;      /* [room_rows] */
    km_values *features;      /* [n_features], the same as `values` */
    int64_t n_missing_values;
    stored_missing *missing_values;
    km_error refused; /* the first row that may not be as it is */
} km_reader;

static inline const char *km_reader_path(const km_reader *r)
{
    return r->catalogue->files[r->file].path;
}

/* Where the values of a field begin in what was read of its source, and how many bytes apart they
 * are. */
const char *km_reader_first(const km_reader *r, const km_field *field, int64_t *stride);

/* The value that a field has in a precision where its file means this number: rounded to its type;
 * of packed integers, what the nearest stored one is unpacked to, if that is what is meant. */
double km_as_stored(const km_field *field, km_precision precision, double value);

/* --missing-value as the columns of the open file hold them. KM_MEMORY. */
km_code km_reader_prepare_missing(km_reader *r, km_error *error);

/* After a piece of `count` rows has been read: first, by one thread, what only HDF5 can convert,
 * KM_DATA if it can't; then, by any thread, for some of its rows: from the file's numbers to values
 * in the precision that is wanted; NaN for what the file, a mask or the command line says is
 * missing; rows that miss a value marked, and those counted that miss each feature. */
km_code km_reader_convert_odd(km_reader *r, int64_t count, km_error *error);
void km_reader_take_rows(km_reader *r, int64_t first, int64_t count);

/* Notes the first of these rows that may not be as it is. */
void km_reader_refuse_rows(km_reader *r, km_rows rows);

#endif
