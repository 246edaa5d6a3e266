/* A rank that is reading its slab, shared by the files of this room. */
#ifndef SKYMEANS_CATALOGUE_READER_H
#define SKYMEANS_CATALOGUE_READER_H

#include "opened.h"

/* Values of a column in the buffers, in the precision that is wanted. */
typedef struct column_values {
    char *first;
    int64_t stride; /* bytes */
} column_values;

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
    int64_t piece_rows;
    char **buffers;        /* [n_sources], one piece each */
    char **gathered;       /* [n_columns], of those that are not used where they are read */
    column_values *values; /* [n_columns] */
    uint8_t *is_missing;   /* [piece_rows] */
    km_values *features;   /* [n_features], the same as `values` */
    km_error refused;      /* the first row that may not be as it is */
} km_reader;

static inline const char *km_reader_path(const km_reader *r)
{
    return r->catalogue->files[r->file].path;
}

/* After a piece of `count` rows has been read: from the file's types to values in the precision
 * that is wanted; NaN for what a mask or the command line says is missing; rows that miss a value
 * marked, and those counted that miss each feature. */
void km_reader_gather(km_reader *r, int64_t count, km_error *error);
void km_reader_apply_missing_values(const km_reader *r, int64_t count);
void km_reader_find_missing(km_reader *r, int64_t count);

/* Notes the first of these rows that may not be as it is. */
void km_reader_refuse_rows(km_reader *r, km_rows rows);

#endif
