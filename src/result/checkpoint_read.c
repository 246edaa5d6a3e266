/* A checkpoint is read: whatever the file holds, it is taken whole or refused. */
#include "result/checkpoint.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "process/log.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does a text have a line, the first of another one? Both begin at lines. */
static bool has_line(const char *text, const char *line)
{
    const size_t length = strcspn(line, "\n");
    while (*text != '\0' && (strcspn(text, "\n") != length || strncmp(text, line, length) != 0)) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return *text != '\0';
}

/* Where one of the questions has a line more, as of an option that the other lacks, it is said
 * alone. */
static km_code check_question(const char *path, const char *found, const char *asked,
                              km_error *error)
{
    if (strcmp(found, asked) == 0)
        return KM_OK;
    km_text_difference(&found, &asked);
    const bool has_more = has_line(found, asked), has_less = has_line(asked, found);
    if (has_more && !has_less)
        return km_fail(error, KM_DATA,
                       "checkpoint of another question (%s): it has '%.*s', and now there is none; "
                       "run the command that wrote it, or name another --checkpoint",
                       path, (int)strcspn(found, "\n"), found);
    if (has_less && !has_more)
        return km_fail(error, KM_DATA,
                       "checkpoint of another question (%s): now there is '%.*s', and it has none; "
                       "run the command that wrote it, or name another --checkpoint",
                       path, (int)strcspn(asked, "\n"), asked);
    return km_fail(error, KM_DATA,
                   "checkpoint of another question (%s): it has '%.*s', and now it is '%.*s'; "
                   "run the command that wrote it, or name another --checkpoint",
                   path, (int)strcspn(found, "\n"), found, (int)strcspn(asked, "\n"), asked);
}

static km_code damaged_checkpoint(const char *path, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "damaged checkpoint (%s): it is not whole, or not a checkpoint of skymeans; "
                   "remove it to begin anew",
                   path);
}

/* The version of the format, from the first line; 0 if this is no checkpoint of skymeans. */
static int version_of(const char *bytes, int64_t size)
{
    enum { MAX_DIGITS = 6 };
    const int64_t magic_size = (int64_t)strlen(KM_CHECKPOINT_MAGIC);
    int version = 0, n_digits = 0;
    if (size < magic_size + MAX_DIGITS + 2 * (int64_t)sizeof(uint64_t) ||
        memcmp(bytes, KM_CHECKPOINT_MAGIC, (size_t)magic_size) != 0)
        return 0;
    for (bytes += magic_size; n_digits < MAX_DIGITS && isdigit((unsigned char)*bytes); n_digits++)
        version = 10 * version + (*bytes++ - '0');
    return *bytes == '\n' ? version : 0;
}

static bool is_whole_checkpoint(const char *bytes, int64_t size)
{
    uint64_t hash;
    memcpy(&hash, bytes + size - (int64_t)sizeof hash, sizeof hash);
    return km_hash_bytes(bytes, size - (int64_t)sizeof hash) == hash;
}

/* Can this checkpoint be read? If it is damaged, the caller may take the previous one. */
static km_code check_bytes(const char *path, const char *bytes, int64_t size, bool *is_damaged,
                           km_error *error)
{
    const int version = version_of(bytes, size);
    *is_damaged =
        version < 1 || (version == KM_CHECKPOINT_VERSION && !is_whole_checkpoint(bytes, size));
    if (*is_damaged)
        return damaged_checkpoint(path, error);
    if (version != KM_CHECKPOINT_VERSION)
        km_fail(error, KM_DATA,
                "checkpoint of another version (%s): it has format %d, and this program knows %d; "
                "use the program that wrote it, or remove it to begin anew",
                path, version, KM_CHECKPOINT_VERSION);
    return error->code;
}

/* Does the file begin unlike a checkpoint? It may then be too large to be read as a whole. */
static bool is_another_file(const char *path)
{
    char bytes[sizeof KM_CHECKPOINT_MAGIC - 1];
    FILE *file = fopen(path, "rb");
    const bool is_other = file != NULL && (fread(bytes, 1, sizeof bytes, file) != sizeof bytes ||
                                           memcmp(bytes, KM_CHECKPOINT_MAGIC, sizeof bytes) != 0);
    if (file != NULL)
        fclose(file);
    return is_other;
}

/* The bytes of a checkpoint that is not damaged; NULL, without an error, if there is no file. */
static char *read_undamaged(const char *path, int64_t *size, bool *is_damaged, km_error *error)
{
    *is_damaged = is_another_file(path);
    if (*is_damaged) {
        damaged_checkpoint(path, error);
        return NULL;
    }
    char *bytes = km_checkpoint_bytes(path, size);
    if (bytes == NULL && errno == ENOMEM)
        km_no_memory_for_checkpoint(error);
    else if (bytes == NULL && errno != ENOENT)
        km_fail(error, KM_SYSTEM, "can't read the checkpoint (%s): %s; check its permissions", path,
                strerror(errno));
    if (bytes != NULL && check_bytes(path, bytes, *size, is_damaged, error) != KM_OK) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* The checkpoint, or the previous one if this is damaged or missing. */
static char *read_this_or_previous(const char *path, const km_log *log, int64_t *size,
                                   km_error *error)
{
    char previous[KM_PATH_SIZE + 8];
    km_error why = {0};
    bool is_damaged, is_previous_damaged;
    char *bytes = read_undamaged(path, size, &is_damaged, error);
    if (bytes != NULL || (error->code != KM_OK && !is_damaged))
        return bytes;
    km_checkpoint_previous(path, previous);
    bytes = read_undamaged(previous, size, &is_previous_damaged, &why);
    if (bytes != NULL && is_damaged)
        km_warn(log, "%s; going on from %s", error->text, previous);
    if (bytes != NULL)
        *error = (km_error){0};
    else if (error->code == KM_OK)
        *error = why;
    return bytes;
}

/* Copies `size` bytes and moves `from` past them; false if fewer are left. */
static bool take_bytes(const char **from, const char *end, void *to, size_t size)
{
    if ((size_t)(end - *from) < size)
        return false;
    memcpy(to, *from, size);
    *from += size;
    return true;
}

static bool is_duration(double value)
{
    return value >= 0 && value <= DBL_MAX;
}

static bool are_durations(const km_phases *phases)
{
    bool is_ok = true;
    for (int phase = 0; phase < KM_N_PHASES; phase++)
        is_ok = is_ok && is_duration(phases->seconds[phase]);
    return is_ok;
}

static bool are_counts(const km_counts *counts)
{
    const int64_t most = INT64_MAX / 2; /* so that those of this go can be added */
    return 0 <= counts->assignments && counts->assignments <= most && 0 <= counts->distances &&
           counts->distances <= most && 0 <= counts->reductions && counts->reductions <= most &&
           0 <= counts->bytes_reduced && counts->bytes_reduced <= most;
}

/* What in the header no run can have written, although the hash is right; NULL: nothing. `left` is
 * the number of bytes that follow the header. */
static const char *find_implausible(const km_checkpoint_header *h, int64_t left)
{
    enum { MAX_GOES = 1000000000 };
    const double year_3000 = 32503680000;
    const int64_t max_bytes = INT64_MAX / 2; /* so that those of this go can be added */
    return !(0 <= h->started && h->started < year_3000)            ? "time of its beginning"
           : !(1 <= h->n_goes && h->n_goes <= MAX_GOES)            ? "count of goes"
           : !(0 <= h->bytes_read && h->bytes_read <= max_bytes)   ? "count of bytes read"
           : !(0 <= h->memory_peak && h->memory_peak <= max_bytes) ? "memory"
           : !is_duration(h->seconds)                              ? "time of all goes"
           : !are_durations(&h->min) || !are_durations(&h->mean) || !are_durations(&h->max)
               ? "time of a phase"
           : !are_counts(&h->counts)                       ? "counts of work"
           : !(isnan(h->joules) || is_duration(h->joules)) ? "energy"
           : h->state_size != left                         ? "length"
                                                           : NULL;
}

static km_code wrong_field(const char *path, const char *what, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "damaged checkpoint (%s): its %s can't be what a run of this question wrote; "
                   "remove it to begin anew",
                   path, what);
}

static km_code fill_checkpoint(km_checkpoint *checkpoint, const km_checkpoint_header *h,
                               const char *state, km_error *error)
{
    checkpoint->started = h->started;
    checkpoint->past = (km_report){.n_goes = h->n_goes,
                                   .seconds = h->seconds,
                                   .min = h->min,
                                   .mean = h->mean,
                                   .max = h->max,
                                   .counts = h->counts,
                                   .joules = h->joules,
                                   .bytes_read = h->bytes_read,
                                   .memory_peak = h->memory_peak};
    checkpoint->state_size = (size_t)h->state_size;
    checkpoint->state = km_allocate(h->state_size, 1, "state of the checkpoint", error);
    if (checkpoint->state != NULL && h->state_size > 0)
        memcpy(checkpoint->state, state, checkpoint->state_size);
    return error->code;
}

/* Takes a checkpoint apart. Its hash says that it is whole, but not that its fields are right, so
 * each is checked. */
static km_code parse_checkpoint(const char *path, const char *bytes, int64_t size,
                                km_checkpoint *checkpoint, const char *question, km_error *error)
{
    const char *at = (const char *)memchr(bytes, '\n', (size_t)size) + 1;
    const char *end = bytes + size - sizeof(uint64_t);
    int64_t question_size;
    km_checkpoint_header h;
    if (!take_bytes(&at, end, &question_size, sizeof question_size) || question_size < 1 ||
        question_size > end - at ||
        memchr(at, '\0', (size_t)question_size) != at + question_size - 1)
        return wrong_field(path, "question", error);
    const char *found = at;
    at += question_size;
    if (check_question(path, found, question, error) != KM_OK)
        return error->code;
    if (!take_bytes(&at, end, &h, sizeof h))
        return damaged_checkpoint(path, error);
    const char *wrong = find_implausible(&h, end - at);
    return wrong != NULL ? wrong_field(path, wrong, error)
                         : fill_checkpoint(checkpoint, &h, at, error);
}

km_code km_checkpoint_read(const char *path, km_checkpoint *checkpoint, const char *question,
                           const km_log *log, MPI_Comm comm, bool *is_found, km_error *error)
{
    int64_t size = 0;
    char *bytes = NULL;
    *checkpoint = (km_checkpoint){0};
    if (km_comm_rank(comm) == 0 && (bytes = read_this_or_previous(path, log, &size, error)) != NULL)
        parse_checkpoint(path, bytes, size, checkpoint, question, error);
    *is_found = bytes != NULL;
    free(bytes);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_checkpoint shared = *checkpoint;
    km_broadcast(comm, 0, is_found, sizeof *is_found);
    km_broadcast(comm, 0, &shared, sizeof shared);
    shared.state = checkpoint->state;
    *checkpoint = shared;
    return KM_OK;
}
