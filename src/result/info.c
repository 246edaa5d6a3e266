/* `info`: the tables of a file with the command line that would use each, or a result in short. */
#include "skymeans/catalogue.h"
#include "skymeans/result.h"

#include <stdio.h>
#include <stdlib.h>

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- tables ------------------------------------------------------------------------------------
 */

/* A text from the file, padded to a width; whatever would confuse the terminal is replaced. */
static void print_text(const char *text, int width)
{
    char room[KM_DATASET_SIZE];
    printf("%-*s", width, km_printable(text, room, sizeof room));
}

static void print_column(const char *name, const km_column *column, bool says_length)
{
    char full[KM_NAME_SIZE + 24];
    snprintf(full, sizeof full, "%s", name);
    if (says_length && column->values.length > 1)
        snprintf(full, sizeof full, "%s[%lld]", name, (long long)column->values.length);
    fputs("    ", stdout);
    print_text(full, 29);
    print_text(column->type, 21);
    print_text(column->units, 15);
    printf("%s%s\n", column->storage, column->mask.dataset[0] != '\0' ? ", with a mask" : "");
}

/* The command line that would use the table. */
static km_code print_command(const char *path, const km_table *table, int64_t n_tables,
                             km_error *error)
{
    char *columns = km_table_columns_text(table, error);
    if (columns == NULL)
        return error->code;
    fputs("    skymeans fit ", stdout);
    km_print_quoted(stdout, path);
    if (n_tables > 1) {
        fputs(" -d ", stdout);
        km_print_quoted(stdout, table->path);
    }
    fputs(" -c ", stdout);
    km_print_quoted(stdout, columns);
    puts(" -k 8 -o result.h5\n");
    free(columns);
    return KM_OK;
}

static void print_table(const char *path, const km_table *table, int64_t n_tables, km_error *error)
{
    fputs("  ", stdout);
    print_text(table->path, 0);
    printf(": %s of %lld row%s, %lld column%s\n", table->is_array ? "array" : "table",
           (long long)table->n_rows, plural(table->n_rows), (long long)table->n_columns,
           plural(table->n_columns));
    for (int64_t i = 0; i < (table->is_array ? 1 : table->n_columns); i++)
        print_column(table->is_array ? "every column" : table->columns[i].name, &table->columns[i],
                     !table->is_array);
    if (table->flaw[0] != '\0')
        printf("    can't be used: %s\n\n", table->flaw);
    else
        print_command(path, table, n_tables, error);
}

static km_code print_tables(const char *path, hid_t file, km_error *error)
{
    km_tables tables;
    if (km_tables_find(file, false, &tables, error) != KM_OK)
        return error->code;
    if (tables.count == 0)
        printf("%s: an HDF5 file without a table: neither a two-dimensional array of numbers, nor "
               "a group of equally long columns, nor a dataset of compounds; look into it with "
               "h5ls -r\n",
               path);
    else
        printf("%s: %lld table%s\n\n", path, (long long)tables.count, plural(tables.count));
    for (int64_t i = 0; i < tables.count && error->code == KM_OK; i++)
        print_table(path, &tables.tables[i], tables.count, error);
    km_tables_free(&tables);
    return error->code;
}

/* ---- results -----------------------------------------------------------------------------------
 */

static bool is_result(hid_t file)
{
    return H5Aexists(file, "checksum") > 0 && H5Lexists(file, "centers", H5P_DEFAULT) > 0 &&
           H5Lexists(file, "sizes", H5P_DEFAULT) > 0 && H5Lexists(file, "labels", H5P_DEFAULT) > 0;
}

static void print_attribute_text(hid_t object, const char *name)
{
    char text[512];
    km_h5_read_text(object, name, text, sizeof text);
    printf("  %-14s ", name);
    print_text(text, 0);
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
    if (km_h5_open_array(file, "sizes", false, &sizes, error) != KM_OK)
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

km_code km_info_print(const char *path, km_error *error)
{
    hid_t file;
    if (km_h5_open(path, MPI_COMM_NULL, &file, error) != KM_OK)
        return error->code;
    if (is_result(file))
        print_result(path, file, error);
    else
        print_tables(path, file, error);
    H5Fclose(file);
    return error->code;
}
