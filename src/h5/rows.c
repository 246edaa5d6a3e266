/* Rows of a dataset, read back by all ranks together. */
#include "skymeans/h5.h"

bool km_h5_reread_rows(hid_t dataset, hid_t type, km_rows rows, void *values)
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
    const bool is_read = km_h5_note(H5Dread(dataset, type, in_memory, in_file, how, values));
    H5Pclose(how);
    H5Sclose(in_file);
    H5Sclose(in_memory);
    return is_read;
}
