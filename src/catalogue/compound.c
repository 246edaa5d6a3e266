/* Tables of compounds, a row an element: as astropy, PyTables and h5py write them. */
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Complex numbers are stored as compounds of two, which make no table. */
static bool is_complex(hid_t type)
{
    bool is_pair = H5Tget_nmembers(type) == 2;
    for (unsigned i = 0; i < 2 && is_pair; i++) {
        char *name = H5Tget_member_name(type, i);
        is_pair = name != NULL && strcmp(name, i == 0 ? "r" : "i") == 0;
        H5free_memory(name);
    }
    return is_pair;
}

/* Adds the members of a compound, and those of compounds in it, called after both. */
static void add_members(km_table *table, const km_column *like, hid_t type, const char *outer,
                        km_error *error)
{
    const int n_members = H5Tget_nmembers(type);
    for (int i = 0; i < n_members && error->code == KM_OK; i++) {
        km_column column = *like;
        char *name = H5Tget_member_name(type, (unsigned)i);
        const hid_t member = H5Tget_member_type(type, (unsigned)i);
        const int length = snprintf(column.values.member, sizeof column.values.member, "%s%s%s",
                                    outer, outer[0] != '\0' ? "/" : "", name);
        strcpy(column.name, column.values.member);
        if (length < (int)sizeof column.name && H5Tget_class(member) == H5T_COMPOUND &&
            !is_complex(member)) {
            add_members(table, like, member, column.name, error);
        } else if (length < (int)sizeof column.name) {
            km_describe_type(member, &column);
            km_add_column(table, &column, error);
        }
        H5Tclose(member);
        H5free_memory(name);
    }
}

static km_column *column_called(km_table *table, const char *name, size_t length)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        if (strncmp(table->columns[i].name, name, length) == 0 &&
            table->columns[i].name[length] == '\0')
            return &table->columns[i];
    return NULL;
}

/* astropy stores the mask of a column NAME as a column of truths, NAME.mask. */
static void attach_masks(km_table *table)
{
    static const char END[] = ".mask";
    int64_t kept = 0;
    for (int64_t i = 0; i < table->n_columns; i++) {
        const km_column *mask = &table->columns[i];
        const size_t length = strlen(mask->name);
        km_column *column = NULL;
        if (km_ends_with(mask->name, END) && mask->may_be_mask)
            column = column_called(table, mask->name, length - strlen(END));
        if (column != NULL &&
            (mask->values.length == 1 || mask->values.length == column->values.length))
            column->mask = mask->values;
        else
            table->columns[kept++] = *mask;
    }
    table->n_columns = kept;
}

bool km_find_members(hid_t dataset, km_table *table, km_error *error)
{
    const hid_t type = H5Dget_type(dataset);
    bool is_table = H5Tget_class(type) == H5T_COMPOUND && !is_complex(type);
    if (is_table) {
        km_column like = {0};
        km_describe_dataset(dataset, table->path, &like);
        add_members(table, &like, type, "", error);
        attach_masks(table);
        is_table = false;
        for (int64_t i = 0; i < table->n_columns; i++)
            is_table = is_table || table->columns[i].is_numeric;
    }
    H5Tclose(type);
    return is_table;
}

/* ---- units -------------------------------------------------------------------------------------
 */

/* The value after a key of a line of YAML, "name: ra, unit: deg", in quotes or not. */
static bool find_value(const char *text, const char *key, char *value, size_t size)
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

/* One line of YAML a column: - {name: ra, unit: deg, datatype: float32}, or - !astropy... {...}. */
void km_read_column_meta(hid_t parent, const char *name, km_table *table, km_error *error)
{
    char meta[KM_DATASET_SIZE];
    int64_t count = 0;
    size_t size = 0;
    if (snprintf(meta, sizeof meta, "%s.__table_column_meta__", name) >= (int)sizeof meta ||
        H5Lexists(parent, meta, H5P_DEFAULT) <= 0)
        return;
    char *lines = km_h5_read_texts(parent, meta, &count, &size, error);
    for (int64_t i = 0; i < count && lines != NULL; i++) {
        char column_name[KM_NAME_SIZE], units[KM_UNITS_SIZE];
        const char *line = lines + (size_t)i * size;
        if (!find_value(line, "{name: ", column_name, sizeof column_name) ||
            !find_value(line, " unit: ", units, sizeof units))
            continue;
        km_column *column = column_called(table, column_name, strlen(column_name));
        if (column != NULL)
            strcpy(column->units, units);
    }
    free(lines);
}
