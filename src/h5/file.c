/* Opening HDF5 files, and what HDF5 says when something fails. */
#include "base/error.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"
#include "comm/comm.h"
#include "h5/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void km_h5_start(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* What HDF5 said about the last noted failure of this thread; the next call of HDF5 clears its own
 * error stack. */
static _Thread_local struct {
    char reason[256];
    bool is_system_fault, is_out_of_memory;
} noted;

static herr_t note_entry(unsigned depth, const H5E_error2_t *entry, void *unused)
{
    (void)depth;
    (void)unused;
    if (entry->desc != NULL && entry->desc[0] != '\0')
        snprintf(noted.reason, sizeof noted.reason, "%s", entry->desc); /* the last one stays */
    noted.is_system_fault = entry->maj_num == H5E_IO || entry->min_num == H5E_MPI;
    noted.is_out_of_memory = entry->maj_num == H5E_RESOURCE && entry->min_num == H5E_NOSPACE;
    return 0;
}

void km_h5_note_system(int error)
{
    snprintf(noted.reason, sizeof noted.reason, "%s", strerror(error));
    noted.is_system_fault = true;
    noted.is_out_of_memory = false;
}

/* Shortens a long report about a system call to what the system said. */
static void shorten(char *reason)
{
    long long end, expected;
    if (sscanf(reason, "truncated file: eof = %lld, sblock->base_addr = %*d, stored_eof = %lld",
               &end, &expected) == 2)
        snprintf(reason, sizeof noted.reason, "truncated, it ends after %lld of %lld bytes", end,
                 expected);
    static const char before[] = "error message = '";
    const char *message = strstr(reason, before);
    if (message != NULL) {
        message += sizeof before - 1;
        memmove(reason, message, strlen(message) + 1);
        reason[strcspn(reason, "'")] = '\0';
    }
    for (char *c = reason; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
}

/* HDF5 calls what newer versions write a bad version. */
static void explain_version(char *reason, size_t size)
{
    unsigned major, minor, release;
    const size_t length = strlen(reason);
    if (strstr(reason, "version") == NULL)
        return;
    H5get_libversion(&major, &minor, &release);
    snprintf(reason + length, size - length,
             " (perhaps a newer HDF5 wrote it than runs here, %u.%u.%u: then h5repack --high=2 of "
             "that one rewrites it)",
             major, minor, release);
}

bool km_h5_note(int64_t status)
{
    if (status >= 0)
        return true;
    strcpy(noted.reason, "HDF5 gives no reason");
    noted.is_system_fault = noted.is_out_of_memory = false;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, note_entry, NULL);
    shorten(noted.reason);
    explain_version(noted.reason, sizeof noted.reason);
    return false;
}

const char *km_h5_reason(void)
{
    return noted.reason;
}

km_code km_h5_code(void)
{
    return noted.is_out_of_memory ? KM_MEMORY : noted.is_system_fault ? KM_SYSTEM : KM_DATA;
}

/* Open MPI 4 makes a file for its shared file pointer, whose name is that of the data with a
 * suffix; a long name overflows its buffer. */
enum { MAX_NAME = 200 };

/* Checks what can be known about a file before HDF5 opens it. */
static km_code check_readable(const char *path, km_error *error)
{
    struct stat status;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* or a pipe would wait */
    if (descriptor < 0 || fstat(descriptor, &status) != 0 || km_fault("look at the file")) {
        km_fail(error, KM_SYSTEM, "can't open the file (%.*s): %s; check its path and permissions",
                KM_PATH_SIZE, path, strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        km_fail(error, KM_SYSTEM, "can't open the file (%s): it is a folder; name a file in it",
                path);
    } else if (!S_ISREG(status.st_mode)) {
        km_fail(
            error, KM_SYSTEM,
            "can't open the file (%s): it is a pipe or device, and HDF5 must be able to go back "
            "in it; copy it to a file first",
            path);
    } else if (strlen(path) - (strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 - path : 0) >
               MAX_NAME) {
        km_fail(error, KM_SYSTEM,
                "can't open the file (%s): MPI-IO can't take a name of more than %d characters; "
                "make a link with a shorter name",
                path, MAX_NAME);
    } else if (status.st_size == 0) {
        km_fail(error, KM_DATA, "not an HDF5 file (%s): it is empty; was it copied completely?",
                path);
    }
    if (descriptor >= 0)
        close(descriptor);
    return error->code;
}

/* The kind of a file by its first bytes, for people. */
static const char *identify_format(const char *path)
{
    static const struct {
        const char *begin, *what;
    } kinds[] = {{"SIMPLE  =", "a FITS file"},  {"\x1f\x8b", "a gzip-compressed file"},
                 {"<VOTABLE", "a VOTable"},     {"<?xml", "an XML file, perhaps a VOTable"},
                 {"\x93NUMPY", "a NumPy file"}, {"PK\x03\x04", "a zip archive"},
                 {"PAR1", "a Parquet file"},    {"%PDF", "a PDF document"},
                 {"\x89PNG", "a PNG picture"},  {"CDF", "a NetCDF classic file"},
                 {"# %ECSV", "an ECSV table"}};
    char bytes[256] = "";
    FILE *file = fopen(path, "rb");
    const size_t length = file != NULL ? fread(bytes, 1, sizeof bytes - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(bytes, kinds[i].begin, strlen(kinds[i].begin)) == 0)
            return kinds[i].what;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < 0x20 && memchr("\t\r\n\f", bytes[i], 4) == NULL)
            return "a binary file of an unknown kind";
    return length > 0 ? "a text file, perhaps CSV" : "an empty file";
}

enum { QUOTED_SIZE = KM_PATH_SIZE + 64 };

/* A name as a shell and `skymeans import` take it: no option, and no list of files. */
static void quote_name(const char *name, int length, const char *end, char *quoted)
{
    char plain[QUOTED_SIZE];
    snprintf(plain, sizeof plain, "%s%.*s%s", name[0] == '-' || name[0] == '@' ? "./" : "", length,
             name, end);
    FILE *file = fmemopen(quoted, QUOTED_SIZE - 1, "w");
    if (file != NULL) {
        km_print_quoted(file, plain);
        fclose(file);
    }
}

/* Refuses a file of another format; some that hold plain bytes need not be copied. */
static km_code refuse_format(const char *path, km_error *error)
{
    const char *what = identify_format(path), *slash = strrchr(path, '/');
    const char *dot = strrchr(slash != NULL ? slash : path, '.');
    const int length = (int)strlen(path), stem = dot != NULL ? (int)(dot - path) : length;
    char in[QUOTED_SIZE] = "", out[QUOTED_SIZE] = "";
    if (strcmp(what, "a FITS file") != 0 && strcmp(what, "a NumPy file") != 0)
        return km_fail(error, KM_DATA,
                       "not an HDF5 file (%s): it looks like %s; skymeans import (tools/import.py) "
                       "converts FITS, VOTable and CSV to HDF5",
                       path, what);
    quote_name(path, length, "", in);
    quote_name(path, stem, strcmp(path + stem, ".h5") == 0 ? "-view.h5" : ".h5", out);
    return km_fail(
        error, KM_DATA,
        "not an HDF5 file (%s): it looks like %s; skymeans import --in-place %s %s makes "
        "a small file that describes it, for a fit without a copy",
        path, what, in, out);
}

hid_t km_h5_local_access(void)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_sec2(access); /* plain files, whatever HDF5_DRIVER says */
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 0, 1);
#endif
    return access;
}

void km_h5_stay_readable(hid_t access)
{
#if H5_VERSION_GE(1, 10, 2)
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V110);
#else
    (void)access;
#endif
}

bool km_h5_is_hdf5(const char *path)
{
#if H5_VERSION_GE(1, 12, 0)
    const hid_t access = km_h5_local_access();
    const bool is_hdf5 = access >= 0 && H5Fis_accessible(path, access) > 0;
    H5Pclose(access);
    return is_hdf5;
#else
    return H5Fis_hdf5(path) > 0;
#endif
}

/* Opens it as `access` says, which it closes. */
static km_code open_by(const char *path, hid_t access, bool is_alone, hid_t *file, km_error *error)
{
    *file = error->code == KM_OK ? H5Fopen(path, H5F_ACC_RDONLY, access) : H5I_INVALID_HID;
    if (error->code == KM_OK && (!km_h5_note(*file) || km_fault("open the file"))) {
        if (is_alone && !km_h5_is_hdf5(path))
            refuse_format(path, error);
        else
            km_fail(error, km_h5_code(), "damaged HDF5 file (%s): %s; was it copied completely?",
                    path, km_h5_reason());
    }
    if (access >= 0)
        H5Pclose(access);
    return error->code;
}

static void note_failed_way(const char *path, int64_t status, km_error *error)
{
    if (!km_h5_note(status))
        km_fail(error, KM_SYSTEM, "can't open the file (%s): %s; run again", path, km_h5_reason());
}

km_code km_h5_open(const char *path, hid_t *file, km_error *error)
{
    check_readable(path, error);
    const hid_t access = km_h5_local_access();
    note_failed_way(path, access, error);
    return open_by(path, access, true, file, error);
}

/* Of ranks that can't go on together, nor close what some of them have opened. */
static void end_job(MPI_Comm comm, km_error *error)
{
    km_agree(comm, error);
    if (km_comm_rank(comm) == 0) {
        fprintf(stderr, "skymeans: error: %s\n", error->text);
        km_comm_end_job(comm, (int)error->code);
    }
    km_agree(comm, error); /* waits for the end */
}

/* Ranks agree on errors before each call in which HDF5 has them wait for each other: to duplicate
 * their communicator, and to open. In the latter a rank that fails would leave the others waiting
 * when they close the file, so each has opened it alone before; if one fails all the same, the job
 * ends. */
km_code km_h5_open_together(const char *path, MPI_Comm comm, MPI_Info hints, hid_t *file,
                            hid_t *alone, km_error *error)
{
    *file = H5I_INVALID_HID;
    km_h5_open(path, alone, error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    const hid_t access = km_h5_local_access();
    note_failed_way(path, access, error);
    if (km_agree(comm, error) == KM_OK) {
        note_failed_way(path, H5Pset_fapl_mpio(access, comm, hints), error);
        km_agree(comm, error);
    }
    open_by(path, access, false, file, error);
    if (km_are_divided(comm, *file >= 0))
        end_job(comm, error);
    return error->code;
}

static bool names_file(const char *name, size_t length)
{
    char path[KM_PATH_SIZE];
    if (length == 0 || length >= sizeof path)
        return false;
    memcpy(path, name, length);
    path[length] = '\0';
    return access(path, F_OK) == 0;
}

const char *km_h5_find_colon(const char *text)
{
    const char *colon = strchr(text, ':');
    while (colon != NULL && !(colon[1] != '\0' && names_file(text, (size_t)(colon - text))))
        colon = strchr(colon + 1, ':');
    return colon;
}

char *km_h5_split_name(const char *name, const char **inside, km_error *error)
{
    const char *existing = km_h5_find_colon(name);
    const char *colon = existing != NULL ? existing : strstr(name, ":/");
    char *path = km_copy_text(name, "name of a file", error);
    *inside = NULL;
    if (path != NULL && colon != NULL && access(name, F_OK) != 0) {
        path[colon - name] = '\0';
        *inside = colon + 1;
    }
    return path;
}
