/* The checkpoint: a line that says what it is, the question, the state, and a hash of it all. */
#include "checkpoint.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "process/log.h"
#include "process/output.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = 2 };
static const char MAGIC[] = "skymeans checkpoint ";

static uint64_t hash_bytes(const char *bytes, int64_t size)
{
    uint64_t hash = (uint64_t)size;
    for (int64_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, (size_t)(size - i < 8 ? size - i : 8));
        hash = km_mix(hash ^ word) + 0x9e3779b97f4a7c15u;
    }
    return hash;
}

/* The first line in which two questions differ, of each. */
static void find_difference(const char **a, const char **b)
{
    const char *x = *a, *y = *b;
    while (*x != '\0' && *x == *y) {
        if (*x == '\n') {
            *a = x + 1;
            *b = y + 1;
        }
        x++;
        y++;
    }
}

static km_code check_question(const char *path, const char *found, const char *asked,
                              km_error *error)
{
    if (strcmp(found, asked) == 0)
        return KM_OK;
    find_difference(&found, &asked);
    return km_fail(error, KM_DATA,
                   "checkpoint of another question (%s): it has '%.*s', and now it is '%.*s'; "
                   "run the command that wrote it, or name another --checkpoint",
                   path, (int)strcspn(found, "\n"), found, (int)strcspn(asked, "\n"), asked);
}

static km_code out_of_memory(km_error *error)
{
    return km_fail(error, KM_MEMORY, "out of memory (checkpoint): use fewer clusters");
}

/* ---- writing -----------------------------------------------------------------------------------
 */

void km_checkpoint_previous(const char *path, char *name)
{
    snprintf(name, KM_PATH_SIZE + 8, "%s.prev", path);
}

static bool write_bytes(const char *path, const char *bytes, int64_t size)
{
    const int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool is_written = km_write_at(descriptor, bytes, size, 0) && fsync(descriptor) == 0;
    return close(descriptor) == 0 && is_written && !km_fault("write the checkpoint");
}

/* All bytes of a file, ended by a 0, in a new array; NULL, with errno set, if that is not possible.
 */
static char *read_bytes(const char *path, int64_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (*size = ftell(file)) >= 0) {
        rewind(file);
        bytes = km_fault_of_allocation() ? NULL : malloc((size_t)*size + 1);
        errno = bytes == NULL ? ENOMEM : 0;
    }
    if (bytes != NULL)
        bytes[*size] = '\0';
    if (bytes != NULL && fread(bytes, 1, (size_t)*size, file) != (size_t)*size) {
        free(bytes);
        bytes = NULL;
        errno = EIO;
    }
    fclose(file);
    return bytes;
}

static bool is_there(const char *path, const char *bytes, int64_t size)
{
    int64_t n = 0;
    char *read = read_bytes(path, &n);
    const bool is_same = read != NULL && n == size && memcmp(read, bytes, (size_t)size) == 0;
    free(read);
    return is_same && !km_fault("read the checkpoint back");
}

static km_code cannot_write(const char *path, const char *why, km_error *error)
{
    return km_fail(error, KM_SYSTEM,
                   "can't write the checkpoint (%s): %s; is the disk full, or a quota reached?",
                   path, why);
}

/* The one before stays until this one has been read back. */
static km_code put_file(const char *path, const char *bytes, int64_t size, km_error *error)
{
    km_output output = {0};
    char previous[KM_PATH_SIZE + 8];
    km_checkpoint_previous(path, previous);
    if (km_output_create(&output, path, error) != KM_OK)
        ; /* it said why */
    else if (!write_bytes(output.beside, bytes, size))
        cannot_write(path, strerror(errno), error);
    else if (!is_there(output.beside, bytes, size))
        errno == ENOMEM ? out_of_memory(error)
                        : cannot_write(path, "it reads back differently", error);
    else if ((rename(path, previous) != 0 && errno != ENOENT) || km_fault("keep the checkpoint"))
        cannot_write(path, strerror(errno), error);
    else
        km_output_publish(&output, true, error);
    km_output_discard(&output);
    return error->code;
}

static km_code write_one(const char *path, km_checkpoint *checkpoint, const km_record *record,
                         km_error *error)
{
    km_archive s = {.is_ok = true};
    char first_line[64];
    char *question = km_question_text(record);
    if (question == NULL)
        return out_of_memory(error);
    const int length = snprintf(first_line, sizeof first_line, "%s%d\n", MAGIC, VERSION);
    int64_t question_size = (int64_t)strlen(question) + 1;
    km_archive_pass(&s, first_line, length);
    km_archive_pass(&s, &question_size, sizeof question_size);
    km_archive_pass(&s, question, question_size);
    km_archive_checkpoint(&s, checkpoint, &(km_archive_limits){0, 0});
    if (s.is_ok) {
        uint64_t hash = hash_bytes(s.bytes, s.at);
        km_archive_pass(&s, &hash, sizeof hash);
    }
    if (s.is_ok)
        put_file(path, s.bytes, s.at, error);
    else
        out_of_memory(error);
    free(question);
    free(s.bytes);
    return error->code;
}

km_code km_checkpoint_write(const char *path, km_checkpoint *checkpoint, const km_record *record,
                            MPI_Comm comm, km_error *error)
{
    if (km_comm_rank(comm) == 0)
        write_one(path, checkpoint, record, error);
    return km_agree(comm, error);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static km_code damaged(const char *path, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "damaged checkpoint (%s): it is not whole, or not a checkpoint of skymeans; "
                   "remove it to begin anew",
                   path);
}

/* The format of a checkpoint of ours, which its first line tells; 0 if it is none. */
static int version_of(const char *bytes, int64_t size)
{
    enum { MOST_DIGITS = 6 };
    const int64_t magic_size = (int64_t)strlen(MAGIC);
    int version = 0, n_digits = 0;
    if (size < magic_size + MOST_DIGITS + 2 * (int64_t)sizeof(uint64_t) ||
        memcmp(bytes, MAGIC, (size_t)magic_size) != 0)
        return 0;
    for (bytes += magic_size; n_digits < MOST_DIGITS && isdigit((unsigned char)*bytes); n_digits++)
        version = 10 * version + (*bytes++ - '0');
    return *bytes == '\n' ? version : 0;
}

static bool has_its_hash(const char *bytes, int64_t size)
{
    uint64_t hash;
    memcpy(&hash, bytes + size - (int64_t)sizeof hash, sizeof hash);
    return hash_bytes(bytes, size - (int64_t)sizeof hash) == hash;
}

/* Is it a checkpoint that can be read? If it is damaged, the one before may serve. */
static km_code check_bytes(const char *path, const char *bytes, int64_t size, bool *is_damaged,
                           km_error *error)
{
    const int version = version_of(bytes, size);
    *is_damaged = version < 1 || (version == VERSION && !has_its_hash(bytes, size));
    if (*is_damaged)
        return damaged(path, error);
    if (version != VERSION)
        km_fail(error, KM_DATA,
                "checkpoint of another version (%s): it has format %d, and this program knows %d; "
                "use the program that wrote it, or remove it to begin anew",
                path, version, VERSION);
    return error->code;
}

/* Does its beginning say that it is none? It may be too large to be read as a whole. */
static bool is_another_file(const char *path)
{
    char bytes[sizeof MAGIC - 1];
    FILE *file = fopen(path, "rb");
    const bool is_other = file != NULL && (fread(bytes, 1, sizeof bytes, file) != sizeof bytes ||
                                           memcmp(bytes, MAGIC, sizeof bytes) != 0);
    if (file != NULL)
        fclose(file);
    return is_other;
}

/* The bytes of a whole checkpoint; NULL, without an error, if there is no file. */
static char *read_whole(const char *path, int64_t *size, bool *is_damaged, km_error *error)
{
    *is_damaged = is_another_file(path);
    if (*is_damaged) {
        damaged(path, error);
        return NULL;
    }
    char *bytes = read_bytes(path, size);
    if (bytes == NULL && errno == ENOMEM)
        out_of_memory(error);
    else if (bytes == NULL && errno != ENOENT)
        km_fail(error, KM_SYSTEM, "can't read the checkpoint (%s): %s; check its permissions", path,
                strerror(errno));
    if (bytes != NULL && check_bytes(path, bytes, *size, is_damaged, error) != KM_OK) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* The checkpoint, or the one before it, if that one is damaged or not there. */
static char *read_either(const char *path, const km_log *log, int64_t *size, km_error *error)
{
    char previous[KM_PATH_SIZE + 8];
    km_error why = {0};
    bool is_damaged, is_previous_damaged;
    char *bytes = read_whole(path, size, &is_damaged, error);
    if (bytes != NULL || (error->code != KM_OK && !is_damaged))
        return bytes;
    km_checkpoint_previous(path, previous);
    bytes = read_whole(previous, size, &is_previous_damaged, &why);
    if (bytes != NULL && is_damaged)
        km_warn(log, "%s; going on from %s", error->text, previous);
    if (bytes != NULL)
        *error = (km_error){0};
    else if (error->code == KM_OK)
        *error = why;
    return bytes;
}

/* The question in a checkpoint, behind its first line; NULL if that is no text. */
static const char *pass_question(km_archive *s)
{
    int64_t size = 0;
    s->at = (char *)memchr(s->bytes, '\n', (size_t)s->size) + 1 - s->bytes;
    km_archive_pass(s, &size, sizeof size);
    const char *question = s->bytes + s->at;
    if (s->is_ok)
        km_archive_check(s,
                         0 < size && size <= s->size - s->at &&
                             memchr(question, '\0', (size_t)size) == question + size - 1,
                         "question");
    s->at += s->is_ok ? size : 0;
    return s->is_ok ? question : NULL;
}

static km_code cannot_take(const char *path, const km_archive *s, km_error *error)
{
    if (s->is_out_of_memory)
        return out_of_memory(error);
    if (s->wrong == NULL)
        return damaged(path, error);
    return km_fail(error, KM_DATA,
                   "damaged checkpoint (%s): its %s can't be what a run of this question wrote; "
                   "remove it to begin anew",
                   path, s->wrong);
}

/* Takes a checkpoint apart whose hash is right, which does not make its fields right. */
static km_code parse(const char *path, char *bytes, int64_t size, km_checkpoint *checkpoint,
                     const km_record *record, km_error *error)
{
    const km_archive_limits most = {record->catalogue->n_rows, record->options->restarts};
    km_archive s = {.bytes = bytes,
                    .size = size - (int64_t)sizeof(uint64_t),
                    .is_reading = true,
                    .is_ok = true};
    char *asked = km_question_text(record);
    const char *found = pass_question(&s);
    if (asked == NULL)
        out_of_memory(error);
    else if (found == NULL)
        cannot_take(path, &s, error);
    else if (check_question(path, found, asked, error) == KM_OK) {
        km_archive_checkpoint(&s, checkpoint, &most);
        if (!s.is_ok)
            cannot_take(path, &s, error);
    }
    free(asked);
    return error->code;
}

km_code km_checkpoint_read(const char *path, km_checkpoint *checkpoint, const km_record *record,
                           const km_log *log, MPI_Comm comm, bool *is_found, km_error *error)
{
    int64_t size = -1;
    char *bytes = NULL;
    if (km_comm_rank(comm) == 0) {
        bytes = read_either(path, log, &size, error);
        if (bytes == NULL)
            size = -1;
    }
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_broadcast(comm, 0, &size, sizeof size);
    *is_found = size >= 0;
    if (!*is_found)
        return KM_OK;
    if (bytes == NULL)
        bytes = km_allocate(size, 1, "checkpoint", error);
    if (km_agree(comm, error) == KM_OK) {
        km_broadcast(comm, 0, bytes, size);
        parse(path, bytes, size, checkpoint, record, error);
    }
    free(bytes);
    return km_agree(comm, error);
}

void km_checkpoint_remove(const char *path)
{
    char previous[KM_PATH_SIZE + 8];
    km_checkpoint_previous(path, previous);
    unlink(path);
    unlink(previous);
}

void km_checkpoint_free(km_checkpoint *checkpoint)
{
    free(checkpoint->state.used);
    free(checkpoint->state.centers);
    free(checkpoint->state.history);
    checkpoint->state = (km_fit_state){0};
}
