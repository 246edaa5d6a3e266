/* json.h - writes a JSON file, member by member. The caller keeps brackets in pairs. */
#ifndef SKYMEANS_REPORT_JSON_H
#define SKYMEANS_REPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "process/output.h"

typedef struct km_json {
    FILE *file;
    bool is_first; /* the next member is the first of its object or array, without a comma before */
} km_json;

/* Writes what `put` prints under a temporary name, and reads it back; the caller publishes it.
 * `name` is for messages. KM_SYSTEM if it can't be written, KM_MEMORY. */
typedef void km_json_put(FILE *file, const void *what);
km_code km_json_write(km_output *output, const char *path, const char *name, km_json_put *put,
                      const void *what, km_error *error);

/* Add a member to the open object; in an array `name` is NULL. Infinity and NaN become null. */
void km_json_open(km_json *json, const char *name, char bracket); /* '{' or '[' */
void km_json_close(km_json *json, char bracket);                  /* '}' or ']' */
void km_json_text(km_json *json, const char *name, const char *text);
void km_json_int(km_json *json, const char *name, int64_t value);
void km_json_real(km_json *json, const char *name, double value);
void km_json_long(km_json *json, const char *name, long double value); /* integers exactly */
void km_json_null(km_json *json, const char *name);
void km_json_bool(km_json *json, const char *name, bool value);

#endif
