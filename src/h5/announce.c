/* Has the system read values that are needed next, while others are converted. These are hints:
 * what fails here only takes longer later. */
#include "base/partition.h"
#include "h5/h5.h"

#include <fcntl.h>

/* HDF5 1.10 finds a chunk by going through all of them, so of datasets with more the system's own
 * reading ahead has to do. */
enum { MAX_CHUNKS = 256 };

static bool has_few_chunks(const km_h5_array *array)
{
    const int64_t down = array->n_rows / array->chunk_rows + 1;
    const int64_t across = array->n_columns / array->chunk_columns + 1;
    return down <= MAX_CHUNKS && across <= MAX_CHUNKS && down * across <= MAX_CHUNKS;
}

static void announce_chunks(const km_h5_array *array, int descriptor, km_rows rows, km_rows columns)
{
    const int64_t height = array->chunk_rows, width = array->chunk_columns;
    for (int64_t r = rows.first - rows.first % height; r < rows.first + rows.count; r += height)
        for (int64_t c = columns.first - columns.first % width; c < columns.first + columns.count;
             c += width) {
            const hsize_t at[2] = {(hsize_t)r, (hsize_t)c};
            unsigned skipped;
            haddr_t address = HADDR_UNDEF;
            hsize_t bytes = 0;
            if (H5Dget_chunk_info_by_coord(array->dataset, at, &skipped, &address, &bytes) >= 0 &&
                address != HADDR_UNDEF)
                posix_fadvise(descriptor, (off_t)address, (off_t)bytes, POSIX_FADV_WILLNEED);
        }
}

void km_h5_announce(const km_h5_array *array, int descriptor, int64_t address, km_rows rows,
                    km_rows columns)
{
    const int64_t size = array->element_bytes, row_bytes = array->n_columns * size;
    const bool is_in_one = columns.count == array->n_columns || rows.count == 1;
    if (array->chunk_rows > 0 && has_few_chunks(array))
        announce_chunks(array, descriptor, rows, columns);
    else if (address >= 0 && is_in_one)
        posix_fadvise(descriptor, address + rows.first * row_bytes + columns.first * size,
                      rows.count * columns.count * size, POSIX_FADV_WILLNEED);
}
