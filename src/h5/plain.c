/* Reads contiguous values without HDF5, which lets only one thread read; HDF5 only says where they
 * are. */
#include "base/fault.h"
#include "base/partition.h"
#include "h5/h5.h"
#include "process/output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name of the file that an object is in: a new text, or NULL. */
static char *name_of_file(hid_t object)
{
    const ssize_t length = H5Fget_name(object, NULL, 0);
    char *name = length > 0 ? malloc((size_t)length + 1) : NULL;
    if (name != NULL)
        H5Fget_name(object, name, (size_t)length + 1);
    return name;
}

static bool are_in_same_file(hid_t a, hid_t b)
{
    char *file_a = name_of_file(a), *file_b = name_of_file(b);
    const bool are_same = file_a != NULL && file_b != NULL && strcmp(file_a, file_b) == 0;
    free(file_a);
    free(file_b);
    return are_same;
}

int64_t km_h5_find_values(const km_h5_array *array, hid_t file)
{
    int64_t count, bytes;
    const haddr_t address =
        array->is_contiguous && !array->is_elsewhere ? H5Dget_offset(array->dataset) : HADDR_UNDEF;
    const bool is_there = address != HADDR_UNDEF && address <= INT64_MAX &&
                          !__builtin_mul_overflow(array->n_rows, array->n_columns, &count) &&
                          !__builtin_mul_overflow(count, array->element_bytes, &bytes) &&
                          H5Dget_storage_size(array->dataset) == (hsize_t)bytes &&
                          are_in_same_file(array->dataset, file);
    return is_there ? (int64_t)address : -1;
}

/* The file driver stores one plain file, so that addresses are offsets in it; its descriptor is
 * there already. */
int km_h5_open_plain(hid_t file)
{
    int *own = NULL;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&own) < 0 || own == NULL)
        return -1;
    return fcntl(*own, F_DUPFD_CLOEXEC, 0);
}

bool km_h5_read_plain(int descriptor, int64_t address, const km_h5_array *array, km_rows rows,
                      km_rows columns, int64_t row_elements, void *elements)
{
    const int64_t size = array->element_bytes, row_bytes = array->n_columns * size;
    const int64_t first = address + rows.first * row_bytes + columns.first * size;
    char *to = elements;
    bool is_read = !km_fault("read values without HDF5");
    if (columns.count == array->n_columns && row_elements == columns.count)
        return is_read && km_read_at(descriptor, to, rows.count * row_bytes, first);
    for (int64_t i = 0; i < rows.count && is_read; i++)
        is_read = km_read_at(descriptor, to + i * row_elements * size, columns.count * size,
                             first + i * row_bytes);
    return is_read;
}
