/* `info`: the tables of a file with the command line that would use each, or a result in short. */
#include "skymeans/catalogue.h"
#include "skymeans/result.h"

#include <stdlib.h>

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- tables ------------------------------------------------------------------------------------
 */

static void print_column(const km_column *column)
{
    printf("    %-28s %-20s %-14s %s\n", column->name, column->type, column->units,
           column->storage);
}

/* The default choice of features. */
static void print_floating_columns(const km_table *table)
{
    char name[KM_NAME_SIZE + 3];
    const char *quote = "";
    int64_t n_features = 0;
    for (int64_t i = 0; i < table->n_columns && *quote == '\0'; i++) {
        km_column_write_name(table->columns[i].name, name);
        quote = table->columns[i].is_floating ? km_columns_quote(name) : quote;
    }
    for (int64_t i = 0; i < table->n_columns; i++) {
        km_column_write_name(table->columns[i].name, name);
        if (table->columns[i].is_floating && n_features++ == 0)
            printf(" -c %s%s", quote, name);
        else if (table->columns[i].is_floating)
            printf(",%s", name);
    }
    printf("%s", n_features > 0 ? quote : "");
}

/* The command line that would use the table, features chosen as the default is. */
static void print_command(const char *path, const km_table *table, int64_t n_tables)
{
    printf("    skymeans fit %s", path);
    if (n_tables > 1)
        printf(" -d '%s'", table->path);
    if (table->is_array) {
        printf(" -c 0:%lld", (long long)table->n_columns);
    } else {
        print_floating_columns(table);
    }
    puts(" -k 8 -o result.h5\n");
}

static void print_table(const char *path, const km_table *table, int64_t n_tables)
{
    printf("  %s: %s of %lld row%s, %lld column%s\n", table->path,
           table->is_array ? "array" : "table", (long long)table->n_rows, plural(table->n_rows),
           (long long)table->n_columns, plural(table->n_columns));
    if (table->is_array)
        printf("    every column                 %-20s %-14s %s\n", table->columns[0].type,
               table->columns[0].units, table->columns[0].storage);
    else
        for (int64_t i = 0; i < table->n_columns; i++)
            print_column(&table->columns[i]);
    print_command(path, table, n_tables);
}

static km_code print_tables(const char *path, hid_t file, km_error *error)
{
    km_tables tables;
    if (km_tables_find(file, &tables, error) != KM_OK)
        return error->code;
    if (tables.count == 0)
        printf("%s: an HDF5 file without a table: neither a two-dimensional array of numbers nor a "
               "group of equally long columns; look into it with h5ls -r\n",
               path);
    else
        printf("%s: %lld table%s\n\n", path, (long long)tables.count, plural(tables.count));
    for (int64_t i = 0; i < tables.count; i++)
        print_table(path, &tables.tables[i], tables.count);
    km_tables_free(&tables);
    return KM_OK;
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
    printf("  %-14s %s\n", name, text);
}

static void print_attribute_number(hid_t object, const char *name)
{
    double value;
    if (km_h5_read_number(object, name, &value))
        printf("  %-14s %.10g\n", name, value);
}

static km_code print_sizes(hid_t file, km_error *error)
{
    km_h5_array sizes;
    if (km_h5_open_array(file, "sizes", false, &sizes, error) != KM_OK)
        return error->code;
    const int64_t shown = sizes.n_rows < 20 ? sizes.n_rows : 20;
    double *values = km_allocate(shown, sizes.value_size, "sizes of the clusters", error);
    if (values != NULL &&
        km_h5_read_rows(&sizes, (km_rows){0, shown}, 0, 1, KM_FLOAT64, values, error) == KM_OK) {
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
    return print_sizes(file, error);
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
