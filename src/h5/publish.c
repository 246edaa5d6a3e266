/* A file that was written beside gets its name: fsync, rename, fsync of the folder. */
#include "skymeans/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool sync_path(const char *path, int flags)
{
    const int descriptor = open(path, flags | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool is_synced = fsync(descriptor) == 0 || errno == EINVAL; /* some systems can't */
    return close(descriptor) == 0 && is_synced;
}

static bool sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
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

km_code km_h5_publish(const char *from, const char *to, bool may_replace, km_error *error)
{
    if (!sync_path(from, O_RDWR))
        return km_fail(error, KM_SYSTEM, "can't write the file (%s): %s; is the disk full?", to,
                       strerror(errno));
    if (!give_name(from, to, may_replace)) {
        if (errno == EEXIST)
            return km_fail(
                error, KM_USAGE,
                "output exists (%s): it appeared during the run; choose another name, or "
                "--overwrite",
                to);
        return km_fail(error, KM_SYSTEM, "can't name the file (%s): %s; check its folder", to,
                       strerror(errno));
    }
    if (!sync_folder_of(to))
        return km_fail(error, KM_SYSTEM, "can't make the file durable (%s): %s", to,
                       strerror(errno));
    return KM_OK;
}
