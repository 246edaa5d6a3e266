/* First centers from a file, in the units of the features. One rank reads them, and all ranks get
 * them. */
#include "catalogue/first_centers.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/text.h"
#include "process/lines.h"
#include "seeding/seeding.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static km_code refuse_shape(const km_first_centers *asked, int64_t k, int64_t d, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "wrong shape of the first centers (%s): the file has %lld centers of %lld "
                   "values, -k and the features ask for %lld of %lld; change one of them",
                   asked->file, (long long)k, (long long)d, (long long)asked->n_clusters,
                   (long long)asked->n_features);
}

/* ---- HDF5 ----------------------------------------------------------------------------------- */

/* Is it the path of the table, whose slash may lack? */
static bool is_path_of(const km_table *table, const char *name)
{
    return strcmp(table->path + 1, name[0] == '/' ? name + 1 : name) == 0;
}

/* The array called `name` if that is given, else /centers, else the only two-dimensional array. */
static const km_table *choose_array(const km_tables *tables, const char *name, const char *file,
                                    km_error *error)
{
    const km_table *only = NULL;
    int count = 0;
    for (int64_t i = 0; i < tables->count; i++) {
        const km_table *table = &tables->tables[i];
        if (!table->is_array)
            continue;
        if (is_path_of(table, name != NULL ? name : "/centers"))
            return table;
        only = table;
        count++;
    }
    if (name == NULL && count == 1)
        return only;
    km_fail(
        error, KM_DATA,
        "which first centers (%s, dataset %s): %s; name a two-dimensional array, as in FILE:/path",
        file, name != NULL ? name : "/centers",
        name != NULL || count == 0 ? "there is no such two-dimensional array"
                                   : "there are several arrays, and none has that name");
    return NULL;
}

static km_code read_centers_array(const km_first_centers *asked, const char *path, hid_t file,
                                  const char *name, double *centers, km_error *error)
{
    const int64_t k = asked->n_clusters, d = asked->n_features;
    km_h5_array array;
    if (km_h5_open_array(file, name, &array, error) != KM_OK)
        return error->code;
    void *values = NULL;
    int64_t *places = NULL;
    if (km_h5_check_virtual(&array, path, name, NULL, NULL, error) == KM_OK)
        km_first_centers_match(asked, array.dataset, array.n_columns, &places, error);
    if (error->code == KM_OK && (array.n_rows != k || array.n_columns != d))
        refuse_shape(asked, array.n_rows, array.n_columns, error);
    else if (error->code == KM_OK)
        values =
            km_allocate(k * d, km_h5_value_size(array.type, KM_FLOAT64), "first centers", error);
    km_error why = {0};
    if (values != NULL &&
        km_h5_read_rows(&array, (km_rows){0, k}, 0, d, array.type, values, &why) == KM_OK)
        km_h5_convert(array.type, KM_FLOAT64, k * d, values, &why);
    if (why.code != KM_OK)
        km_fail(error, why.code,
                "can't read the first centers (%s, %s): %s; copy the file again, or choose another",
                asked->file, name, why.text);
    else if (values != NULL)
        memcpy(centers, values, (size_t)(k * d) * sizeof *centers);
    if (places != NULL && error->code == KM_OK)
        km_first_centers_permute(centers, k, d, places, error);
    free(values);
    free(places);
    km_h5_close_array(&array);
    return error->code;
}

static km_code read_centers_h5(const km_first_centers *asked, const char *path, const char *name,
                               double *centers, km_error *error)
{
    hid_t file;
    km_tables tables = {0};
    if (km_h5_open(path, &file, error) != KM_OK)
        return error->code;
    if (km_tables_find(file, false, &tables, error) == KM_OK) {
        const km_table *table = choose_array(&tables, name, path, error);
        if (table != NULL)
            read_centers_array(asked, path, file, table->path, centers, error);
        km_tables_free(&tables);
    }
    H5Fclose(file);
    return error->code;
}

/* ---- text ----------------------------------------------------------------------------------- */

/* Reads the numbers of one line, separated by blanks or commas, up to a '#', and stores the first
 * max_values of them. Returns how many there are, or -1 if something is not a number. */
static int64_t parse_center(char *line, double *values, int64_t max_values)
{
    int64_t count = 0;
    line[strcspn(line, "#\n")] = '\0';
    for (char *next, *word = strtok_r(line, " \t\r,;", &next); word != NULL;
         word = strtok_r(NULL, " \t\r,;", &next), count++) {
        double value;
        if (!km_parse_double(word, &value))
            return -1;
        if (count < max_values)
            values[count] = value;
    }
    return count;
}

static km_code refuse_line(const km_first_centers *asked, const km_line *line, km_line_kind kind,
                           int64_t n_values, km_error *error)
{
    if (kind == KM_LINE_TOO_LONG)
        return km_fail(
            error, KM_DATA,
            "line too long (%s, line %lld): it has more than the values of a center; put "
            "one center on each line",
            asked->file, (long long)line->number);
    if (kind == KM_LINE_NOT_READ)
        return km_fail(
            error, KM_SYSTEM,
            "can't read the first centers (%s): %s; copy the file again, or choose another",
            asked->file, strerror(errno));
    if (n_values < 0)
        return km_fail(
            error, KM_DATA,
            "not a number (%s, line %lld): first centers are lines of numbers, or HDF5; for "
            "a method say --seeding kmeans++ or random",
            asked->file, (long long)line->number);
    return km_fail(error, KM_DATA,
                   "wrong number of values (%s, line %lld): it has %lld where the features are "
                   "%lld; put one center on each line",
                   asked->file, (long long)line->number, (long long)n_values,
                   (long long)asked->n_features);
}

/* Reads the centers of all lines, and stores the first k of them. Returns how many there are. */
static int64_t read_center_lines(const km_first_centers *asked, FILE *file, double *centers,
                                 double *extra, km_error *error)
{
    enum { LONGEST_COMMENT = 1 << 16, LONGEST_NUMBER = 1 << 11 }; /* 1e308 in plain digits */
    const int64_t k = asked->n_clusters, d = asked->n_features;
    km_line line = {.what = "first centers"};
    int64_t count = 0;
    while (error->code == KM_OK) {
        const km_line_kind kind =
            km_line_read(&line, file, LONGEST_COMMENT + d * LONGEST_NUMBER, error);
        if (kind == KM_LINE_NONE || kind == KM_LINE_NO_MEMORY)
            break;
        int64_t n_values = -1;
        if (kind == KM_LINE)
            n_values = parse_center(line.text, count < k ? centers + count * d : extra, d);
        if (n_values != 0 && n_values != d)
            refuse_line(asked, &line, kind, n_values, error);
        count += n_values > 0;
    }
    free(line.text);
    return count;
}

static km_code read_centers_text(const km_first_centers *asked, double *centers, km_error *error)
{
    const int64_t k = asked->n_clusters, d = asked->n_features;
    FILE *file = fopen(asked->file, "r");
    if (file == NULL)
        return km_fail(
            error, KM_SYSTEM,
            "can't open the first centers (%s): %s; --seeding takes kmeans++, random, or a "
            "readable file",
            asked->file, strerror(errno));
    double *extra = km_allocate(d, sizeof *extra, "first centers", error);
    const int64_t count = extra != NULL ? read_center_lines(asked, file, centers, extra, error) : 0;
    if (error->code == KM_OK && count != k)
        refuse_shape(asked, count, d, error);
    free(extra);
    fclose(file);
    return error->code;
}

/* ---- any file ------------------------------------------------------------------------------- */

static km_code read_centers(const km_first_centers *asked, double *centers, km_error *error)
{
    const char *array;
    char *path = km_h5_split_name(asked->file, &array, error);
    if (path != NULL && (array != NULL || km_h5_is_hdf5(path)))
        read_centers_h5(asked, path, array, centers, error);
    else if (path != NULL)
        read_centers_text(asked, centers, error);
    free(path);
    return error->code;
}

static void check_centers_file(const char *path, km_error *error)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    else if (access(path, R_OK) == 0)
        return;
    km_fail(error, KM_SYSTEM,
            "can't open the first centers (%s): %s; --seeding takes kmeans++, random, or a file",
            path, strerror(errno));
}

char *km_first_centers_file(const char *seeding, km_error *error)
{
    const char *array;
    return km_seeding_find(seeding) == NULL ? km_h5_split_name(seeding, &array, error) : NULL;
}

km_code km_first_centers_check(const char *seeding, km_error *error)
{
    char *path = km_first_centers_file(seeding, error);
    if (path != NULL)
        check_centers_file(path, error);
    free(path);
    return error->code;
}

static km_code check_center_values(const km_first_centers *asked, const double *centers,
                                   km_error *error)
{
    const int64_t d = asked->n_features;
    for (int64_t i = 0; i < asked->n_clusters * d; i++)
        if (!isfinite(centers[i]))
            return km_fail(error, KM_DATA,
                           "bad first centers (%s, center %lld, value %lld): NaN or infinite; "
                           "centers are in the units of the features",
                           asked->file, (long long)(i / d), (long long)(i % d));
    return KM_OK;
}

km_code km_first_centers_read(const km_first_centers *asked, double *centers, MPI_Comm comm,
                              km_error *error)
{
    const int64_t n = asked->n_clusters * asked->n_features;
    if (km_comm_rank(comm) == 0 && read_centers(asked, centers, error) == KM_OK)
        check_center_values(asked, centers, error);
    if (km_agree(comm, error) == KM_OK)
        km_broadcast(comm, 0, centers, n * (int64_t)sizeof *centers);
    return error->code;
}
