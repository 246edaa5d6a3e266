/* Discovery, shared by the files of this room. */
#ifndef SKYMEANS_CATALOGUE_TABLES_H
#define SKYMEANS_CATALOGUE_TABLES_H

#include "base/error.h"
#include "catalogue/catalogue.h"

/* ---- small things --------------------------------------------------------------------------- */

/* Appends an element to an array that grows; the array if there is no memory, too. */
void *km_append(void *array, int64_t *count, size_t size, const void *element, km_error *error);

/* False if there is no room for it. */
bool km_join_path(char *path, const char *group, const char *name);

bool km_ends_with(const char *text, const char *end);

/* Is there a link of this name? */
bool km_has_link(hid_t group, const char *name);

/* Is an attribute this text? */
bool km_attribute_is(hid_t object, const char *attribute, const char *text);

/* Columns by name: as many steps for many columns as for few. Of equal names the first counts. */
typedef struct km_names {
    const km_table *table;
    int64_t n_slots, *slots; /* a column, or -1 */
} km_names;

km_code km_names_create(km_names *names, const km_table *table, km_error *error);
int64_t km_names_find(const km_names *names, const char *name); /* -1: none is called so */
void km_names_free(km_names *names);

/* ---- what a dataset holds ------------------------------------------------------------------- */

/* The number of dimensions, and the shape if that is 1 or 2; -1 if it is too large. */
int km_find_shape(hid_t dataset, int64_t *shape);

/* What a value of this type is, and how many of them an element holds: more than one in an
 * array. */
void km_describe_type(hid_t type, km_column *column);

/* Storage, filters, and where the values are: in `dataset`, called `path`. */
void km_describe_dataset(hid_t file, hid_t dataset, const char *path, km_column *column);

/* The units that a dataset says it is in. */
void km_describe_units(hid_t dataset, km_column *column);

/* Notes a stored number that means a missing value. */
void km_add_missing(km_column *column, long double number);

/* What the attributes of a dataset of a file declare about its numbers goes to the column's
 * convention, and to its units. On this rank; nothing is an error, bad attributes do not count. */
void km_read_convention(hid_t dataset, km_column *column);

/* HDF5's own fill value, if its author set it, of a member of a compound; of other datasets the
 * member is empty. */
void km_read_fill(hid_t dataset, const char *member, km_column *column);

/* ---- the finder ----------------------------------------------------------------------------- */

/* Objects that were met; a hash set. */
typedef struct km_object_set {
    int64_t count, n_slots;
    km_object_id *slots;
} km_object_set;

/* Adds an object; false if it was there. */
bool km_object_set_add(km_object_set *set, const km_object_id *id, km_error *error);

/* Columns that are looked for where a like table, at this path, has them. */
typedef struct km_wanted {
    const char *table;
    int64_t count;
    const km_column *columns;
} km_wanted;

typedef struct km_finder {
    hid_t file;
    km_tables *found;
    km_object_set visited; /* links may form loops */
    int64_t n_later;
    char **later;            /* paths that soft links have, which are followed in the end */
    bool is_shallow;         /* only what is asked, not what is below it */
    const km_wanted *wanted; /* of a group only these columns; NULL: all */
    char writer[16];         /* of the whole file, see km_table */
    km_error *error;
} km_finder;

/* A group or dataset that is looked at. */
typedef struct km_object {
    hid_t id, parent;
    const char *name, *path; /* name: in the parent */
    bool is_group;
    int depth;
} km_object;

/* A way to store a table. `find` fills in columns, rows and flaw of a table, whose path is known,
 * if the object is stored like that; columns may be none. False if it is not, so that the next
 * layout is tried. Memory is the only error. */
typedef struct km_layout {
    const char *name; /* for people */
    bool (*find)(km_finder *finder, const km_object *object, km_table *table);
} km_layout;

bool km_find_index(km_finder *finder, const km_object *object, km_table *table);
bool km_find_frame(km_finder *finder, const km_object *object, km_table *table);
bool km_find_frame_table(km_finder *finder, const km_object *object, km_table *table);
bool km_find_sparse(km_finder *finder, const km_object *object, km_table *table);
bool km_find_columns(km_finder *finder, const km_object *object, km_table *table);
bool km_find_members(km_finder *finder, const km_object *object, km_table *table);
bool km_find_array(km_finder *finder, const km_object *object, km_table *table);

/* What tells the object; is_ok: false if HDF5 can't say. */
km_object_id km_identify(hid_t object, bool *is_ok);
bool km_is_in_same_file(const km_object_id *a, const km_object_id *b);

/* Asks all layouts about an object, once for each object, and goes on below it. */
void km_finder_visit(km_finder *finder, const km_object *object);

/* The same, later, with what soft links lead to, which has other names before this one. */
void km_finder_visit_later(km_finder *finder, const char *path);

/* Looks at what this path leads to, and adds its table to `tables`; not below it. Of a group it
 * takes only what is wanted, or all columns if that is NULL. */
void km_tables_find_at(hid_t file, const char *path, const km_wanted *wanted, km_tables *tables,
                       km_error *error);

void km_add_column(km_table *table, const km_column *column, km_error *error);

/* The name of a column has no room. */
void km_refuse_long_name(const char *file, const km_table *table, const char *name,
                         km_error *error);

/* Complex numbers are stored as compounds of two. */
bool km_is_complex(hid_t type);

/* Notes that a table has no numbers, but something else. */
void km_refuse_table(km_finder *finder, const km_table *table);

/* Notes that something can't be used, and why. */
void km_add_unusable(km_finder *finder, const char *path, const char *reason);

/* Why, or NULL if nothing is known. */
const char *km_find_unusable(const km_tables *tables, const char *path);

/* Describes an object as a column of this name: a dataset, or a group that is one. False if it is
 * none; `why` says the reason, where there is one to say. */
bool km_describe_object(hid_t file, hid_t object, const char *name, const char *path,
                        bool is_transposed, km_column *column, char *why, size_t size);

/* Why a link leads nowhere, after H5Oopen failed. */
void km_explain_link(hid_t group, const char *name, char *why, size_t size);

/* Which program wrote matrices in the other order, by what is beside the values; or nothing. */
void km_find_writer(hid_t object, char *writer, size_t size);

/* The members of a compound as columns, and those of compounds in it, called after both. */
void km_list_members(hid_t file, hid_t dataset, km_table *table, km_error *error);

/* Takes the units of columns from what astropy stores beside a table. */
void km_read_column_meta(hid_t parent, const char *name, km_table *table, km_error *error);

/* Texts of `size` bytes each, [count]. */
typedef struct km_text_list {
    char *texts;
    int64_t count;
    size_t size;
} km_text_list;

static inline const char *km_text_at(const km_text_list *list, int64_t i)
{
    return list->texts + (size_t)i * list->size;
}

/* A list of texts and whole numbers that Python pickled (protocol 0) to a text, or the innermost
 * one in it, to be freed. False if it is anything else; memory is the only error. `is_deep`: lists
 * or tuples are in it. */
bool km_read_pickled_list(const char *pickle, bool is_innermost, km_text_list *names, bool *is_deep,
                          km_error *error);

/* ---- choosing ------------------------------------------------------------------------------- */

/* A file that is open while columns of a catalogue are chosen in it. */
typedef struct km_scope {
    hid_t file;
    const char *path;
    km_tables *tables;
    struct km_others *others; /* NULL: no other file may be named */
} km_scope;

/* Other files, opened at their first use. */
typedef struct km_others {
    int64_t count;
    struct km_other {
        char *path;
        hid_t file;
        km_tables tables;
    } * list;
    bool is_transposed;
} km_others;

void km_others_free(km_others *others);

/* The table that is meant, which has the columns that are asked. NULL on failure. */
const km_table *km_scope_choose(const km_scope *scope, const km_catalogue_name *name,
                                km_error *error);

/* The table of this name or path. NULL if there is none: no error but those of memory. */
const km_table *km_scope_find_table(const km_scope *scope, const char *name, km_error *error);

/* The same without opening anything. */
const km_table *km_tables_find_called(const km_tables *tables, const char *name);

/* Why no table of this name can be used; NULL if nothing is known. */
const char *km_find_unusable_called(const km_tables *tables, const char *name);

/* Does a text have letters of a pattern, as a shell has them? Is a table called after it? */
bool km_is_pattern(const char *text);
bool km_is_called_like(const km_table *table, const char *pattern);

/* Cuts the next item off a list of columns. */
char *km_cut_item(char **rest);

/* "0:7" or "3" of so many columns; `last` is not included. */
bool km_parse_range(const char *text, int64_t n_columns, int64_t *first, int64_t *last);

/* Is a column one of those that are chosen by default: of floating-point numbers, or, where a table
 * has none, of any numbers? */
bool km_is_default_column(const km_table *table, const km_column *column, bool is_floating);

/* Takes the braces off {b-v}. */
char *km_without_braces(char *item);

/* Has the table a column of this name, or that and a number as in flux[2]? It is -1 for all values.
 * NULL if it has not. */
const km_column *km_find_values(const km_names *names, char *item, int64_t *position);

/* A column by its path: seen from the table, or in the whole file; or in another file, as
 * FILE:PATH. Several values a row are left together. False if there is none; an error only if
 * memory or another file is at fault. */
bool km_column_at(const km_scope *scope, const km_table *table, const char *text, km_column *column,
                  km_error *error);

/* As km_table_select, with columns by path, if the file is open. */
km_column *km_scope_select(const km_scope *scope, const km_table *table, const char *list,
                           int64_t *count, km_error *error);

/* The one column that an option (of this name, for messages) takes, which may be text if that is
 * said. False, with KM_USAGE or KM_DATA, if there is none. */
bool km_scope_select_one(const km_scope *scope, const km_table *table, const char *name,
                         const char *option, bool may_be_text, km_column *column, km_error *error);

/* ---- parts ---------------------------------------------------------------------------------- */

/* Opens a file that was named, on this rank alone. KM_SYSTEM, also if its path is too long; KM_DATA
 * if it is not a whole HDF5 file. Close with H5Fclose. */
km_code km_open_named(const char *path, hid_t *file, km_error *error);

/* What a catalogue's options choose in the file at `path`, which this rank opens. If `is_absent` is
 * not NULL, a file that has no table of the name that -d says is no error: it is set, and nothing
 * is chosen. */
km_code km_look_into(const char *path, const km_catalogue_name *name, km_selection *choice,
                     bool *is_absent, km_error *error);

/* The same in one of the parts, first in the places where the columns of the first file are. If
 * nothing fails, the file may stay open, for km_opened_open: a handle, or a negative one. */
km_code km_look_into_part(const km_catalogue *catalogue, int64_t part, km_selection *choice,
                          bool *is_absent, hid_t *file, km_error *error);

/* Is all that is known of a file's columns as in the first file, but for the number of rows? */
bool km_columns_are_first(const km_catalogue *catalogue, const km_column *columns, int64_t n_rows);

/* Lists the parts of all files, without looking into them. Collective; errors are agreed. */
km_code km_parts_list(km_catalogue *catalogue, MPI_Comm comm, km_error *error);

/* Looks into all parts, in turns among the ranks: their rows, precision and units, and what reading
 * them takes. KM_DATA naming a file that does not fit, the first one if all ranks fail. Collective;
 * errors are agreed. */
km_code km_parts_look(km_catalogue *catalogue, MPI_Comm comm, km_error *error);

/* The precision that the types of the features ask for. */
km_precision km_precision_of_features(const km_column *columns, int64_t n_features, bool is_raw);

#endif
