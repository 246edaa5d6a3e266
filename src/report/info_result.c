/* `info` of a result: where it came from, its numbers, and the table of clusters. */
#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/text.h"
#include "clusters.h"
#include "info.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_NAMED = 1 << 16 }; /* with more features than that, names are not read */

bool km_is_result(hid_t file)
{
    return H5Aexists(file, "checksum") > 0 && H5Lexists(file, "centers", H5P_DEFAULT) > 0 &&
           H5Lexists(file, "sizes", H5P_DEFAULT) > 0 && H5Lexists(file, "labels", H5P_DEFAULT) > 0;
}

double *km_info_read_values(hid_t group, const char *name, int64_t count, km_error *error)
{
    const hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    const hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    double *values = NULL;
    if (space >= 0 && H5Sget_simple_extent_npoints(space) == count)
        values = km_allocate(count, sizeof *values, "what the result has", error);
    if (values != NULL &&
        H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        free(values);
        values = NULL;
    }
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return values;
}

/* ---- attributes ----------------------------------------------------------------------------- */

static void print_attribute_text(hid_t object, const char *name, const char *label)
{
    char text[512];
    km_h5_read_text(object, name, text, sizeof text);
    km_make_printable(text);
    if (text[0] != '\0')
        printf("  %-14s %s\n", label, text);
}

static void print_attribute_number(hid_t object, const char *name)
{
    double value;
    if (km_h5_read_number(object, name, &value))
        printf("  %-14s %.10g\n", name, value);
}

static void print_provenance(hid_t file)
{
    const hid_t provenance = H5Oopen(file, "provenance", H5P_DEFAULT);
    if (provenance < 0)
        return;
    print_attribute_text(provenance, "command", "command");
    print_attribute_text(provenance, "file", "file");
    print_attribute_text(provenance, "dataset", "dataset");
    print_attribute_text(provenance, "model", "centers of");
    print_attribute_text(provenance, "ended", "ended");
    H5Oclose(provenance);
}

/* ---- clusters ------------------------------------------------------------------------------- */

/* The rows and columns of an array that are shown, in a new array in the order of rows; NULL if it
 * can't be read. n_rows and n_columns become the size of the whole array. */
static double *read_shown(const char *path, hid_t file, const char *name, int64_t *n_rows,
                          int64_t *n_columns, km_error *error)
{
    km_h5_array array;
    km_error why = {0};
    if (km_h5_open_array(file, name, &array, error) != KM_OK)
        return NULL;
    *n_rows = array.n_rows;
    *n_columns = array.n_columns;
    const int64_t rows = km_shown(*n_rows, KM_SHOWN_CLUSTERS);
    const int64_t columns = km_shown(*n_columns, KM_SHOWN_FEATURES);
    double *values =
        km_allocate(rows * columns, km_h5_value_size(array.type, KM_FLOAT64), "clusters", error);
    if (values != NULL &&
        km_h5_read_rows(&array, (km_rows){0, rows}, 0, columns, array.type, values, &why) == KM_OK)
        km_h5_convert(array.type, KM_FLOAT64, rows * columns, values, &why);
    if (why.code != KM_OK)
        km_fail(error, why.code, "can't read the result (%s, %s): %s; copy it again", path, name,
                why.text);
    km_h5_close_array(&array);
    return values;
}

static void fill_centers(km_cluster_table *table, const char *path, hid_t file, km_error *error)
{
    double *values = read_shown(path, file, "centers", &table->k, &table->d, error);
    const int64_t n_features = km_shown(table->d, KM_SHOWN_FEATURES);
    for (int64_t c = 0; c < km_shown(table->k, KM_SHOWN_CLUSTERS) && error->code == KM_OK; c++)
        for (int64_t j = 0; j < n_features; j++)
            table->centers[c][j] = values[c * n_features + j];
    free(values);
}

/* A number of each cluster that is shown, `stride` from each other. */
static void fill_numbers(const km_cluster_table *table, const char *path, hid_t file,
                         const char *name, double *numbers, int64_t stride, km_error *error)
{
    int64_t count = 0, n_columns = 0;
    double *values = read_shown(path, file, name, &count, &n_columns, error);
    if (error->code == KM_OK && (count != table->k || n_columns != 1))
        km_fail(error, KM_DATA,
                "not a whole result (%s, %s): centers are of %lld clusters, and there are %lld "
                "times %lld numbers; copy it again",
                path, name, (long long)table->k, (long long)count, (long long)n_columns);
    for (int64_t c = 0; c < km_shown(table->k, KM_SHOWN_CLUSTERS) && error->code == KM_OK; c++)
        numbers[c * stride] = values[c];
    free(values);
}

/* Positions are shown as people know them, in place of the unit vectors. */
static void fill_positions(km_cluster_table *table, const char *path, hid_t file, km_error *error)
{
    static const char *const names[KM_SKY_COLUMNS] = {"sky/ra", "sky/dec", "sky/radius_rms",
                                                      "sky/radius_max"};
    const int further = KM_SKY_COLUMNS - KM_SPHERE_FEATURES; /* that the table has */
    table->d += further;
    for (int j = KM_SHOWN_FEATURES - 1; j >= KM_SKY_COLUMNS; j--) {
        table->names[j] = table->names[j - further];
        table->units[j] = table->units[j - further];
        for (int c = 0; c < KM_SHOWN_CLUSTERS; c++)
            table->centers[c][j] = table->centers[c][j - further];
    }
    for (int j = 0; j < KM_SKY_COLUMNS && error->code == KM_OK; j++)
        fill_numbers(table, path, file, names[j], &table->centers[0][j], KM_SHOWN_FEATURES, error);
    km_clusters_name_sky(table);
}

/* The names or units of the features, [d][size]; empty texts where there are none. Only those that
 * are shown, and empty, if there are more than MAX_NAMED features. */
static char *read_texts(const km_cluster_table *table, hid_t file, const char *name, size_t size,
                        km_error *error)
{
    const bool is_named = table->d <= MAX_NAMED;
    char *texts = km_allocate_zeroed(is_named ? table->d : KM_SHOWN_FEATURES, size,
                                     "names of the features", error);
    const hid_t centers = H5Dopen2(file, "centers", H5P_DEFAULT);
    if (texts != NULL && centers >= 0 && is_named)
        km_h5_read_text_list(centers, name, table->d, size, texts);
    if (centers >= 0)
        H5Dclose(centers);
    return texts;
}

static void print_with_names(km_cluster_table *table, const char *path, hid_t file,
                             const char *names, const char *units, km_error *error)
{
    char numbers[KM_SHOWN_FEATURES][12];
    for (int j = 0; j < km_shown(table->d, KM_SHOWN_FEATURES); j++) {
        const char *name = names + (size_t)j * KM_NAME_SIZE;
        snprintf(numbers[j], sizeof numbers[j], "%d", j);
        table->names[j] = name[0] != '\0' ? name : numbers[j];
        table->units[j] = units + (size_t)j * KM_UNITS_SIZE;
    }
    if (H5Lexists(file, "sky", H5P_DEFAULT) > 0 && table->d >= KM_SPHERE_FEATURES)
        fill_positions(table, path, file, error);
    if (error->code != KM_OK)
        return;
    putchar('\n');
    km_clusters_print(table);
}

static km_code print_result_clusters(const char *path, hid_t file, km_error *error)
{
    km_cluster_table table = {.k = 0};
    char *names = NULL, *units = NULL;
    fill_centers(&table, path, file, error);
    if (error->code == KM_OK)
        fill_numbers(&table, path, file, "sizes", table.sizes, 1, error);
    if (error->code == KM_OK) {
        names = read_texts(&table, file, "features", KM_NAME_SIZE, error);
        units = read_texts(&table, file, "units", KM_UNITS_SIZE, error);
    }
    if (!km_h5_read_number(file, "n_used", &table.n_used))
        table.n_used = 0;
    if (error->code == KM_OK)
        print_with_names(&table, path, file, names, units, error);
    free(names);
    free(units);
    return error->code;
}

/* ---- the whole result ----------------------------------------------------------------------- */

km_code km_info_print_result(const char *path, hid_t file, km_error *error)
{
    static const char *const numbers[] = {"inertia", "n_iterations", "converged",  "n_rows",
                                          "n_used",  "n_missing",    "n_excluded", "n_undecided"};
    const bool is_fit = H5Aexists(file, "converged") > 0;
    char printable[KM_PATH_SIZE];
    printf("%s: a result of skymeans%s\n\n", km_printable(path, printable, sizeof printable),
           is_fit ? "" : " predict");
    print_provenance(file);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        print_attribute_number(file, numbers[i]);
    print_attribute_text(file, "stop_reason", "stop_reason");
    print_attribute_text(file, "checksum", "checksum");
    if (!is_fit)
        printf("  %-14s %s\n", "", KM_CHECKSUM_OF_LABELS);
    if (print_result_clusters(path, file, error) == KM_OK &&
        km_info_print_choices(path, file, error) == KM_OK &&
        km_info_print_templates(path, file, error) == KM_OK)
        km_info_print_borders(path, file, error);
    return error->code;
}
