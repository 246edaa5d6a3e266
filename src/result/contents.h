/* The contents of a result file. */
#ifndef SKYMEANS_RESULT_CONTENTS_H
#define SKYMEANS_RESULT_CONTENTS_H

#include "base/error.h"
#include "result/result.h"

/* Creates the file and writes everything that has no value a row. By one rank. */
km_code km_contents_write(const char *path, const km_record *record, km_error *error);

/* Reads it back and compares. By one rank. */
km_code km_contents_compare(const char *path, const km_record *record, km_error *error);

/* Rows of labels, distances and ids: first one rank declares them beside the other contents, makes
 * room for them, and says at which offsets of the file; then every rank writes its own, and all
 * read them back together. In bounded pieces. The last two are collective; errors are agreed. */
enum { KM_ROW_DATASETS = 3 };
bool km_rows_declare(hid_t file, const km_record *record);
km_code km_rows_reserve(const char *path, const km_record *record, int64_t *offsets,
                        km_error *error);
km_code km_rows_write(const char *path, const km_record *record, const int64_t *offsets,
                      MPI_Comm comm, km_error *error);
km_code km_rows_compare(const char *path, const km_record *record, MPI_Comm comm, km_error *error);

/* Are there ids that are texts of any length? They are written and compared by themselves.
 * Collective; errors are agreed. */
bool km_has_text_ids(const km_record *record);
km_code km_text_ids_write(const char *path, const km_record *record, MPI_Comm comm,
                          km_error *error);
km_code km_text_ids_compare(hid_t file, const km_record *record, MPI_Comm comm, km_error *error);

#endif
