/* text.h - texts: made printable, parsed, compared. */
#ifndef SKYMEANS_BASE_TEXT_H
#define SKYMEANS_BASE_TEXT_H

#include "base/error.h"

#include <stdio.h>

enum { KM_PATH_SIZE = 4096 }; /* longest file name, with its folders */

/* The plural ending of a word, for this count. */
static inline const char *km_plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* Does a shell take a text for one word as it is, without quotes? */
bool km_is_plain_word(const char *text);

/* Prints a text as one word of a shell's command line: in quotes if it needs them. */
void km_print_quoted(FILE *file, const char *text);

/* Replaces control characters by '?', so that a message stays one line whatever is named in it. */
void km_make_printable(char *text);

/* Copies a text to `buffer`, cut to its size, and makes the copy printable. Returns `buffer`. */
const char *km_printable(const char *text, char *buffer, size_t size);

/* Parses a text that is an integer, or a finite real number, and nothing else; false otherwise. */
bool km_parse_int64(const char *text, int64_t *value);
bool km_parse_uint64(const char *text, uint64_t *value);
bool km_parse_double(const char *text, double *value);

/* Moves both pointers to the beginning of the first line in which the texts differ. */
void km_text_difference(const char **a, const char **b);

/* The number of single-character edits (insert, delete, replace) that turn one name into the
 * other, upper and lower case alike; for "did you mean". */
int km_edit_distance(const char *a, const char *b);

#endif
