/* Rows of a one-dimensional dataset: one rank writes them, and each rank reads its own back. */
#include "base/partition.h"
#include "h5/h5.h"

hid_t km_h5_add_rows(hid_t file, const char *name, const char *dimension, hid_t type, int64_t count)
{
    const hsize_t shape[1] = {(hsize_t)count};
    const hid_t space = H5Screate_simple(1, shape, NULL);
    const hid_t dataset =
        H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (km_h5_note(dataset))
        km_h5_write.texts(dataset, KM_H5_DIMENSION_LABELS, &dimension, 1);
    H5Sclose(space);
    return dataset;
}

bool km_h5_write_rows(hid_t dataset, hid_t type, km_rows rows, const void *values)
{
    const hsize_t start[1] = {(hsize_t)rows.first}, count[1] = {(hsize_t)rows.count};
    const hid_t in_memory = H5Screate_simple(1, count, NULL), in_file = H5Dget_space(dataset);
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    const bool is_written =
        km_h5_note(H5Dwrite(dataset, type, in_memory, in_file, H5P_DEFAULT, values));
    H5Sclose(in_file);
    H5Sclose(in_memory);
    return is_written;
}

bool km_h5_reread_rows(hid_t dataset, hid_t type, km_rows rows, void *values)
{
    const hsize_t start[1] = {(hsize_t)rows.first}, count[1] = {(hsize_t)rows.count};
    if (rows.count == 0)
        return true;
    const hid_t in_memory = H5Screate_simple(1, count, NULL), in_file = H5Dget_space(dataset);
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    const bool is_read =
        km_h5_note(H5Dread(dataset, type, in_memory, in_file, H5P_DEFAULT, values));
    H5Sclose(in_file);
    H5Sclose(in_memory);
    return is_read;
}
