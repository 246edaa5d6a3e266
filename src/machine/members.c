/* Finds members in the text of a JSON file. */
#include "members.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* The end of a text, behind its closing quote; NULL if it has none. */
static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
    }
    return at + 1;
}

/* The end of a value; NULL if it has none. */
static const char *skip_value(const char *at)
{
    int depth = 0;
    do {
        at = skip_blanks(at);
        if (*at == '\0')
            return NULL;
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        if (*at == '"')
            at = skip_string(at);
        else
            at += strchr("{}[]:,", *at) != NULL ? 1 : strcspn(at, "{}[]:,\" \t\r\n");
    } while (at != NULL && depth > 0);
    return at;
}

/* The value of a member of an object. */
static const char *value_of_member(const char *object, const char *name, size_t length)
{
    const char *at = skip_blanks(object);
    if (*at != '{')
        return NULL;
    do {
        const char *key = skip_blanks(at + 1);
        const char *end = *key == '"' ? skip_string(key) : NULL;
        at = end != NULL ? skip_blanks(end) : NULL;
        if (at == NULL || *at != ':')
            return NULL;
        at = skip_blanks(at + 1);
        if ((size_t)(end - key) == length + 2 && memcmp(key + 1, name, length) == 0)
            return at;
        at = skip_value(at);
        at = at != NULL ? skip_blanks(at) : NULL;
    } while (at != NULL && *at == ',');
    return NULL;
}

const char *km_json_find(const char *json, const char *path)
{
    const size_t length = strcspn(path, ".");
    const char *value = value_of_member(json, path, length);
    return value != NULL && path[length] == '.' ? km_json_find(value, path + length + 1) : value;
}

const char *km_json_first(const char *array)
{
    const char *at = array != NULL ? skip_blanks(array) : "";
    at = *at == '[' ? skip_blanks(at + 1) : "";
    return *at != '\0' && *at != ']' ? at : NULL;
}

const char *km_json_next(const char *element)
{
    const char *at = skip_value(element);
    at = at != NULL ? skip_blanks(at) : "";
    return *at == ',' ? skip_blanks(at + 1) : NULL;
}

bool km_json_number(const char *json, const char *path, double *number)
{
    const char *value = km_json_find(json, path);
    char *end = NULL;
    if (value == NULL || strchr("-0123456789", *value) == NULL)
        return false;
    *number = strtod(value, &end);
    return end != value && isfinite(*number);
}

bool km_json_string(const char *json, const char *path, char *text, size_t size)
{
    const char *value = km_json_find(json, path);
    const char *end = value != NULL && *value == '"' ? skip_string(value) : NULL;
    if (end != NULL)
        snprintf(text, size, "%.*s", (int)(end - value - 2), value + 1);
    return end != NULL;
}
