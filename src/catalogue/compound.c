/* Tables that are datasets of compounds, one element per row: as astropy, PyTables and h5py write
 * them. */
#include "base/error.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool km_is_complex(hid_t type)
{
    bool is_pair = H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) == 2;
    for (unsigned i = 0; i < 2 && is_pair; i++) {
        char *name = H5Tget_member_name(type, i);
        is_pair = name != NULL && strcmp(name, i == 0 ? "r" : "i") == 0;
        H5free_memory(name);
    }
    return is_pair;
}

/* Does an attribute declare something of a member? Ends the search if so. */
static herr_t is_about_member(hid_t object, const char *name, const H5A_info_t *info, void *unused)
{
    (void)object;
    (void)info;
    (void)unused;
    return strncmp(name, "FIELD_", 6) == 0 && strstr(name, "_ATTR_") != NULL;
}

/* Adds the members of a compound as columns, and those of compounds in it, by both names. */
static void add_members(km_table *table, const km_column *like, hid_t dataset, hid_t type,
                        const char *outer, km_error *error)
{
    const int n_members = H5Tget_nmembers(type);
    const bool are_declared =
        outer[0] == '\0' &&
        H5Aiterate2(dataset, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, is_about_member, NULL) > 0;
    for (int i = 0; i < n_members && error->code == KM_OK; i++) {
        km_column column = *like;
        char *name = H5Tget_member_name(type, (unsigned)i);
        const hid_t member = H5Tget_member_type(type, (unsigned)i);
        const int length = snprintf(column.values.member, sizeof column.values.member, "%s%s%s",
                                    outer, outer[0] != '\0' ? "/" : "", name);
        strcpy(column.name, column.values.member);
        const bool is_compound = H5Tget_class(member) == H5T_COMPOUND;
        if (length < (int)sizeof column.name && is_compound && !km_is_complex(member)) {
            add_members(table, like, dataset, member, column.name, error);
        } else if (length < (int)sizeof column.name) {
            km_describe_type(member, &column);
            if (is_compound)
                strcpy(column.type, "complex number");
            if (column.is_numeric && column.values.length == 1)
                km_read_fill(dataset, column.values.member, &column);
            if (are_declared)
                km_read_member_convention(dataset, i, member, &column);
            km_add_column(table, &column, error);
        } else {
            column.is_numeric = column.is_floating = column.is_text = column.may_be_mask = false;
            column.values.length = 1;
            snprintf(column.name, sizeof column.name, "%.100s...", name);
            strcpy(column.type, "a member with too long a name");
            column.values.member[0] = '\0';
            km_add_column(table, &column, error);
        }
        H5Tclose(member);
        H5free_memory(name);
    }
}

/* The column whose mask a column of truth values is, called NAME.mask; -1 if there is none. */
static int64_t values_of_mask(const km_names *names, const km_column *mask)
{
    static const char END[] = ".mask";
    char name[KM_NAME_SIZE];
    if (!mask->may_be_mask || !km_ends_with(mask->name, END))
        return -1;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(mask->name) - strlen(END)), mask->name);
    const int64_t i = km_names_find(names, name);
    return i >= 0 && (mask->values.length == 1 ||
                      mask->values.length == names->table->columns[i].values.length)
               ? i
               : -1;
}

/* Removes columns NAME.mask of truth values, and makes them the masks of the columns NAME. astropy
 * stores masks so. */
static void attach_masks(km_table *table, km_error *error)
{
    km_names names;
    int64_t kept = 0;
    if (km_names_create(&names, table, error) != KM_OK)
        return;
    for (int64_t i = 0; i < table->n_columns; i++) {
        const int64_t j = values_of_mask(&names, &table->columns[i]);
        if (j >= 0)
            table->columns[j].mask = table->columns[i].values;
    }
    for (int64_t i = 0; i < table->n_columns; i++)
        table->columns[i].is_matrix = values_of_mask(&names, &table->columns[i]) >= 0;
    km_names_free(&names);
    for (int64_t i = 0; i < table->n_columns; i++)
        if (!table->columns[i].is_matrix)
            table->columns[kept++] = table->columns[i];
    table->n_columns = kept;
}

void km_list_members(hid_t file, hid_t dataset, km_table *table, km_error *error)
{
    int64_t shape[2];
    km_column like = {.n_rows = 0};
    const hid_t type = H5Dget_type(dataset);
    km_find_shape(dataset, shape);
    table->n_rows = like.n_rows = shape[0];
    km_describe_dataset(file, dataset, table->path, &like);
    add_members(table, &like, dataset, type, "", error);
    H5Tclose(type);
    if (error->code == KM_OK)
        attach_masks(table, error);
}

/* ---- units ---------------------------------------------------------------------------------- */

/* The value of a key in a line of YAML, "name: ra, unit: deg", with or without quotes. */
static bool find_yaml_value(const char *text, const char *key, char *value, size_t size)
{
    const char *found = strstr(text, key);
    if (found == NULL)
        return false;
    found += strlen(key);
    const bool is_quoted = *found == '\'' || *found == '"';
    const char ends[] = {is_quoted ? *found : ',', is_quoted ? '\0' : '}', '\n', '\0'};
    found += is_quoted;
    snprintf(value, size, "%.*s", (int)strcspn(found, ends), found);
    return true;
}

/* Reads the units of columns from what astropy stores beside a table, one line of YAML per column:
 * - {name: ra, unit: deg, datatype: float32}, or - !astropy... {...}. */
static void read_column_meta(hid_t parent, const char *name, km_table *table, km_error *error)
{
    char meta[KM_DATASET_SIZE];
    int64_t count = 0;
    size_t size = 0;
    if (snprintf(meta, sizeof meta, "%s.__table_column_meta__", name) >= (int)sizeof meta ||
        H5Lexists(parent, meta, H5P_DEFAULT) <= 0)
        return;
    km_names names;
    char *lines = km_h5_read_texts(parent, meta, &count, &size, error);
    if (lines == NULL || km_names_create(&names, table, error) != KM_OK) {
        free(lines);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        char column_name[KM_NAME_SIZE], units[KM_UNITS_SIZE];
        const char *line = lines + (size_t)i * size;
        if (!find_yaml_value(line, "{name: ", column_name, sizeof column_name) ||
            !find_yaml_value(line, " unit: ", units, sizeof units))
            continue;
        const int64_t column = km_names_find(&names, column_name);
        if (column >= 0)
            strcpy(table->columns[column].units, units);
    }
    km_names_free(&names);
    free(lines);
}

/* ---- the layout ------------------------------------------------------------------------------ */

bool km_find_members(km_finder *finder, const km_object *object, km_table *table)
{
    int64_t shape[2];
    if (object->is_group || km_find_shape(object->id, shape) != 1 ||
        !km_holds_compounds(object->id))
        return false;
    const hid_t type = H5Dget_type(object->id);
    table->is_on_request = km_is_complex(type);
    H5Tclose(type);
    if (table->is_on_request)
        table->layout = "complex numbers";
    km_list_members(finder->file, object->id, table, finder->error);
    read_column_meta(object->parent, object->name, table, finder->error);
    return true;
}
