/* members.h - numbers and texts out of a JSON file, by the names that lead to them. Local.
 *
 * It reads what is asked for, and does not check the rest. */
#ifndef SKYMEANS_MACHINE_MEMBERS_H
#define SKYMEANS_MACHINE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

/* The value at a path of members, "phases.assign.mean"; NULL if there is none. `json` begins an
 * object and ends with a zero byte. */
const char *km_json_find(const char *json, const char *path);

/* The first element of an array, or the one after `element`; NULL: there is none. */
const char *km_json_first(const char *array);
const char *km_json_next(const char *element);

/* A finite number at a path; false if there is none. */
bool km_json_number(const char *json, const char *path, double *number);

/* A text at a path, without escapes, cut to `size`; false if there is none. */
bool km_json_string(const char *json, const char *path, char *text, size_t size);

#endif
