/* tables.h - finding and choosing tables, shared by the files of this room. */
#ifndef SKYMEANS_CATALOGUE_TABLES_H
#define SKYMEANS_CATALOGUE_TABLES_H

#include "base/error.h"
#include "catalogue/catalogue.h"

/* ---- small things --------------------------------------------------------------------------- */

/* Appends an element to an array that grows, and returns it; without memory, the old array. */
void *km_append(void *array, int64_t *count, size_t size, const void *element, km_error *error);

/* Makes GROUP/NAME in `path` [KM_DATASET_SIZE]; false if that is too long. */
bool km_join_path(char *path, const char *group, const char *name);

bool km_ends_with(const char *text, const char *end);

/* Is there a link of this name? */
bool km_has_link(hid_t group, const char *name);

/* Is an attribute this text? */
bool km_attribute_is(hid_t object, const char *attribute, const char *text);

/* Columns by name, in a hash table. Of equal names the first column is found. */
typedef struct km_names {
    const km_table *table;
    int64_t n_slots, *slots; /* a column, or -1 */
} km_names;

km_code km_names_create(km_names *names, const km_table *table, km_error *error);
int64_t km_names_find(const km_names *names, const char *name); /* -1: none is called so */
void km_names_free(km_names *names);

/* ---- what a dataset holds ------------------------------------------------------------------- */

/* The number of dimensions, and the shape if that is 1 or 2; -1 if a size is beyond 2^63. */
int km_find_shape(hid_t dataset, int64_t *shape);

/* Are the elements of a dataset compounds? */
bool km_holds_compounds(hid_t dataset);

/* Describes a type: what its values are, and how many an element holds, which is more than one in
 * an array. */
void km_describe_type(hid_t type, km_column *column);

/* Describes a dataset, called `path`: its storage, its filters, and the place of the values. */
void km_describe_dataset(hid_t file, hid_t dataset, const char *path, km_column *column);

/* The units that the attributes of a dataset declare. */
void km_describe_units(hid_t dataset, km_column *column);

/* Notes a stored number that means a missing value. */
void km_add_missing(km_column *column, long double number);

/* Reads what the attributes of a dataset declare about its numbers to the convention of the column.
 * Bad attributes are ignored, and are no error. Local. */
void km_read_convention(hid_t dataset, km_column *column);

/* The same for a member of compounds, of this type and number, by attributes of the dataset that
 * are called FIELD_number_ATTR_name; and its units. */
void km_read_member_convention(hid_t dataset, int member, hid_t type, km_column *column);

/* Reads HDF5's own fill value, if the file's author set it, of a member of a compound; the member
 * is empty for other datasets. */
void km_read_fill(hid_t dataset, const char *member, km_column *column);

/* ---- the finder ----------------------------------------------------------------------------- */

/* A hash set of objects. */
typedef struct km_object_set {
    int64_t count, n_slots;
    km_object_id *slots;
} km_object_set;

/* Adds an object; false if it is in the set already. */
bool km_object_set_add(km_object_set *set, const km_object_id *id, km_error *error);

/* The columns of the first part, which are looked for at the same places of another table. */
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
    char **later;            /* paths of soft links, which are followed last */
    bool is_shallow;         /* only the object itself, not what is below it */
    bool is_mock;            /* written by `skymeans generate`: /truth is no table */
    const km_wanted *wanted; /* only these columns of a group; NULL: all */
    char writer[16];         /* of the whole file, see km_table */
    km_error *error;
} km_finder;

/* A group or dataset that is looked at. */
typedef struct km_object {
    hid_t id, parent;
    const char *name, *path; /* name: of the link in the parent */
    bool is_group;
    int depth;
} km_object;

/* A way to store a table. `find` fills in the columns, rows and flaw of a table, whose path is set,
 * if the object is stored like that; it may find no columns. False if the object is stored in
 * another way, so that the next layout is tried. The only error is KM_MEMORY. */
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

/* The identity of an object; is_ok is false if HDF5 can't say. */
km_object_id km_identify(hid_t object, bool *is_ok);
bool km_is_in_same_file(const km_object_id *a, const km_object_id *b);

/* Tries all layouts on an object, once per object, and goes on below it. */
void km_finder_visit(km_finder *finder, const km_object *object);

/* The same for a soft link after the whole walk, so that its object keeps the name of its hard
 * link. */
void km_finder_visit_later(km_finder *finder, const char *path);

/* Adds the table at this path to `tables`, without what is below it. Of a group only the wanted
 * columns, or all if that is NULL. */
void km_tables_find_at(hid_t file, const char *path, const km_wanted *wanted, km_tables *tables,
                       km_error *error);

void km_add_column(km_table *table, const km_column *column, km_error *error);

/* Fails since the name of a column is too long. */
void km_refuse_long_name(const char *file, const km_table *table, const char *name,
                         km_error *error);

/* Complex numbers are stored as compounds of two. */
bool km_is_complex(hid_t type);

/* Notes that a table has no numbers, and what it has instead. */
void km_refuse_table(km_finder *finder, const km_table *table);

/* Notes that something can't be used, and why. */
void km_add_unusable(km_finder *finder, const char *path, const char *reason);

/* The reason that was noted for the object at this path; NULL if there is none. */
const char *km_find_unusable(const km_tables *tables, const char *path);

/* Describes an object as a column of this name: a dataset, or a group that is one. False if it is
 * no column; then `why` has the reason, or is empty. */
bool km_describe_object(hid_t file, hid_t object, const char *name, const char *path,
                        bool is_transposed, km_column *column, char *why, size_t size);

/* Why an object could not be opened by its link. */
void km_explain_link(hid_t group, const char *name, char *why, size_t size);

/* The program that wrote an object, if it stores matrices in the other order; else empty. */
void km_find_writer(hid_t object, char *writer, size_t size);

/* Lists the members of a compound as columns, and those of compounds in it, by both names. */
void km_list_members(hid_t file, hid_t dataset, km_table *table, km_error *error);

/* A list of texts of `size` bytes each, [count]. */
typedef struct km_text_list {
    char *texts;
    int64_t count;
    size_t size;
} km_text_list;

static inline const char *km_text_at(const km_text_list *list, int64_t i)
{
    return list->texts + (size_t)i * list->size;
}

/* The text that belongs to a key of a dictionary that Python pickled (protocol 0), called as no
 * other text in it; false if there is none. `value` [KM_NAME_SIZE]. */
bool km_read_pickled_value(const char *pickle, const char *key, char *value);

/* Reads a list of texts and integers that Python pickled (protocol 0) to a text, or the innermost
 * such list in it. The caller frees names->texts. False if it is anything else; the only error is
 * KM_MEMORY. *is_deep: the list contains lists or tuples. */
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

/* Other files that columns are in, opened at their first use. */
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

/* Expressions that are chosen, and the columns that they read, each of them once. */
typedef struct km_inputs {
    int64_t n_columns, n_expressions;
    km_column *columns;
    km_expression *expressions;
    bool makes_features; /* those that are chosen now do */
} km_inputs;

void km_inputs_free(km_inputs *inputs);

/* The table that -d means, or without it the one that has the columns. NULL on failure. */
const km_table *km_scope_choose(const km_scope *scope, const km_catalogue_name *name,
                                km_error *error);

/* The table of this name or path. NULL if there is none; the only error is KM_MEMORY. */
const km_table *km_scope_find_table(const km_scope *scope, const char *name, km_error *error);

/* The same without opening anything. */
const km_table *km_tables_find_called(const km_tables *tables, const char *name);

/* Why no table of this name can be used; NULL if nothing is known. */
const char *km_find_unusable_called(const km_tables *tables, const char *name);

/* Has a text the special characters of a shell's pattern? Does the name of a table match it? */
bool km_is_pattern(const char *text);
bool km_is_called_like(const km_table *table, const char *pattern);

/* Cuts the next item off a list of columns. */
char *km_cut_item(char **rest);

/* Parses "0:7", "3" or "{3}" as a range of so many columns, without `last`. */
bool km_parse_range(const char *text, int64_t n_columns, int64_t *first, int64_t *last);

/* Is a column one of those that are chosen by default: of floating-point numbers, or, where a table
 * has none, of any numbers? */
bool km_is_default_column(const km_table *table, const km_column *column, bool is_floating);

/* Removes the braces of {b-v}; {b}-{v} stays as it is. */
char *km_without_braces(char *item);

/* Removes the blanks around an item; the braces of a name protect its own. */
char *km_without_blanks(char *item);

/* The column with this name, in braces or not, or with this name and a position as in flux[2];
 * *position is -1 for all values. NULL if there is none. */
const km_column *km_find_values(const km_names *names, char *item, int64_t *position);

/* A column by its path: relative to the table, or absolute in the file; or in another file, as
 * FILE:PATH. Several values per row stay together. False if there is none, which is an error only
 * if memory or another file is at fault. */
bool km_column_at(const km_scope *scope, const km_table *table, const char *text, km_column *column,
                  km_error *error);

/* Says that another file lacks a column, if the text names such a file: FILE:PATH. */
bool km_refuse_in_other(const km_scope *scope, const char *text, km_error *error);

/* Refuses FILE:/path, whose file isn't there; false if the text is none such. */
bool km_refuse_no_file(const char *text, km_error *error);

/* Chooses the columns in a list as -c takes it, by name or by path, array columns value by value,
 * and expressions if there are inputs; all floating-point columns (of an array, all) if it is NULL.
 * Returns a new array of *count columns, which the caller frees; NULL and KM_USAGE, KM_DATA or
 * KM_MEMORY on failure. */
km_column *km_scope_select(const km_scope *scope, const km_table *table, const char *list,
                           km_inputs *inputs, int64_t *count, km_error *error);

/* Chooses the one column that an option (named in messages) takes: an expression, too, if there
 * are inputs, else perhaps of texts. False, with KM_USAGE or KM_DATA, if there is none. */
bool km_scope_select_one(const km_scope *scope, const km_table *table, const char *name,
                         const char *option, km_inputs *inputs, km_column *column, km_error *error);

/* Adds the expression of a condition to the inputs. */
void km_scope_add_condition(const km_scope *scope, const km_table *table, const char *text,
                            const char *option, km_inputs *inputs, km_error *error);

/* Is an item that names no column an expression, by the signs in it? Or meant as one: what it lacks
 * is then said with its place. */
bool km_is_expression(const char *item, bool is_array);

/* Lists the names of columns in an expression, as they are written: calls `note` with each of
 * them. False if it can't be understood. */
typedef void km_note_name(void *context, char *name);
bool km_expression_list_names(const char *text, km_note_name *note, void *context);

/* Refuses an expression that can't be understood, as km_expression_parse does, whatever columns
 * there are. */
km_code km_expression_check(const char *text, const char *option, km_error *error);

/* Cuts the name off NAME=EXPRESSION; NULL if it has none. *item becomes the expression. */
char *km_cut_name(char **item);

/* ---- parts ---------------------------------------------------------------------------------- */

/* Opens a file that was named, on this rank alone. KM_SYSTEM, also if its path is too long; KM_DATA
 * if it is not a whole HDF5 file. Close with H5Fclose. */
km_code km_open_named(const char *path, hid_t *file, km_error *error);

/* Opens the file at `path` on this rank, and chooses in it. If `is_absent` is not NULL, a file
 * without a table of the name of -d is no error: *is_absent is set, and nothing is chosen. */
km_code km_look_into(const char *path, const km_catalogue_name *name, km_selection *choice,
                     bool *is_absent, km_error *error);

/* The same in a part, where the places of the first part are tried first. If nothing fails, *file
 * is left open for km_opened_open, or is negative. */
km_code km_look_into_part(const km_catalogue *catalogue, int64_t part, km_selection *choice,
                          bool *is_absent, hid_t *file, km_error *error);

/* Are the columns of a part exactly those of the first part, but for the number of rows? */
bool km_columns_are_first(const km_catalogue *catalogue, const km_column *columns, int64_t n_rows);

/* Lists the parts of all files, without looking into them. Collective; errors are agreed. */
km_code km_parts_list(km_catalogue *catalogue, MPI_Comm comm, km_error *error);

/* Looks into all parts, in turns among the ranks: their rows, precision and units, and what reading
 * them takes. KM_DATA naming a file that does not fit, the first one if all ranks fail. Collective;
 * errors are agreed. */
km_code km_parts_look(km_catalogue *catalogue, MPI_Comm comm, km_error *error);

/* The precision that the types of the features, and of what they are computed from, ask for. */
km_precision km_precision_of_features(const km_column *columns, int64_t n_columns, bool is_raw);

#endif
