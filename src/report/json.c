/* Writes JSON (RFC 8259), whatever bytes the texts have. */
#include "json.h"

#include <math.h>
#include <stdio.h>

/* Is this second byte of a UTF-8 character allowed after the first? RFC 3629 forbids those that
 * make an encoding longer than needed, half of a surrogate pair, or a number beyond U+10FFFF. */
static bool may_follow(unsigned char first, unsigned char second)
{
    const unsigned char lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= lowest && second <= highest;
}

/* The length in bytes of the UTF-8 character that begins here; 0 if none does. */
static int utf8_length(const unsigned char *text)
{
    const int length = text[0] < 0x80   ? 1
                       : text[0] < 0xc2 ? 0
                       : text[0] < 0xe0 ? 2
                       : text[0] < 0xf0 ? 3
                       : text[0] < 0xf5 ? 4
                                        : 0;
    if (length > 1 && !may_follow(text[0], text[1]))
        return 0;
    for (int i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* A text in quotes; each byte that is not UTF-8 becomes the replacement character. */
static void write_quoted(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        const int length = utf8_length(c);
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else if (length == 0)
            fputs("\\ufffd", file);
        else
            fwrite(c, 1, (size_t)length, file);
        c += length > 0 ? length : 1;
    }
    fputc('"', file);
}

static void begin_member(km_json *json, const char *name)
{
    if (!json->is_first)
        fputs(", ", json->file);
    json->is_first = false;
    if (name == NULL)
        return;
    write_quoted(json->file, name);
    fputs(": ", json->file);
}

void km_json_open(km_json *json, const char *name, char bracket)
{
    begin_member(json, name);
    fputc(bracket, json->file);
    json->is_first = true;
}

void km_json_close(km_json *json, char bracket)
{
    fputc(bracket, json->file);
    json->is_first = false;
}

void km_json_text(km_json *json, const char *name, const char *text)
{
    begin_member(json, name);
    write_quoted(json->file, text);
}

void km_json_int(km_json *json, const char *name, int64_t value)
{
    begin_member(json, name);
    fprintf(json->file, "%lld", (long long)value);
}

void km_json_real(km_json *json, const char *name, double value)
{
    begin_member(json, name);
    if (isfinite(value))
        fprintf(json->file, "%.17g", value);
    else
        fputs("null", json->file);
}

void km_json_long(km_json *json, const char *name, long double value)
{
    begin_member(json, name);
    if (!isfinite(value))
        fputs("null", json->file);
    else if (fabsl(value) < 0x1p64L && value == floorl(value))
        fprintf(json->file, "%.0Lf", value);
    else
        fprintf(json->file, "%.21Lg", value);
}

void km_json_null(km_json *json, const char *name)
{
    begin_member(json, name);
    fputs("null", json->file);
}

void km_json_bool(km_json *json, const char *name, bool value)
{
    begin_member(json, name);
    fputs(value ? "true" : "false", json->file);
}
