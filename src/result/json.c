#include "json.h"

#include <math.h>

/* A text in quotes; bytes above ASCII go through, as UTF-8 does. */
static void quote(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < 0x20)
            fprintf(file, "\\u%04x", c);
        else
            fputc(c, file);
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
    quote(json->file, name);
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
    quote(json->file, text);
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

void km_json_bool(km_json *json, const char *name, bool value)
{
    begin_member(json, name);
    fputs(value ? "true" : "false", json->file);
}
