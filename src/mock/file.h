/* file.h - one file with rows of a mock catalogue, while it is written. */
#ifndef SKYMEANS_MOCK_FILE_H
#define SKYMEANS_MOCK_FILE_H

#include "mock/layout.h"

typedef struct km_mock_file {
    const km_mock_layout *layout;
    const char *path, *beside; /* the final name, and the one while it is written */
    int64_t first_row;         /* of its rows in the catalogue */
    km_mock_control control;
    MPI_Comm comm; /* of the ranks that write it; rank 0 creates it */
} km_mock_file;

/* Creates the file with everything but rows; negative on failure. By one rank. */
hid_t km_mock_contents_create(const km_mock_file *file, km_error *error);

/* Compares all that km_mock_contents_create wrote. By one rank. */
km_code km_mock_contents_compare(const km_mock_file *file, km_error *error);

/* Where the rows of all fields begin in the file, of each chunk: `offsets` [n_fields][n_chunks].
 * Without compression. By one rank. */
bool km_mock_find_offsets(const km_mock_layout *layout, hid_t handle, int64_t *offsets);

/* Two ways to write the file, and to compare the rows with what was written: without compression
 * each rank writes rows of its own; compressed chunks are written by rank 0. Collective. */
km_code km_mock_write_plain(const km_mock_file *file, km_error *error);
km_code km_mock_write_packed(const km_mock_file *file, km_error *error);

/* Fails with KM_SYSTEM: the file can't be written, and why. Any thread may call it. */
void km_mock_cannot_write(const km_mock_file *file, const char *why, km_error *error);

/* Agrees on errors, and on whether a signal asks to stop, which is KM_SYSTEM. */
km_code km_mock_agree(const km_mock_file *file, km_error *error);

/* The number of threads of the rank that has most. Collective. */
int km_mock_most_threads(const km_mock_file *file);

/* Memory for `count` tiles. KM_MEMORY; freed also after that. */
km_mock_tile_memory *km_mock_tiles_allocate(const km_mock_layout *layout, int count,
                                            km_error *error);
void km_mock_tiles_free(km_mock_tile_memory *memory, int count);

#endif
