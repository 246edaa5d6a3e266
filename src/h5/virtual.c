/* Virtual datasets, whose values are in other files. HDF5 silently gives fill values for what it
 * does not find there, so these files are looked for here, where HDF5 would look. */
#include "base/error.h"
#include "base/text.h"
#include "elsewhere.h"
#include "h5/h5.h"

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

bool km_is_regular_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
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

bool km_is_beside_file(const char *file, const char *name, char *path)
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
           km_is_beside_file(file, name, path) || is_readable("", 0, name, path) ||
           (realpath(file, target) != NULL && km_is_beside_file(target, name, path));
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
    const hid_t opened =
        km_is_regular_file(path) ? H5Fopen(path, H5F_ACC_RDONLY, access) : H5I_INVALID_HID;
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

static void check_dataset(const visit *v, const char *file, hid_t dataset, const char *name,
                          int depth)
{
    km_error *error = v->error;
    size_t count = 0;
    virtual_source s, last = {{0}, {0}};
    const hid_t creation = H5Dget_create_plist(dataset);
    km_check_external(file, dataset, name, v->visitor, v->context, error);
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
