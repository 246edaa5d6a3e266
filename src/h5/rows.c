/* Rows of a dataset, written and read back by all ranks together. */
#include "skymeans/h5.h"

typedef struct selection {
    hid_t in_memory, in_file, how;
} selection;

static selection select_rows(hid_t dataset, km_rows rows)
{
    const hsize_t start[1] = {(hsize_t)rows.first}, count[1] = {(hsize_t)rows.count};
    const selection s = {.in_memory = H5Screate_simple(1, count, NULL),
                         .in_file = H5Dget_space(dataset),
                         .how = H5Pcreate(H5P_DATASET_XFER)};
    H5Pset_dxpl_mpio(s.how, H5FD_MPIO_COLLECTIVE);
    if (rows.count > 0) {
        H5Sselect_hyperslab(s.in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    } else {
        H5Sselect_none(s.in_file);
        H5Sselect_none(s.in_memory);
    }
    return s;
}

static void unselect(selection s)
{
    H5Pclose(s.how);
    H5Sclose(s.in_file);
    H5Sclose(s.in_memory);
}

bool km_h5_write_rows(hid_t dataset, hid_t type, km_rows rows, const void *values)
{
    const selection s = select_rows(dataset, rows);
    const bool is_written =
        km_h5_note(H5Dwrite(dataset, type, s.in_memory, s.in_file, s.how, values));
    unselect(s);
    return is_written;
}

bool km_h5_reread_rows(hid_t dataset, hid_t type, km_rows rows, void *values)
{
    const selection s = select_rows(dataset, rows);
    const bool is_read = km_h5_note(H5Dread(dataset, type, s.in_memory, s.in_file, s.how, values));
    unselect(s);
    return is_read;
}
