/* The checkpoint file: a line with the version of the format, the question, a header with what the
 * goes so far took, the state of the engine, and a hash of all these bytes.
 *
 * The question is a text that says what the run computes. A go is one start of the program: a run
 * that is stopped and started again takes several. */
#include "result/checkpoint.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/hash.h"
#include "process/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

km_code km_no_memory_for_checkpoint(km_error *error)
{
    return km_fail(error, KM_MEMORY, "out of memory (checkpoint): use fewer clusters");
}

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

char *km_checkpoint_bytes(const char *path, int64_t *size)
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

static bool is_as_written(const char *path, const char *bytes, int64_t size)
{
    int64_t n = 0;
    char *read = km_checkpoint_bytes(path, &n);
    const bool is_same = read != NULL && n == size && memcmp(read, bytes, (size_t)size) == 0;
    free(read);
    return is_same && !km_fault("read the checkpoint back");
}

static km_code cannot_write_checkpoint(const char *path, const char *why, km_error *error)
{
    return km_fail(error, KM_SYSTEM,
                   "can't write the checkpoint (%s): %s; is the disk full, or a quota reached?",
                   path, why);
}

/* The previous checkpoint keeps its name until the new one has been read back. */
static km_code replace_checkpoint(const char *path, const char *bytes, int64_t size,
                                  km_error *error)
{
    km_output output = {0};
    char previous[KM_PATH_SIZE + 8];
    km_checkpoint_previous(path, previous);
    if (km_output_create(&output, path, error) != KM_OK)
        ; /* it said why */
    else if (!write_bytes(output.beside, bytes, size))
        cannot_write_checkpoint(path, strerror(errno), error);
    else if (!is_as_written(output.beside, bytes, size))
        errno == ENOMEM ? km_no_memory_for_checkpoint(error)
                        : cannot_write_checkpoint(path, "it reads back differently", error);
    else if ((rename(path, previous) != 0 && errno != ENOENT) || km_fault("keep the checkpoint"))
        cannot_write_checkpoint(path, strerror(errno), error);
    else
        km_output_publish(&output, true, error);
    km_output_discard(&output);
    return error->code;
}

static km_checkpoint_header make_header(const km_checkpoint *c)
{
    return (km_checkpoint_header){.started = c->started,
                                  .seconds = c->past.seconds,
                                  .n_goes = c->past.n_goes,
                                  .bytes_read = c->past.bytes_read,
                                  .memory_peak = c->past.memory_peak,
                                  .min = c->past.min,
                                  .mean = c->past.mean,
                                  .max = c->past.max,
                                  .counts = c->past.counts,
                                  .joules = c->past.joules,
                                  .state_size = (int64_t)c->state_size};
}

static char *append_bytes(char *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy(to, from, size);
    return to + size;
}

km_code km_checkpoint_write(const char *path, const km_checkpoint *checkpoint, const char *question,
                            km_error *error)
{
    char first_line[64];
    const km_checkpoint_header h = make_header(checkpoint);
    const int length =
        snprintf(first_line, sizeof first_line, KM_CHECKPOINT_MAGIC "%d\n", KM_CHECKPOINT_VERSION);
    const int64_t question_size = (int64_t)strlen(question) + 1;
    const int64_t size = length + (int64_t)(sizeof question_size + sizeof h) + question_size +
                         h.state_size + (int64_t)sizeof(uint64_t);
    char *bytes = km_fault_of_allocation() ? NULL : malloc((size_t)size);
    if (bytes == NULL)
        return km_no_memory_for_checkpoint(error);
    char *end = append_bytes(bytes, first_line, (size_t)length);
    end = append_bytes(end, &question_size, sizeof question_size);
    end = append_bytes(end, question, (size_t)question_size);
    end = append_bytes(end, &h, sizeof h);
    end = append_bytes(end, checkpoint->state, checkpoint->state_size);
    const uint64_t hash = km_hash_bytes(bytes, end - bytes);
    append_bytes(end, &hash, sizeof hash);
    replace_checkpoint(path, bytes, size, error);
    free(bytes);
    return error->code;
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
    free(checkpoint->state);
    checkpoint->state = NULL;
    checkpoint->state_size = 0;
}
