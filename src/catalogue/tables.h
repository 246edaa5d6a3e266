/* Discovery, shared by the files of this room. */
#ifndef SKYMEANS_CATALOGUE_TABLES_H
#define SKYMEANS_CATALOGUE_TABLES_H

#include "skymeans/catalogue.h"

/* Appends an element to an array that grows; the array if there is no memory, too. */
void *km_append(void *array, int64_t *count, size_t size, const void *element, km_error *error);

/* False if there is no room for it. */
bool km_join_path(char *path, const char *group, const char *name);

bool km_ends_with(const char *text, const char *end);

/* The number of dimensions, and the shape if that is 1 or 2; -1 if it is neither, or too large. */
int km_find_shape(hid_t dataset, int64_t *shape);

/* What a value of this type is, and how many of them an element holds: more than one in an array.
 */
void km_describe_type(hid_t type, km_column *column);

/* Storage, and where the values are: in `dataset`, called `path`. */
void km_describe_dataset(hid_t dataset, const char *path, km_column *column);

/* The units that a dataset says it is in. */
void km_describe_units(hid_t dataset, km_column *column);

/* What the dataset, in this file, declares of its numbers. */
void km_read_convention(hid_t file, hid_t dataset, km_column *column);

void km_add_column(km_table *table, const km_column *column, km_error *error);

/* The columns of a one-dimensional dataset of compounds. False if it is none, or has no numbers. */
bool km_find_members(hid_t dataset, km_table *table, km_error *error);

/* The columns of a frame that pandas wrote with format='fixed'. False if the group is none. */
bool km_find_frame(hid_t group, km_table *table, km_error *error);

/* In a table that pandas wrote with format='table', in this group or not, arrays take the names of
 * its columns. */
void km_name_frame(hid_t group, hid_t dataset, km_table *table, km_error *error);

/* Takes the units of columns from what astropy stores beside a table. */
void km_read_column_meta(hid_t parent, const char *name, km_table *table, km_error *error);

#endif
