/* Virtual datasets, whose values are in other files. HDF5 silently gives fill values for what it
 * does not find there, so these files are looked for here, where HDF5 would look. */
#include "base/error.h"
#include "base/text.h"
#include "h5/h5.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 1024, MAX_DEPTH = 8 };

/* One source of a virtual dataset. */
typedef struct virtual_source {
    char file[NAME_SIZE], dataset[NAME_SIZE];
} virtual_source;

/* Makes FOLDER/NAME from the first `length` bytes of the folder; true if that file can be read. */
static bool is_readable(const char *folder, size_t length, const char *name, char *path)
{
    const int written = length > 0
                            ? snprintf(path, KM_PATH_SIZE, "%.*s/%s", (int)length, folder, name)
                            : snprintf(path, KM_PATH_SIZE, "%s", name);
    return written < KM_PATH_SIZE && access(path, R_OK) == 0;
}

/* Is the file in one of the folders, which are separated by colons? */
static bool is_in_folders(const char *folders, const char *name, char *path)
{
    while (folders != NULL && *folders != '\0') {
        const size_t length = strcspn(folders, ":");
        if (is_readable(folders, length, name, path))
            return true;
        folders += length + (folders[length] == ':');
    }
    return false;
}

/* Is it beside this file? A path without a folder is not looked for here; it is in the working
 * directory. */
static bool is_beside_file(const char *file, const char *name, char *path)
{
    const char *slash = strrchr(file, '/');
    return slash != NULL && is_readable(file, (size_t)(slash - file) + (slash == file), name, path);
}

/* Finds the file that a dataset takes values from, in the order in which HDF5 looks: an absolute
 * name as it is; else, or if that does not exist, its last part in the folders of the environment
 * variable, beside the file, in the working directory, or beside what the file is a link to. */
static bool find_source_file(const char *file, const char *name, char *path)
{
    char target[PATH_MAX];
    if (strcmp(name, ".") == 0)
        return is_readable("", 0, file, path);
    if (name[0] == '/' && is_readable("", 0, name, path))
        return true;
    if (name[0] == '/')
        name = strrchr(name, '/') + 1;
    return is_in_folders(getenv("HDF5_VDS_PREFIX"), name, path) ||
           is_beside_file(file, name, path) || is_readable("", 0, name, path) ||
           (realpath(file, target) != NULL && is_beside_file(target, name, path));
}

/* The caller's visitor for the files that are found. */
typedef struct visit {
    km_h5_visitor visitor;
    void *context;
    km_error *error;
} visit;

static void check_dataset(const visit *v, const char *file, hid_t dataset, const char *name,
                          int depth);

static void refuse_incomplete(const char *file, const char *name, const virtual_source *s,
                              const char *what, km_code code, km_error *error)
{
    km_fail(error, code,
            "incomplete virtual dataset (%s, %s): %s %s, from which it takes values; HDF5 would "
            "give fill values: put it where it was",
            file, name, what, strcmp(what, "there is no file") == 0 ? s->file : s->dataset);
}

static void check_source(const visit *v, const char *file, const char *name,
                         const virtual_source *s, int depth)
{
    km_error *error = v->error;
    char path[KM_PATH_SIZE];
    if (!find_source_file(file, s->file, path)) {
        refuse_incomplete(file, name, s, "there is no file", KM_SYSTEM, error);
        return;
    }
    if (v->visitor != NULL && v->visitor(v->context, path, false, error) != KM_OK)
        return;
    const hid_t access = km_h5_local_access();
    const hid_t opened = H5Fopen(path, H5F_ACC_RDONLY, access);
    const hid_t dataset = opened >= 0 ? H5Dopen2(opened, s->dataset, H5P_DEFAULT) : H5I_INVALID_HID;
    if (opened < 0)
        km_fail(error, KM_DATA,
                "incomplete virtual dataset (%s, %s): it takes values from %s, which is no whole "
                "HDF5 file; was it copied completely?",
                file, name, path);
    else if (dataset < 0)
        refuse_incomplete(file, name, s, "its source has no dataset", KM_DATA, error);
    else
        check_dataset(v, path, dataset, s->dataset, depth + 1);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (opened >= 0)
        H5Fclose(opened);
    H5Pclose(access);
}

/* The source with this number. False if its name is a pattern, which stands for as many files as
 * exist. */
static bool get_source(hid_t creation, size_t number, virtual_source *s)
{
    *s = (virtual_source){{0}, {0}};
    return H5Pget_virtual_filename(creation, number, s->file, NAME_SIZE) > 0 &&
           H5Pget_virtual_dsetname(creation, number, s->dataset, NAME_SIZE) > 0 &&
           strstr(s->file, "%b") == NULL && strstr(s->dataset, "%b") == NULL;
}

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

/* Checks that an external file is long enough, since HDF5 gives zeros for what it lacks. */
static void check_length(const char *file, const char *name, const char *path, int64_t offset,
                         int64_t bytes, km_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        km_fail(error, KM_SYSTEM,
                "incomplete dataset (%s, %s): its values are in %s: %s; put that where it was, or "
                "start where it is",
                file, name, path, strerror(errno));
    else if (status.st_size < bytes || status.st_size - bytes < offset)
        km_fail(
            error, KM_DATA,
            "incomplete dataset (%s, %s): its values are in %s, which has %lld of %lld bytes; was "
            "it copied completely?",
            file, name, path, (long long)status.st_size - offset, (long long)bytes);
}

/* External storage: files of plain bytes, which HDF5 looks for in the working directory, or where
 * the environment variable says. */
static void check_external(const visit *v, const char *file, hid_t dataset,
                           const char *dataset_name, hid_t creation)
{
    int64_t left = bytes_of(dataset);
    const char *folder = getenv("HDF5_EXTFILE_PREFIX");
    const int count = H5Pget_external_count(creation);
    for (int i = 0; i < count && v->visitor != NULL && v->error->code == KM_OK; i++) {
        char name[NAME_SIZE] = "", path[2 * KM_PATH_SIZE];
        off_t offset = 0;
        hsize_t size = 0;
        H5Pget_external(creation, (unsigned)i, sizeof name - 1, name, &offset, &size);
        if (folder != NULL && folder[0] != '\0' && name[0] != '/')
            snprintf(path, sizeof path, "%s/%s", folder, name);
        else
            snprintf(path, sizeof path, "%s", name);
        const int64_t used = size < (hsize_t)left ? (int64_t)size : left;
        if (v->visitor(v->context, path, true, v->error) == KM_OK)
            check_length(file, dataset_name, path, (int64_t)offset, used, v->error);
        left -= used;
    }
}

static void check_dataset(const visit *v, const char *file, hid_t dataset, const char *name,
                          int depth)
{
    km_error *error = v->error;
    size_t count = 0;
    virtual_source s, last = {{0}, {0}};
    const hid_t creation = H5Dget_create_plist(dataset);
    check_external(v, file, dataset, name, creation);
    if (depth < MAX_DEPTH && H5Pget_layout(creation) == H5D_VIRTUAL)
        H5Pget_virtual_count(creation, &count);
    for (size_t i = 0; i < count && error->code == KM_OK; i++) {
        if (!get_source(creation, i, &s) ||
            (strcmp(s.file, last.file) == 0 && strcmp(s.dataset, last.dataset) == 0))
            continue;
        check_source(v, file, name, &s, depth);
        last = s;
    }
    H5Pclose(creation);
}

km_code km_h5_check_virtual(const km_h5_array *array, const char *file, const char *name,
                            km_h5_visitor visitor, void *context, km_error *error)
{
    const visit v = {visitor, context, error};
    check_dataset(&v, file, array->dataset, name, 0);
    return error->code;
}
