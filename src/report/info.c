/* `info`: a result in short; the tables of other files; or all that is known, as JSON. */
#include "info.h"
#include "base/error.h"

/* What -d and -c mean in the file, and its tables, or those of them that -d means. Where nothing is
 * asked, nothing need be chosen. */
static km_code look(hid_t file, const km_options *options, km_findings_of_file *found,
                    km_error *error)
{
    const char *path = options->catalogues[0];
    const km_catalogue_name name = {.paths = options->catalogues,
                                    .n_paths = 1,
                                    .table = options->dataset,
                                    .columns = options->columns,
                                    .is_raw = options->raw,
                                    .is_transposed = options->transpose};
    km_error ignored = {0};
    const bool is_asked = options->columns != NULL;
    if (km_tables_find(file, options->transpose, &found->tables, error) != KM_OK)
        return error->code;
    if (is_asked || options->json)
        found->has_selection = km_selection_make(&found->selection, file, path, &found->tables,
                                                 &name, is_asked ? error : &ignored) == KM_OK;
    if (error->code == KM_OK && options->dataset != NULL)
        km_tables_keep(&found->tables, file, path, options->dataset, error);
    return error->code;
}

km_code km_info_print(const km_options *options, km_error *error)
{
    hid_t file;
    const char *path = options->catalogues[0];
    km_findings_of_file found = {.options = options};
    if (km_h5_open(path, MPI_COMM_NULL, &file, error) != KM_OK)
        return error->code;
    found.file = file;
    found.is_result = km_is_result(file);
    if (found.is_result && !options->json && options->dataset == NULL && options->columns == NULL)
        km_info_print_result(path, file, error);
    else if (look(file, options, &found, error) == KM_OK && options->json)
        km_info_print_json(&found);
    else if (error->code == KM_OK)
        km_info_print_tables(&found, error);
    km_selection_free(&found.selection);
    km_tables_free(&found.tables);
    H5Fclose(file);
    return error->code;
}
