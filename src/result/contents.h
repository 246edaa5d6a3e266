/* The parts of a result file, each written and then compared. */
#ifndef SKYMEANS_RESULT_CONTENTS_H
#define SKYMEANS_RESULT_CONTENTS_H

#include "base/error.h"
#include "result/result.h"

/* Creates the file and writes everything but the datasets with a value per row, which it only
 * declares. By one rank. */
km_code km_contents_write(const char *path, const km_record *record, km_error *error);

/* Reads back what km_contents_write wrote, and compares. By one rank. */
km_code km_contents_compare(const char *path, const km_record *record, km_error *error);

/* Labels, distances and ids, a value per row. One rank declares the datasets beside the other
 * contents, and reserves their space in the file: dataset i begins at byte offsets[i]. Then every
 * rank writes the rows of its slab there, and all read theirs back in bounded pieces. The last two
 * are collective; errors are agreed. */
enum { KM_ROW_DATASETS = 5 };
bool km_rows_declare(hid_t file, const km_record *record);
km_code km_rows_reserve(const char *path, const km_record *record, int64_t *offsets,
                        km_error *error);
km_code km_rows_write(const char *path, const km_record *record, const int64_t *offsets,
                      MPI_Comm comm, km_error *error);
km_code km_rows_compare(const char *path, const km_record *record, MPI_Comm comm, km_error *error);

/* Are the ids texts of any length? Local. */
bool km_has_text_ids(const km_record *record);

/* Write these ids, and compare them. Collective; errors are agreed. */
km_code km_text_ids_write(const char *path, const km_record *record, MPI_Comm comm,
                          km_error *error);
km_code km_text_ids_compare(hid_t file, const km_record *record, MPI_Comm comm, km_error *error);

/* Fails with KM_SYSTEM: the result can't be written, and why. Local. */
km_code km_cannot_write_result(const km_record *record, const char *why, km_error *error);

#endif
