/* A file that is built in memory and saved by plain writes. If the disk is full, closing an HDF5
 * file fails, and the library crashes later on what it could not flush; so HDF5 never writes to the
 * disk. */
#include "base/fault.h"
#include "h5/h5.h"
#include "process/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    GROWTH = 1 << 20,
    METADATA = 64 << 10, /* allocated at once for the metadata of what is added */
    SPARE = 2 * METADATA /* zeros that are saved behind the contents */
};

hid_t km_h5_create_in_memory(void)
{
    const hid_t access = km_h5_local_access();
    const bool is_in_memory = H5Pset_fapl_core(access, GROWTH, 0) >= 0;
    km_h5_stay_readable(access);
    const hid_t file =
        is_in_memory ? H5Fcreate("in memory", H5F_ACC_TRUNC, H5P_DEFAULT, access) : H5I_INVALID_HID;
    km_h5_note(file);
    H5Pclose(access);
    return file;
}

static bool save_bytes(const char *path, const char *bytes, int64_t size)
{
    const int descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    static const char spare[SPARE];
    const bool is_written = km_write_at(descriptor, bytes, size, 0) &&
                            km_write_at(descriptor, spare, SPARE, size) && fsync(descriptor) == 0;
    const int reason = errno;
    const bool is_closed = close(descriptor) == 0;
    if (!is_written)
        errno = reason;
    return is_written && is_closed;
}

hid_t km_h5_open_to_add(const char *path)
{
    const hid_t access = km_h5_local_access();
    H5Pset_meta_block_size(access, METADATA);
    km_h5_stay_readable(access);
    H5Pset_sieve_buf_size(access, 0); /* so that a write fails at once, not when closing */
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    km_h5_note(file);
    H5Pclose(access);
    return file;
}

bool km_h5_save(hid_t file, const char *path)
{
    errno = ENOMEM; /* the reason for a failure before the write */
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
        return false;
    const ssize_t size = H5Fget_file_image(file, NULL, 0);
    char *bytes = size > 0 && !km_fault_of_allocation() ? malloc((size_t)size) : NULL;
    const bool is_saved = bytes != NULL && H5Fget_file_image(file, bytes, (size_t)size) == size &&
                          save_bytes(path, bytes, size);
    free(bytes);
    return is_saved;
}
