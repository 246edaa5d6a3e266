/* External storage: values in files of plain bytes. A relative name is meant from the folder of the
 * HDF5 file (or of what that is a link to), as writers mean it, and else from the working
 * directory, where HDF5 by itself looks. The environment variable HDF5_EXTFILE_PREFIX comes before
 * both. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "base/text.h"
#include "elsewhere.h"
#include "h5/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 1024, FOUND_SIZE = 2 * KM_PATH_SIZE };

/* One of the files of a dataset. */
typedef struct segment {
    char name[NAME_SIZE];
    int64_t offset, bytes; /* bytes: INT64_MAX if there is no end */
} segment;

static segment segment_at(hid_t creation, int number)
{
    segment s = {.name = ""};
    off_t offset = 0;
    hsize_t size = 0;
    H5Pget_external(creation, (unsigned)number, sizeof s.name - 1, s.name, &offset, &size);
    s.offset = (int64_t)offset;
    s.bytes = size < INT64_MAX ? (int64_t)size : INT64_MAX;
    return s;
}

/* ---- where they are ------------------------------------------------------------------------- */

static const char *asked_folder(void)
{
    const char *folder = getenv("HDF5_EXTFILE_PREFIX");
    return folder != NULL && folder[0] != '\0' && strcmp(folder, ".") != 0 ? folder : NULL;
}

/* Makes the path of a name in the folder that the environment variable says, where ${ORIGIN} is
 * that of the HDF5 file. */
static void join_asked(const char *folder, const char *file, const char *name, char *path)
{
    static const char ORIGIN[] = "${ORIGIN}";
    const size_t length = strlen(ORIGIN);
    const char *slash = strrchr(file, '/');
    if (strncmp(folder, ORIGIN, length) == 0)
        snprintf(path, FOUND_SIZE, "%.*s%s/%s", (int)(slash != NULL ? slash - file : 1),
                 slash != NULL ? file : ".", folder + length, name);
    else
        snprintf(path, FOUND_SIZE, "%s/%s", folder, name);
}

/* Makes the path [FOUND_SIZE] of an external file. */
static void find_external(const char *file, const char *name, char *path)
{
    char target[PATH_MAX];
    const char *folder = asked_folder();
    if (name[0] == '/')
        snprintf(path, FOUND_SIZE, "%s", name);
    else if (folder != NULL)
        join_asked(folder, file, name, path);
    else if (strchr(file, '/') == NULL && access(name, R_OK) == 0)
        snprintf(path, FOUND_SIZE, "%s", name);
    else if (!km_is_beside_file(file, name, path) &&
             (realpath(file, target) == NULL || !km_is_beside_file(target, name, path)))
        snprintf(path, FOUND_SIZE, "%s", name);
}

/* Makes the folder [FOUND_SIZE] in which HDF5 must look for a dataset's files; false if it does so
 * by itself. */
static bool find_folder(hid_t file, hid_t dataset, char *folder)
{
    char name_of_file[KM_PATH_SIZE] = "";
    const hid_t creation = H5Dget_create_plist(dataset);
    const bool is_external = H5Pget_external_count(creation) > 0;
    const segment s = is_external ? segment_at(creation, 0) : (segment){.name = "/"};
    H5Pclose(creation);
    if (s.name[0] == '/' || asked_folder() != NULL ||
        H5Fget_name(file, name_of_file, sizeof name_of_file) <= 0)
        return false;
    find_external(name_of_file, s.name, folder);
    const size_t length = strlen(folder), of_name = strlen(s.name);
    if (length <= of_name)
        return false;
    folder[length - of_name] = '\0';
    return true;
}

static hid_t open_with_folder(hid_t file, const char *name, const char *folder)
{
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_efile_prefix(access, folder);
    const hid_t dataset = H5Dopen2(file, name, access);
    H5Pclose(access);
    return dataset;
}

/* HDF5 opens a dataset that is open already only with the same folder. */
static hid_t open_once_more(hid_t file, const char *name)
{
    char path[KM_PATH_SIZE] = "", target[PATH_MAX];
    if (H5Fget_name(file, path, sizeof path) <= 0 || realpath(path, target) == NULL)
        return H5I_INVALID_HID;
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        slash[1] = '\0';
    const hid_t dataset = slash != NULL ? open_with_folder(file, name, path) : H5I_INVALID_HID;
    strrchr(target, '/')[1] = '\0';
    return dataset >= 0 ? dataset : open_with_folder(file, name, target);
}

hid_t km_open_external(hid_t file, const char *name)
{
    char folder[FOUND_SIZE];
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) {
        dataset = open_once_more(file, name);
    } else if (find_folder(file, dataset, folder)) {
        H5Dclose(dataset);
        dataset = open_with_folder(file, name, folder);
    }
    /* Once more if it failed, so that HDF5 has the reason. */
    return dataset >= 0 ? dataset : H5Dopen2(file, name, H5P_DEFAULT);
}

/* ---- what they are -------------------------------------------------------------------------- */

static int64_t bytes_of(hid_t dataset)
{
    int64_t bytes;
    const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    if (__builtin_mul_overflow(H5Sget_simple_extent_npoints(space), (int64_t)H5Tget_size(type),
                               &bytes))
        bytes = INT64_MAX;
    H5Tclose(type);
    H5Sclose(space);
    return bytes;
}

/* Has the file another size or time than the dataset says? A time of whole seconds may have lost
 * its fraction, as archives and some disks keep them. */
static bool has_changed(hid_t dataset, const struct stat *status)
{
    const long double second = 1000000000;
    long double bytes, time;
    if (km_h5_read_numbers(dataset, "source_bytes", 1, &bytes) != 1 ||
        km_h5_read_numbers(dataset, "source_time", 1, &time) != 1)
        return false;
    const long double seconds = (long double)status->st_mtim.tv_sec;
    const long double found = seconds * second + (long double)status->st_mtim.tv_nsec;
    const bool is_same_time =
        found == time || (status->st_mtim.tv_nsec == 0 && found <= time && time < found + second);
    return (long double)status->st_size != bytes || !is_same_time;
}

/* Checks that an external file is long enough, since HDF5 gives zeros for what it lacks. */
static void check_file(const char *file, hid_t dataset, const char *name, const char *path,
                       const segment *s, int64_t bytes, km_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        km_fail(error, KM_SYSTEM,
                "incomplete dataset (%s, %s): its values are in %s: %s; put that where it was, or "
                "set HDF5_EXTFILE_PREFIX to its folder",
                file, name, path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        km_fail(error, KM_SYSTEM,
                "incomplete dataset (%s, %s): its values are in %s, which is no regular file; put "
                "back the file that was there",
                file, name, path);
    else if (has_changed(dataset, &status))
        km_fail(error, KM_DATA,
                "values changed (%s, %s): %s has another size or time than when it was described; "
                "describe it again with skymeans import --in-place",
                file, name, path);
    else if (status.st_size < bytes || status.st_size - bytes < s->offset)
        km_fail(
            error, KM_DATA,
            "incomplete dataset (%s, %s): its values are in %s, which has %lld of %lld bytes; was "
            "it copied completely?",
            file, name, path, (long long)km_max_of(0, status.st_size - s->offset),
            (long long)bytes);
}

void km_check_external(const char *file, hid_t dataset, const char *name, km_h5_visitor visitor,
                       void *context, km_error *error)
{
    int64_t left = bytes_of(dataset);
    const hid_t creation = H5Dget_create_plist(dataset);
    const int count = H5Pget_external_count(creation);
    for (int i = 0; i < count && error->code == KM_OK; i++) {
        char path[FOUND_SIZE];
        const segment s = segment_at(creation, i);
        const int64_t used = s.bytes < left ? s.bytes : left;
        find_external(file, s.name, path);
        if (visitor == NULL || visitor(context, path, true, error) == KM_OK)
            check_file(file, dataset, name, path, &s, used, error);
        left -= used;
    }
    H5Pclose(creation);
}

km_code km_h5_check_unchanged(const km_h5_array *array, const char *file, const char *name,
                              km_error *error)
{
    if (array->is_external)
        km_check_external(file, array->dataset, name, NULL, NULL, error);
    return error->code;
}

/* ---- reading without HDF5 ------------------------------------------------------------------- */

int km_h5_open_external(const km_h5_array *array, int64_t *address)
{
    char file[KM_PATH_SIZE], path[FOUND_SIZE];
    const hid_t creation = H5Dget_create_plist(array->dataset);
    const bool is_one = H5Pget_external_count(creation) == 1;
    const segment s = is_one ? segment_at(creation, 0) : (segment){.name = ""};
    H5Pclose(creation);
    if (!is_one || s.bytes < bytes_of(array->dataset) ||
        H5Fget_name(array->dataset, file, sizeof file) <= 0)
        return -1;
    find_external(file, s.name, path);
    *address = s.offset;
    return km_is_regular_file(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}
