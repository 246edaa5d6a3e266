/* Small things written by one rank, rows written by all. */
#include "skymeans/h5.h"

#include <string.h>

bool km_h5_write_attribute(hid_t object, const char *name, hid_t type, const void *value)
{
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool is_written = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return is_written;
}

static hid_t text_type(void)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

bool km_h5_write_text(hid_t object, const char *name, const char *text)
{
    const hid_t type = text_type();
    const bool is_written = km_h5_write_attribute(object, name, type, &text);
    H5Tclose(type);
    return is_written;
}

bool km_h5_write_texts(hid_t object, const char *name, const char *const *texts, int64_t count)
{
    const hsize_t shape[1] = {(hsize_t)count};
    const hid_t type = text_type(), space = H5Screate_simple(1, shape, NULL);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool is_written = attribute >= 0 && H5Awrite(attribute, type, texts) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return is_written;
}

bool km_h5_write_array(hid_t file, const char *name, hid_t type, int n_dimensions,
                       const hsize_t *shape, const void *values)
{
    const hid_t space = H5Screate_simple(n_dimensions, shape, NULL);
    const hid_t dataset =
        H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const bool is_written =
        dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Sclose(space);
    return is_written;
}

bool km_h5_reserve(hid_t file, const char *name, hid_t type, int64_t count)
{
    const hsize_t shape[1] = {(hsize_t)count};
    const hid_t space = H5Screate_simple(1, shape, NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    return dataset >= 0;
}

/* One rank's part of one collective transfer: at most this much, since MPI counts in ints. */
static const int64_t LARGEST_PIECE = (int64_t)512 << 20;

typedef herr_t transfer(hid_t dataset, hid_t type, hid_t in_memory, hid_t in_file, hid_t how,
                        void *values);

static herr_t write_piece(hid_t dataset, hid_t type, hid_t in_memory, hid_t in_file, hid_t how,
                          void *values)
{
    return H5Dwrite(dataset, type, in_memory, in_file, how, values);
}

static herr_t read_piece(hid_t dataset, hid_t type, hid_t in_memory, hid_t in_file, hid_t how,
                         void *values)
{
    return H5Dread(dataset, type, in_memory, in_file, how, values);
}

static herr_t transfer_rows(hid_t dataset, hid_t type, km_rows rows, transfer *move, void *values)
{
    const hsize_t start[1] = {(hsize_t)rows.first}, count[1] = {(hsize_t)rows.count};
    const hid_t in_memory = H5Screate_simple(1, count, NULL), in_file = H5Dget_space(dataset);
    const hid_t how = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(how, H5FD_MPIO_COLLECTIVE);
    if (rows.count > 0) {
        H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    } else {
        H5Sselect_none(in_file);
        H5Sselect_none(in_memory);
    }
    const herr_t status = move(dataset, type, in_memory, in_file, how, values);
    H5Pclose(how);
    H5Sclose(in_file);
    H5Sclose(in_memory);
    return status;
}

/* Every rank makes as many calls as the one with the most rows, whatever fails on the way. */
static bool transfer_all(hid_t file, MPI_Comm comm, const char *name, hid_t type, km_rows rows,
                         transfer *move, void *values)
{
    const int64_t size = (int64_t)H5Tget_size(type), most = LARGEST_PIECE / size;
    int64_t n_pieces = rows.count / most + (rows.count % most > 0);
    km_max_int64(comm, &n_pieces, 1);
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return false;
    bool is_done = true;
    for (int64_t piece = 0; piece < n_pieces; piece++) {
        const int64_t done = piece * most < rows.count ? piece * most : rows.count;
        const int64_t left = rows.count - done, count = left < most ? left : most;
        const km_rows part = {rows.first + (count > 0 ? done : 0), count};
        is_done &= transfer_rows(dataset, type, part, move, (char *)values + done * size) >= 0;
    }
    return H5Dclose(dataset) >= 0 && is_done;
}

km_code km_h5_write_rows(hid_t file, MPI_Comm comm, const char *name, hid_t type, km_rows rows,
                         const void *values, km_error *error)
{
    /* The cast is for the signature shared with reading; writing changes nothing. */
    if (!transfer_all(file, comm, name, type, rows, write_piece, (void *)(uintptr_t)values))
        km_fail(error, KM_SYSTEM,
                "can't write the dataset (%s, rows from %lld): %s; is the disk "
                "full?",
                name, (long long)rows.first, km_h5_reason());
    return error->code;
}

km_code km_h5_reread_rows(hid_t file, MPI_Comm comm, const char *name, hid_t type, km_rows rows,
                          void *values, km_error *error)
{
    if (!transfer_all(file, comm, name, type, rows, read_piece, values))
        km_fail(error, KM_SYSTEM,
                "can't read the dataset back (%s, rows from %lld): %s; is the "
                "disk full?",
                name, (long long)rows.first, km_h5_reason());
    return error->code;
}
