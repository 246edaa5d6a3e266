/* Datasets whose bytes are written later: at offsets that HDF5 has allocated, or as chunks that are
 * compressed already. */
#include "base/fault.h"
#include "h5/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

void km_h5_abandon(hid_t file)
{
    void *handle = NULL;
    const int memory = memfd_create("abandoned", MFD_CLOEXEC);
    if (memory >= 0 && H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0)
        dup2(memory, *(const int *)handle);
    if (memory >= 0)
        close(memory);
}

/* Has the file all of its space? HDF5 crashes when it ends if a file could not be written. */
static bool has_its_space(hid_t file)
{
    void *handle = NULL;
    hsize_t size = 0;
    if (!km_h5_note(H5Fget_vfd_handle(file, H5P_DEFAULT, &handle)) ||
        !km_h5_note(H5Fget_filesize(file, &size)))
        return false;
    if (fallocate(*(const int *)handle, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0 ||
        (errno != ENOSPC && errno != EDQUOT))
        return true;
    km_h5_note_system(errno);
    return false;
}

bool km_h5_flush_added(hid_t file)
{
    return has_its_space(file) && km_h5_note(H5Fflush(file, H5F_SCOPE_GLOBAL));
}

bool km_h5_close_added(hid_t file, bool is_good)
{
    const bool is_whole = is_good && km_h5_flush_added(file) && !km_fault("flush the mock");
    if (!is_whole)
        km_h5_abandon(file);
    return H5Fclose(file) >= 0 && is_whole;
}

/* Space is allocated at once, and no fill values are written there, unless chunks are compressed,
 * so that nobody knows how long they will be. */
static hid_t storage_properties(const km_h5_storage *storage)
{
    const hsize_t chunk[2] = {(hsize_t)storage->chunk_rows, (hsize_t)storage->n_columns};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    H5Pset_alloc_time(creation, storage->compress > 0 ? H5D_ALLOC_TIME_INCR : H5D_ALLOC_TIME_EARLY);
    H5Pset_obj_track_times(creation, false); /* the same bytes at any time */
    if (storage->chunk_rows > 0)
        H5Pset_chunk(creation, storage->n_columns > 0 ? 2 : 1, chunk);
    if (storage->compress > 0) {
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, (unsigned)storage->compress);
    }
    return creation;
}

hid_t km_h5_add_storage(hid_t file, const char *path, const km_h5_storage *storage)
{
    const hsize_t shape[2] = {(hsize_t)storage->n_rows, (hsize_t)storage->n_columns};
    const hid_t space = H5Screate_simple(storage->n_columns > 0 ? 2 : 1, shape, NULL);
    const hid_t creation = storage_properties(storage), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t dataset =
        H5Dcreate2(file, path, storage->type, space, links, creation, H5P_DEFAULT);
    km_h5_note(dataset);
    H5Pclose(links);
    H5Pclose(creation);
    H5Sclose(space);
    return dataset;
}

int64_t km_h5_find_chunk(hid_t dataset, int64_t first_row, int64_t *size)
{
    const hsize_t at[2] = {(hsize_t)first_row, 0};
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t bytes = 0;
    if (!km_h5_note(H5Dget_chunk_info_by_coord(dataset, at, &mask, &address, &bytes)))
        return -1;
    *size = (int64_t)bytes;
    return (int64_t)address; /* an undefined address is all ones */
}

bool km_h5_find_storage(hid_t dataset, const km_h5_storage *storage, int64_t *offsets)
{
    int64_t size;
    if (storage->chunk_rows == 0) {
        offsets[0] = (int64_t)H5Dget_offset(dataset);
        return km_h5_note(offsets[0]);
    }
    for (int64_t row = 0, i = 0; row < storage->n_rows; row += storage->chunk_rows, i++) {
        offsets[i] = km_h5_find_chunk(dataset, row, &size);
        if (offsets[i] < 0)
            return false;
    }
    return true;
}

bool km_h5_add_chunk(hid_t dataset, int64_t first_row, const void *bytes, int64_t size)
{
    const hsize_t at[2] = {(hsize_t)first_row, 0};
    return km_h5_note(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, at, (size_t)size, bytes));
}

/* ---- filters --------------------------------------------------------------------------------- */

/* All first bytes of the values, all second bytes, ...: deflate then finds more that is alike. The
 * values after the first `count` are zeros. */
static void shuffle(const unsigned char *from, int64_t count, int64_t total, int64_t size,
                    unsigned char *to)
{
    for (int64_t byte = 0; byte < size; byte++, to += total) {
        for (int64_t i = 0; i < count; i++)
            to[i] = from[i * size + byte];
        memset(to + count, 0, (size_t)(total - count));
    }
}

int64_t km_h5_packed_bound(int64_t size)
{
    return (int64_t)compressBound((uLong)size);
}

int64_t km_h5_pack(const void *values, int64_t count, int64_t total, int64_t size, int compress,
                   void *shuffled, void *packed)
{
    uLongf length = compressBound((uLong)(total * size));
    shuffle(values, count, total, size, shuffled);
    return compress2(packed, &length, shuffled, (uLong)(total * size), compress) == Z_OK
               ? (int64_t)length
               : -1;
}
