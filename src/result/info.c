/* `info`: a result in short; the tables of other files; or all that is known, as JSON. */
#include "info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- results -----------------------------------------------------------------------------------
 */

static bool is_result(hid_t file)
{
    return H5Aexists(file, "checksum") > 0 && H5Lexists(file, "centers", H5P_DEFAULT) > 0 &&
           H5Lexists(file, "sizes", H5P_DEFAULT) > 0 && H5Lexists(file, "labels", H5P_DEFAULT) > 0;
}

/* A text from the file; whatever would confuse the terminal is replaced. */
static void print_text(const char *text)
{
    char room[KM_DATASET_SIZE];
    fputs(km_printable(text, room, sizeof room), stdout);
}

static void print_attribute_text(hid_t object, const char *name)
{
    char text[512];
    km_h5_read_text(object, name, text, sizeof text);
    printf("  %-14s ", name);
    print_text(text);
    putchar('\n');
}

static void print_attribute_number(hid_t object, const char *name)
{
    double value;
    if (km_h5_read_number(object, name, &value))
        printf("  %-14s %.10g\n", name, value);
}

static km_code print_sizes(const char *path, hid_t file, km_error *error)
{
    km_h5_array sizes;
    if (km_h5_open_array(file, "sizes", &sizes, error) != KM_OK)
        return error->code;
    const int64_t shown = sizes.n_rows < 20 ? sizes.n_rows : 20;
    double *values = km_allocate(shown, km_h5_value_size(sizes.type, KM_FLOAT64),
                                 "sizes of the clusters", error);
    km_error why = {0};
    if (values != NULL &&
        km_h5_read_rows(&sizes, (km_rows){0, shown}, 0, 1, sizes.type, values, &why) == KM_OK)
        km_h5_convert(sizes.type, KM_FLOAT64, shown, values, &why);
    if (why.code != KM_OK) {
        km_fail(error, why.code, "can't read the result (%s, sizes): %s; copy it again", path,
                why.text);
    } else if (values != NULL) {
        printf("  %-14s", "sizes");
        for (int64_t c = 0; c < shown; c++)
            printf(" %.0f", values[c]);
        puts(shown < sizes.n_rows ? " ..." : "");
    }
    free(values);
    km_h5_close_array(&sizes);
    return error->code;
}

static km_code print_result(const char *path, hid_t file, km_error *error)
{
    static const char *const numbers[] = {"inertia", "n_iterations", "converged",
                                          "n_rows",  "n_used",       "n_missing"};
    printf("%s: a result of skymeans\n\n", path);
    const hid_t provenance = H5Oopen(file, "provenance", H5P_DEFAULT);
    if (provenance >= 0) {
        print_attribute_text(provenance, "command");
        print_attribute_text(provenance, "file");
        print_attribute_text(provenance, "dataset");
        print_attribute_text(provenance, "ended");
        H5Oclose(provenance);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        print_attribute_number(file, numbers[i]);
    print_attribute_text(file, "stop_reason");
    print_attribute_text(file, "checksum");
    return print_sizes(path, file, error);
}

/* ---- remarks -----------------------------------------------------------------------------------
 */

static void read_remark(hid_t file, const char *path, const char *name, char *text)
{
    const hid_t object = H5Oopen(file, path, H5P_DEFAULT);
    text[0] = '\0';
    if (object < 0)
        return;
    km_h5_read_text(object, name, text, KM_REMARK_SIZE);
    H5Oclose(object);
}

/* Those of a compound would be of all its members. */
void km_remark_of_column(hid_t file, const km_column *column, const char *name, char *text)
{
    text[0] = '\0';
    if (column->values.other == 0 && column->values.member[0] == '\0')
        read_remark(file, column->values.dataset, name, text);
}

/* A table of columns as vaex has them is a group in the one that is about the table. */
void km_remark_of_table(hid_t file, const km_table *table, const char *name, char *text)
{
    static const char INNER[] = "/columns";
    char path[KM_DATASET_SIZE];
    snprintf(path, sizeof path, "%s", table->path);
    const size_t length = strlen(path), inner = sizeof INNER - 1;
    if (length > inner && strcmp(path + length - inner, INNER) == 0)
        path[length - inner] = '\0';
    read_remark(file, path, name, text);
}

/* ---- tables ------------------------------------------------------------------------------------
 */

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
    found.is_result = is_result(file);
    if (found.is_result && !options->json && options->dataset == NULL && options->columns == NULL)
        print_result(path, file, error);
    else if (look(file, options, &found, error) == KM_OK && options->json)
        km_info_print_json(&found);
    else if (error->code == KM_OK)
        km_info_print_tables(&found, error);
    km_selection_free(&found.selection);
    km_tables_free(&found.tables);
    H5Fclose(file);
    return error->code;
}
