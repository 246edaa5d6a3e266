/* Opening a catalogue: one rank looks into the file and chooses, all learn what it chose, and then
 * all open the datasets together. */
#include "skymeans/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void note_file(km_catalogue *catalogue, const char *path)
{
    struct stat status;
    snprintf(catalogue->path, sizeof catalogue->path, "%s", path);
    if (stat(path, &status) == 0) {
        catalogue->file_bytes = status.st_size;
        catalogue->file_time = status.st_mtime;
    }
}

static km_precision precision_of(const km_catalogue *catalogue)
{
    for (int64_t j = 0; j < catalogue->n_features; j++)
        if (!catalogue->features[j].fits_float32)
            return KM_FLOAT64;
    return KM_FLOAT32;
}

static bool is_same_column(const km_column *a, const km_column *b)
{
    return strcmp(a->dataset, b->dataset) == 0 && a->position == b->position;
}

/* The column of weights is no feature by default. */
static km_code leave_out_weights(km_catalogue *catalogue, km_error *error)
{
    int64_t kept = 0;
    for (int64_t j = 0; j < catalogue->n_features; j++)
        if (!is_same_column(&catalogue->features[j], &catalogue->weights))
            catalogue->features[kept++] = catalogue->features[j];
    catalogue->n_features = kept;
    if (kept == 0)
        return km_fail(error, KM_DATA,
                       "no feature by default (%s, %s): its only column is that of the weights; "
                       "name columns with -c",
                       catalogue->path, catalogue->table);
    return KM_OK;
}

static km_code choose_columns(km_catalogue *catalogue, const km_table *table,
                              const km_catalogue_name *name, km_error *error)
{
    int64_t n_weights = 0;
    catalogue->features =
        km_table_select(table, name->columns, name->path, &catalogue->n_features, error);
    if (catalogue->features == NULL || name->weights == NULL)
        return error->code;
    km_column *weights = km_table_select(table, name->weights, name->path, &n_weights, error);
    if (weights == NULL)
        return error->code;
    catalogue->has_weights = true;
    catalogue->weights = weights[0];
    free(weights);
    if (n_weights > 1)
        return km_fail(error, KM_USAGE, "bad value (--weights %s): it takes one column",
                       name->weights);
    return name->columns == NULL ? leave_out_weights(catalogue, error) : KM_OK;
}

/* Fills in everything that can be broadcast. By one rank. */
static km_code look_into(km_catalogue *catalogue, const km_catalogue_name *name, km_error *error)
{
    hid_t file;
    km_tables tables = {0};
    if (strlen(name->path) >= sizeof catalogue->path)
        return km_fail(error, KM_SYSTEM,
                       "can't open the file (%.100s...): its path is too long; make a link with a "
                       "shorter one",
                       name->path);
    if (km_h5_open(name->path, MPI_COMM_NULL, &file, error) != KM_OK)
        return error->code;
    note_file(catalogue, name->path);
    if (km_tables_find(file, &tables, error) == KM_OK) {
        const km_table *table = km_tables_choose(&tables, name->table, name->path, error);
        if (table != NULL) {
            snprintf(catalogue->table, sizeof catalogue->table, "%s", table->path);
            catalogue->is_array = table->is_array;
            catalogue->n_rows = table->n_rows;
            choose_columns(catalogue, table, name, error);
            catalogue->precision = precision_of(catalogue);
        }
        km_tables_free(&tables);
    }
    H5Fclose(file);
    return error->code;
}

static km_code share(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    km_column *features = catalogue->features;
    km_broadcast(comm, 0, catalogue, sizeof *catalogue);
    const int64_t d = catalogue->n_features;
    if (features == NULL) /* all ranks but the one that has them */
        features = km_allocate(d, sizeof *features, "list of features", error);
    catalogue->features = features;
    catalogue->names = km_allocate(d, sizeof *catalogue->names, "names of the features", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_broadcast(comm, 0, features, d * (int64_t)sizeof *features);
    for (int64_t j = 0; j < d; j++)
        catalogue->names[j] = features[j].name;
    return KM_OK;
}

/* One dataset for all columns of an array, from the lowest to the highest; else one each. And one
 * for the weights. */
static void plan_sources(km_catalogue *catalogue)
{
    int64_t lowest = INT64_MAX, highest = 0;
    for (int64_t j = 0; j < catalogue->n_features; j++) {
        const int64_t position = catalogue->features[j].position;
        lowest = position < lowest ? position : lowest;
        highest = position > highest ? position : highest;
    }
    for (int64_t i = 0; i < catalogue->n_sources; i++)
        catalogue->sources[i] = (km_source){.column = &catalogue->features[i],
                                            .array = {.dataset = H5I_INVALID_HID},
                                            .first_column = lowest,
                                            .n_columns = highest - lowest + 1,
                                            .precision = catalogue->precision};
    if (catalogue->has_weights)
        catalogue->sources[catalogue->n_sources - 1] =
            (km_source){.column = &catalogue->weights,
                        .array = {.dataset = H5I_INVALID_HID},
                        .first_column = catalogue->weights.position,
                        .n_columns = 1,
                        .precision = KM_FLOAT64};
}

static km_code open_sources(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    catalogue->n_sources =
        (catalogue->is_array ? 1 : catalogue->n_features) + catalogue->has_weights;
    catalogue->sources = km_allocate_zeroed(catalogue->n_sources, sizeof *catalogue->sources,
                                            "list of datasets", error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    plan_sources(catalogue);
    km_h5_open(catalogue->path, comm, &catalogue->file, error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < catalogue->n_sources; i++)
        km_h5_open_array(catalogue->file, catalogue->sources[i].column->dataset, true,
                         &catalogue->sources[i].array, error);
    return km_agree(comm, error);
}

km_code km_catalogue_open(km_catalogue *catalogue, const km_catalogue_name *name, MPI_Comm comm,
                          km_error *error)
{
    memset(catalogue, 0, sizeof *catalogue); /* its padding is broadcast, too */
    catalogue->file = H5I_INVALID_HID;
    if (km_comm_rank(comm) == 0)
        look_into(catalogue, name, error);
    if (km_agree(comm, error) != KM_OK || share(catalogue, comm, error) != KM_OK ||
        open_sources(catalogue, comm, error) != KM_OK)
        km_catalogue_close(catalogue);
    return error->code;
}

void km_catalogue_close(km_catalogue *catalogue)
{
    if (catalogue->sources != NULL)
        for (int64_t i = 0; i < catalogue->n_sources; i++)
            if (catalogue->sources[i].array.dataset >= 0)
                km_h5_close_array(&catalogue->sources[i].array);
    if (catalogue->file >= 0)
        H5Fclose(catalogue->file);
    free(catalogue->sources);
    free(catalogue->features);
    free(catalogue->names);
    memset(catalogue, 0, sizeof *catalogue);
    catalogue->file = H5I_INVALID_HID;
}
