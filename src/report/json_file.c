/* Writes a JSON file, and reads it back. */
#include "json.h"

#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool write_text(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    const bool is_written = fwrite(text, 1, size, file) == size;
    return fclose(file) == 0 && is_written && !km_fault("write the metrics");
}

static bool is_same_text(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t same = 0;
    while (same < size && fgetc(file) == (unsigned char)text[same])
        same++;
    const bool is_same = same == size && fgetc(file) == EOF;
    fclose(file);
    return is_same && !km_fault("read the metrics back");
}

km_code km_json_write(km_output *output, const char *path, const char *name, km_json_put *put,
                      const void *what, km_error *error)
{
    char *text = NULL;
    size_t size = 0;
    if (km_output_create(output, path, error) != KM_OK)
        return error->code;
    FILE *memory = km_fault_of_allocation() ? NULL : open_memstream(&text, &size);
    if (memory != NULL)
        put(memory, what);
    if (memory == NULL || fclose(memory) != 0)
        km_fail(error, KM_MEMORY, "out of memory (%s): use fewer iterations", name);
    else if (!write_text(output->beside, text, size))
        km_fail(error, KM_SYSTEM, "can't write %s (%s): %s; is the disk full?", name, path,
                strerror(errno));
    else if (!is_same_text(output->beside, text, size))
        km_fail(error, KM_SYSTEM,
                "can't write %s (%s): they read back differently; is the disk full?", name, path);
    free(text);
    return error->code;
}
