/* Files that appear whole or not at all: a file is written beside its final name, synced and
 * renamed, and then its folder is synced. */

#include "process/output.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".XXXXXX" /* as mkstemp wants it */

bool km_write_at(int descriptor, const void *bytes, int64_t size, int64_t offset)
{
    const char *next = bytes;
    while (size > 0) {
        const ssize_t written = pwrite(descriptor, next, (size_t)size, offset);
        if (written < 0 && errno != EINTR)
            return false;
        const int64_t count = written > 0 ? written : 0;
        next += count;
        size -= count;
        offset += count;
    }
    return true;
}

bool km_read_at(int descriptor, void *bytes, int64_t size, int64_t offset)
{
    char *next = bytes;
    while (size > 0) {
        const ssize_t got = pread(descriptor, next, (size_t)size, offset);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        const int64_t count = got > 0 ? got : 0;
        next += count;
        size -= count;
        offset += count;
    }
    return true;
}

static bool sync_path(const char *path, int flags)
{
    const int descriptor = open(path, flags | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool is_synced = fsync(descriptor) == 0 || errno == EINVAL; /* it can't be synced */
    return close(descriptor) == 0 && is_synced;
}

static bool sync_folder_of(const char *path)
{
    char copy[KM_PATH_SIZE];
    snprintf(copy, sizeof copy, "%s", path);
    return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY);
}

static bool give_name(const char *from, const char *to, bool may_replace)
{
    if (may_replace)
        return rename(from, to) == 0;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS) /* file systems without that flag */
        return false;
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(from, to) == 0;
}

int64_t km_file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t)status.st_size : 0;
}

bool km_is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

km_code km_output_check_input(const char *path, const char *input, km_error *error)
{
    if (km_is_same_file(path, input))
        km_fail(error, KM_USAGE, "output exists (%s): it is the input %s; choose another name",
                path, input);
    return error->code;
}

static km_code check_existing(const char *path, bool may_replace, km_error *error)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return KM_OK;
    if (!may_replace)
        return km_fail(error, KM_USAGE,
                       "output exists (%s): it would be replaced; choose another name, or "
                       "--overwrite",
                       path);
    /* A link is replaced, not followed; but a link to a device is refused, since it is there on
     * purpose. */
    if (S_ISLNK(status.st_mode) && stat(path, &status) != 0)
        return KM_OK;
    if (!S_ISREG(status.st_mode))
        return km_fail(error, KM_USAGE,
                       "output exists (%s): it is not a regular file; choose another name", path);
    return KM_OK;
}

km_code km_output_check(const char *path, bool may_replace, km_error *error)
{
    char copy[KM_PATH_SIZE];
    struct stat status;
    if (strcmp(path, "-") == 0)
        return km_fail(error, KM_USAGE,
                       "bad name of an output (-): it is written in pieces and read back, so it "
                       "can't be a pipe; name a file, or ./-");
    if (strlen(path) + sizeof SUFFIX > KM_PATH_SIZE)
        return km_fail(error, KM_SYSTEM,
                       "can't write the file (%.100s...): its path is too long; choose another",
                       path);
    if (path[strlen(path) - 1] == '/')
        return km_fail(error, KM_SYSTEM,
                       "can't write the file (%s): that names a folder; add a file name", path);
    if (check_existing(path, may_replace, error) != KM_OK)
        return error->code;
    strcpy(copy, path);
    const char *folder = dirname(copy);
    const bool is_possible_name = lstat(path, &status) == 0 || errno == ENOENT;
    if (!is_possible_name || access(folder, W_OK | X_OK) != 0 ||
        km_fault("look at the output folder"))
        km_fail(error, KM_SYSTEM,
                "can't write the file (%s): %s; see that its folder %s exists and is writable",
                path, strerror(errno), folder);
    return error->code;
}

km_code km_output_check_different(const char *a, const char *b, km_error *error)
{
    char folder_a[KM_PATH_SIZE], folder_b[KM_PATH_SIZE], name_a[KM_PATH_SIZE], name_b[KM_PATH_SIZE];
    snprintf(folder_a, sizeof folder_a, "%s", a);
    snprintf(folder_b, sizeof folder_b, "%s", b);
    snprintf(name_a, sizeof name_a, "%s", a);
    snprintf(name_b, sizeof name_b, "%s", b);
    if (strcmp(basename(name_a), basename(name_b)) == 0 &&
        km_is_same_file(dirname(folder_a), dirname(folder_b)))
        km_fail(error, KM_USAGE,
                "two outputs in one file (%s): result, metrics and checkpoint, and the checkpoint "
                "before it, FILE.prev, and its FILE.lock are files of their own; choose another "
                "name for one",
                b);
    return error->code;
}

/* The name beside the final one: the same with a suffix, cut if MPI-IO could not take its
 * length. */
static void name_beside(km_output *output)
{
    enum { MAX_NAME = 128 };
    const char *slash = strrchr(output->path, '/');
    const int folder = slash != NULL ? (int)(slash + 1 - output->path) : 0;
    snprintf(output->beside, sizeof output->beside, "%.*s%.*s" SUFFIX, folder, output->path,
             MAX_NAME, output->path + folder);
}

km_code km_output_create(km_output *output, const char *path, km_error *error)
{
    output->path = path;
    name_beside(output);
    const int descriptor = mkstemp(output->beside);
    const mode_t mask = umask(0);
    umask(mask);
    if (descriptor < 0)
        output->beside[0] = '\0';
    if (descriptor < 0 || fchmod(descriptor, 0666 & ~mask) != 0 || km_fault("create the output"))
        km_fail(error, KM_SYSTEM, "can't write the file (%s): %s; check its folder", path,
                strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return error->code;
}

km_code km_output_publish(km_output *output, bool may_replace, km_error *error)
{
    const char *path = output->path;
    if (!sync_path(output->beside, O_RDWR) || km_fault("sync the output"))
        return km_fail(error, KM_SYSTEM, "can't write the file (%s): %s; is the disk full?", path,
                       strerror(errno));
    if (km_fault("name the output") || !give_name(output->beside, path, may_replace)) {
        if (errno == EEXIST)
            return km_fail(error, KM_USAGE,
                           "output exists (%s): it appeared during the run; choose another name, "
                           "or --overwrite",
                           path);
        return km_fail(error, KM_SYSTEM,
                       "can't give the file its final name (%s): %s; check its folder", path,
                       strerror(errno));
    }
    output->beside[0] = '\0';
    output->is_durable = sync_folder_of(path);
    return KM_OK;
}

void km_output_discard(km_output *output)
{
    if (output->beside[0] != '\0')
        unlink(output->beside);
    output->beside[0] = '\0';
}
