/* Reads text files line by line. The length of a line is bounded, since a file of another kind may
 * be one line that is larger than memory. */

#include "process/lines.h"
#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool append_byte(km_line *line, int c, km_error *error)
{
    if (line->length == line->capacity) {
        char *grown = km_grow(line->text, line->capacity, 1, line->what, error);
        if (grown == NULL)
            return false;
        line->text = grown;
        line->capacity = line->capacity > 0 ? 2 * line->capacity : 1;
    }
    line->text[line->length++] = (char)c;
    return true;
}

km_line_kind km_line_read(km_line *line, FILE *file, int64_t max_length, km_error *error)
{
    int c;
    line->length = 0;
    line->number++;
    errno = 0;
    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        if (line->length == max_length)
            return KM_LINE_TOO_LONG;
        if (!append_byte(line, c, error))
            return KM_LINE_NO_MEMORY;
    }
    if (ferror(file))
        return KM_LINE_NOT_READ;
    if (c == EOF && line->length == 0)
        return KM_LINE_NONE;
    if (!append_byte(line, '\0', error))
        return KM_LINE_NO_MEMORY;
    return strlen(line->text) + 1 == (size_t)line->length-- ? KM_LINE : KM_LINE_NO_TEXT;
}
