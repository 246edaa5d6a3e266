/* `info`: the summary of a result, the tables of any other file, or all of this as JSON. */
#include "info.h"
#include "base/error.h"

/* Finds the tables of the file, or those that -d names, and the columns that -c names. Without -c
 * it is no error if no single table can be chosen. */
static km_code find_tables_and_columns(hid_t file, bool is_json, km_findings_of_file *found,
                                       km_error *error)
{
    const km_catalogue_name *asked = found->asked;
    const char *path = asked->paths[0];
    km_error ignored = {0};
    const bool is_asked = asked->columns != NULL;
    if (km_tables_find(file, asked->is_transposed, &found->tables, error) != KM_OK)
        return error->code;
    if (is_asked || is_json)
        found->has_selection = km_selection_make(&found->selection, file, path, &found->tables,
                                                 asked, is_asked ? error : &ignored) == KM_OK;
    if (error->code == KM_OK && asked->table != NULL)
        km_tables_keep(&found->tables, file, path, asked->table, error);
    return error->code;
}

km_code km_info_print(const km_catalogue_name *asked, bool is_json, km_error *error)
{
    hid_t file;
    const char *path = asked->paths[0];
    km_findings_of_file found = {.asked = asked};
    if (km_h5_open(path, &file, error) != KM_OK)
        return error->code;
    found.file = file;
    found.is_result = km_is_result(file);
    if (found.is_result && !is_json && asked->table == NULL && asked->columns == NULL)
        km_info_print_result(path, file, error);
    else if (find_tables_and_columns(file, is_json, &found, error) == KM_OK && is_json)
        km_info_print_json(&found);
    else if (error->code == KM_OK)
        km_info_print_tables(&found, error);
    km_selection_free(&found.selection);
    km_tables_free(&found.tables);
    H5Fclose(file);
    return error->code;
}
