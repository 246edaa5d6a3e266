/* A file built in memory and saved by plain writes. When the disk is full, closing an HDF5 file
 * fails, and the library crashes later on what it could not flush; this way it never meets the
 * disk. */
#include "skymeans/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { GROWTH = 1 << 20 };

hid_t km_h5_create_in_memory(void)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, GROWTH, 0);
    const hid_t file = H5Fcreate("in memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    km_h5_note(file);
    H5Pclose(access);
    return file;
}

static bool write_all(int descriptor, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno != EINTR)
            return false;
        bytes += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static bool save_bytes(const char *path, const char *bytes, size_t size)
{
    const int descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool is_written = write_all(descriptor, bytes, size) && fsync(descriptor) == 0;
    const int reason = errno;
    const bool is_closed = close(descriptor) == 0;
    if (!is_written)
        errno = reason;
    return is_written && is_closed;
}

bool km_h5_save(hid_t file, const char *path)
{
    errno = ENOMEM; /* what can fail up to the write */
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
        return false;
    const ssize_t size = H5Fget_file_image(file, NULL, 0);
    char *bytes = size > 0 && !km_fault_of_allocation() ? malloc((size_t)size) : NULL;
    const bool is_saved = bytes != NULL && H5Fget_file_image(file, bytes, (size_t)size) == size &&
                          save_bytes(path, bytes, (size_t)size);
    free(bytes);
    return is_saved;
}
