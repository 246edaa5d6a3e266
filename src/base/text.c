/* Texts: printable, parsed, compared. */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The length in bytes of the UTF-8 character (RFC 3629) at `text`, and its code; 0 if it is not
 * well-formed. */
static int decode_utf8(const unsigned char *text, uint32_t *code)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    const int length = text[0] < 0x80             ? 1
                       : (text[0] & 0xe0) == 0xc0 ? 2
                       : (text[0] & 0xf0) == 0xe0 ? 3
                       : (text[0] & 0xf8) == 0xf0 ? 4
                                                  : 0;
    *code = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (text[i] & 0x3fu);
    }
    const bool is_surrogate = 0xd800 <= *code && *code < 0xe000;
    return length == 0 || *code < lowest[length] || is_surrogate || *code > 0x10ffff ? 0 : length;
}

/* Characters that move the cursor or change the direction of writing. */
static bool is_harmful(uint32_t code)
{
    return code < 0x20 || (0x7f <= code && code < 0xa0) || code == 0x61c ||
           (0x200e <= code && code <= 0x200f) || (0x2028 <= code && code <= 0x202e) ||
           (0x2066 <= code && code <= 0x2069) || code == 0xfeff;
}

void km_make_printable(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        uint32_t code;
        const int length = decode_utf8((const unsigned char *)from, &code);
        const bool is_good = length > 0 && !is_harmful(code);
        for (int i = 0; i < length && is_good; i++)
            *to++ = from[i];
        if (!is_good)
            *to++ = '?';
        from += length > 0 ? length : 1;
    }
    *to = '\0';
}

const char *km_printable(const char *text, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s", text);
    km_make_printable(buffer);
    return buffer;
}

bool km_is_plain_word(const char *text)
{
    const char *plain = "%+,-./0123456789:=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

void km_print_quoted(FILE *file, const char *text)
{
    const char *quote = km_is_plain_word(text) ? "" : "'";
    fputs(quote, file);
    while (*text != '\0') {
        char character[5] = "";
        uint32_t code;
        const int length = decode_utf8((const unsigned char *)text, &code);
        memcpy(character, text, length > 0 ? (size_t)length : 1);
        km_make_printable(character);
        fputs(strcmp(character, "'") == 0 ? "'\\''" : character, file);
        text += length > 0 ? length : 1;
    }
    fputs(quote, file);
}

static bool is_whole_number(const char *text, const char *end)
{
    return end != text && *end == '\0' && errno == 0 && !isspace((unsigned char)text[0]);
}

bool km_parse_int64(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return is_whole_number(text, end);
}

bool km_parse_uint64(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10); /* it would read "-1" as the maximum */
    return is_whole_number(text, end) && text[0] != '-';
}

bool km_parse_double(const char *text, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    if (errno == ERANGE && fabs(*value) < 1)
        errno = 0; /* denormal numbers are allowed */
    return is_whole_number(text, end) && isfinite(*value);
}

static int min_of_three(int a, int b, int c)
{
    const int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

int km_edit_distance(const char *a, const char *b)
{
    enum { MAX_LENGTH = 63 }; /* longer names count as entirely different */
    const int n_a = (int)strnlen(a, MAX_LENGTH + 1), n_b = (int)strnlen(b, MAX_LENGTH + 1);
    if (n_a > MAX_LENGTH || n_b > MAX_LENGTH)
        return MAX_LENGTH;
    int above[MAX_LENGTH + 1]; /* one row of Levenshtein's table */
    for (int j = 0; j <= n_b; j++)
        above[j] = j;
    for (int i = 1; i <= n_a; i++) {
        int diagonal = above[0];
        above[0] = i;
        for (int j = 1; j <= n_b; j++) {
            const int differ = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            const int best = min_of_three(diagonal + differ, above[j] + 1, above[j - 1] + 1);
            diagonal = above[j];
            above[j] = best;
        }
    }
    return above[n_b];
}

void km_text_difference(const char **a, const char **b)
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
