/* Looks into the files of a catalogue, and chooses in each what the options say. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "opened.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a file --------------------------------------------------------------------------------- */

km_code km_open_named(const char *path, hid_t *file, km_error *error)
{
    *file = H5I_INVALID_HID;
    if (strlen(path) >= KM_PATH_SIZE)
        return km_fail(error, KM_SYSTEM,
                       "can't open the file (%.100s...): its path is too long; make a link with a "
                       "shorter one",
                       path);
    return km_h5_open(path, file, error);
}

static bool is_empty_group(hid_t object)
{
    H5G_info_t info;
    return H5Iget_type(object) == H5I_GROUP && H5Gget_info(object, &info) >= 0 && info.nlinks == 0;
}

/* Is there nothing at this path, not even a link on the way to it? An empty group counts as
 * nothing. */
static bool is_nothing(hid_t file, const char *name)
{
    char path[KM_DATASET_SIZE];
    if (snprintf(path, sizeof path, "%s", name + strspn(name, "/")) >= (int)sizeof path)
        return true;
    while (km_ends_with(path, "/"))
        path[strlen(path) - 1] = '\0';
    for (char *c = path; *c != '\0'; c++)
        if (*c == '/') {
            *c = '\0';
            if (!km_has_link(file, path))
                return true;
            *c = '/';
        }
    if (path[0] == '\0')
        return false;
    if (!km_has_link(file, path))
        return true;
    const hid_t object = H5Oopen(file, path, H5P_DEFAULT);
    const bool is_empty = object >= 0 && is_empty_group(object);
    if (object >= 0)
        H5Oclose(object);
    return is_empty;
}

/* Does this file lack the table, which other files may have? */
static bool lacks_table(hid_t file, const km_tables *tables, const char *name)
{
    for (int64_t i = 0; i < tables->count && km_is_pattern(name); i++)
        if (km_is_called_like(&tables->tables[i], name))
            return false;
    return is_nothing(file, name);
}

static km_code look_into_file(hid_t file, const char *path, const km_catalogue_name *name,
                              km_selection *choice, bool *is_absent, km_error *error)
{
    km_tables tables;
    if (km_tables_find(file, name->is_transposed, &tables, error) != KM_OK)
        return error->code;
    if (is_absent != NULL)
        *is_absent = name->table != NULL && lacks_table(file, &tables, name->table);
    if (is_absent == NULL || !*is_absent)
        km_selection_make(choice, file, path, &tables, name, error);
    km_tables_free(&tables);
    return error->code;
}

km_code km_look_into(const char *path, const km_catalogue_name *name, km_selection *choice,
                     bool *is_absent, km_error *error)
{
    hid_t file;
    memset(choice, 0, sizeof *choice);
    if (km_open_named(path, &file, error) != KM_OK)
        return error->code;
    look_into_file(file, path, name, choice, is_absent, error);
    H5Fclose(file);
    return error->code;
}

/* ---- a part --------------------------------------------------------------------------------- */

/* Have two columns one name, and are both stored, or computed by the same expression of the list?
 */
static bool is_called_alike(const km_column *a, const km_column *b)
{
    return strcmp(a->name, b->name) == 0 && a->expression == b->expression;
}

/* Joined files have one expression, which can't take positions in degrees and in radians. */
static km_code refuse_other_positions(const km_catalogue *catalogue, const km_file *file,
                                      const km_selection *choice, km_error *error)
{
    for (int64_t e = 0; e < choice->n_expressions && error->code == KM_OK; e++) {
        const km_operation *first = catalogue->expressions[e].operations;
        const km_operation *here = choice->expressions[e].operations;
        for (int64_t o = 0; o < choice->expressions[e].n_operations && error->code == KM_OK; o++)
            if (km_takes_position(here[o].code) && here[o].number != first[o].number)
                km_fail(error, KM_DATA,
                        "units of a position differ (%s, %s): it is in %s here, and not in %s; "
                        "convert one of them",
                        file->path, file->table, here[o].number > 1 ? "radians" : "degrees",
                        catalogue->files[0].path);
    }
    return error->code;
}

static km_code refuse_different(const km_catalogue *catalogue, const km_file *file,
                                const km_selection *choice, km_error *error)
{
    const int64_t n =
        choice->n_columns < catalogue->n_columns ? choice->n_columns : catalogue->n_columns;
    int64_t c = 0;
    while (c < n && is_called_alike(&choice->columns[c], &catalogue->columns[c]))
        c++;
    if (c == catalogue->n_columns && c == choice->n_columns)
        return refuse_other_positions(catalogue, file, choice, error);
    return km_fail(
        error, KM_DATA,
        "different columns (%s, %s): it has %s%s where %s, %s, has %s%s; name those "
        "that all have with -c",
        file->path, file->table, c < n && choice->columns[c].expression > 0 ? "computed " : "",
        c < choice->n_columns ? choice->columns[c].name : "no more", catalogue->files[0].path,
        catalogue->first_table, c < n && catalogue->columns[c].expression > 0 ? "computed " : "",
        c < catalogue->n_columns ? catalogue->columns[c].name : "no more");
}

/* With other names, the same places may hold something else. */
static bool has_same_names(const km_catalogue *catalogue, const km_selection *choice)
{
    bool are_same = choice->n_columns == catalogue->n_columns;
    for (int64_t c = 0; c < choice->n_columns && are_same; c++)
        are_same = is_called_alike(&choice->columns[c], &catalogue->columns[c]);
    return are_same;
}

/* Chooses the columns at the places of the first part; false if they are not there. */
static bool look_at_places(const km_catalogue *catalogue, const km_file *part, hid_t file,
                           km_selection *choice)
{
    km_tables tables = {.is_transposed = catalogue->asked.is_transposed};
    km_error ignored = {0};
    km_catalogue_name name = catalogue->asked;
    const bool has_names = name.columns != NULL && !catalogue->is_array;
    name.table = part->table;
    const km_wanted wanted = {catalogue->first_table, catalogue->n_columns, catalogue->columns};
    km_tables_find_at(file, part->table, has_names ? &wanted : NULL, &tables, &ignored);
    if (ignored.code == KM_OK && tables.count > 0)
        km_selection_make(choice, file, part->path, &tables, &name, &ignored);
    const bool is_chosen = ignored.code == KM_OK && tables.count > 0 &&
                           strcmp(choice->table, part->table) == 0 &&
                           has_same_names(catalogue, choice);
    if (!is_chosen)
        km_selection_free(choice);
    km_tables_free(&tables);
    return is_chosen;
}

/* If columns are in other files there is only one part, whose columns are known. */
static km_code copy_choice(const km_catalogue *catalogue, km_selection *choice, km_error *error)
{
    choice->n_rows = catalogue->n_rows;
    choice->n_features = catalogue->n_features;
    choice->n_columns = catalogue->n_columns;
    choice->columns =
        km_allocate(catalogue->n_columns, sizeof *choice->columns, "list of features", error);
    if (choice->columns != NULL)
        memcpy(choice->columns, catalogue->columns,
               (size_t)catalogue->n_columns * sizeof *choice->columns);
    return error->code;
}

km_code km_look_into_part(const km_catalogue *catalogue, int64_t part, km_selection *choice,
                          bool *is_absent, hid_t *file, km_error *error)
{
    const km_file *p = &catalogue->files[part];
    km_catalogue_name name = catalogue->asked;
    const bool may_be_absent = name.table != NULL && !catalogue->is_pattern;
    memset(choice, 0, sizeof *choice);
    *file = H5I_INVALID_HID;
    if (catalogue->n_others > 0)
        return copy_choice(catalogue, choice, error);
    if (km_open_named(p->path, file, error) != KM_OK)
        return error->code;
    if (!look_at_places(catalogue, p, *file, choice)) {
        name.table = may_be_absent ? name.table : p->table;
        look_into_file(*file, p->path, &name, choice, may_be_absent ? is_absent : NULL, error);
    }
    if (error->code == KM_OK && choice->columns != NULL)
        refuse_different(catalogue, p, choice, error);
    if (error->code != KM_OK || choice->columns == NULL) {
        H5Fclose(*file);
        *file = H5I_INVALID_HID;
    }
    if (error->code != KM_OK)
        km_selection_free(choice);
    return error->code;
}

/* The columns of the first part in a new array, with another number of rows. */
static km_column *columns_of_first(const km_catalogue *catalogue, int64_t n_rows, km_error *error)
{
    const int64_t n = catalogue->n_columns;
    km_column *columns = km_allocate(n, sizeof *columns, "list of features", error);
    if (columns != NULL)
        memcpy(columns, catalogue->columns, (size_t)n * sizeof *columns);
    for (int64_t c = 0; c < n && columns != NULL; c++)
        columns[c].n_rows = n_rows;
    return columns;
}

/* Padding of the structs may differ without a reason; that costs only another look into the
 * file. */
bool km_columns_are_first(const km_catalogue *catalogue, const km_column *columns, int64_t n_rows)
{
    km_error ignored = {0};
    km_column *first = columns_of_first(catalogue, n_rows, &ignored);
    const bool are_first =
        first != NULL &&
        memcmp(first, columns, (size_t)catalogue->n_columns * sizeof *columns) == 0;
    free(first);
    return are_first;
}

km_column *km_catalogue_columns_of(const km_catalogue *catalogue, int64_t number, int64_t *n_rows,
                                   hid_t *file, km_error *error)
{
    km_selection choice;
    const km_file *listed = &catalogue->files[number];
    *file = H5I_INVALID_HID;
    *n_rows = listed->n_rows;
    if (listed->is_like_first)
        return columns_of_first(catalogue, listed->n_rows, error);
    if (km_look_into_part(catalogue, number, &choice, NULL, file, error) != KM_OK)
        return NULL;
    km_column *columns = choice.columns;
    choice.columns = NULL;
    *n_rows = choice.n_rows;
    km_selection_free(&choice);
    return columns;
}
