#include "skymeans/base.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void km_make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text))
            *text = '?';
}

const char *km_printable(const char *text, char *room, size_t size)
{
    snprintf(room, size, "%s", text);
    km_make_printable(room);
    return room;
}

void km_print_quoted(FILE *file, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_.,:-/+%@=";
    const char *quote = text[0] != '\0' && text[strspn(text, plain)] == '\0' ? "" : "'";
    fputs(quote, file);
    for (; *text != '\0'; text++)
        if (*text == '\'')
            fputs("'\\''", file);
        else
            fputc(iscntrl((unsigned char)*text) ? '?' : *text, file);
    fputs(quote, file);
}

static bool is_whole(const char *text, const char *end)
{
    return end != text && *end == '\0' && errno == 0 && !isspace((unsigned char)text[0]);
}

bool km_parse_int64(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return is_whole(text, end);
}

bool km_parse_uint64(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10); /* which would take "-1" for the largest number */
    return is_whole(text, end) && text[0] != '-';
}

bool km_parse_double(const char *text, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    if (errno == ERANGE && fabs(*value) < 1)
        errno = 0; /* denormals are numbers, too */
    return is_whole(text, end) && isfinite(*value);
}

static int smallest(int a, int b, int c)
{
    const int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

int km_edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 }; /* of what people type; longer names count as entirely different */
    const int n_a = (int)strnlen(a, LONGEST + 1), n_b = (int)strnlen(b, LONGEST + 1);
    if (n_a > LONGEST || n_b > LONGEST)
        return LONGEST;
    int above[LONGEST + 1]; /* one row of Levenshtein's table */
    for (int j = 0; j <= n_b; j++)
        above[j] = j;
    for (int i = 1; i <= n_a; i++) {
        int diagonal = above[0];
        above[0] = i;
        for (int j = 1; j <= n_b; j++) {
            const int differ = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            const int best = smallest(diagonal + differ, above[j] + 1, above[j - 1] + 1);
            diagonal = above[j];
            above[j] = best;
        }
    }
    return above[n_b];
}
