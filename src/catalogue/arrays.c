/* Two-dimensional arrays: datasets, and sparse matrices, which can't be used. */
#include "base/error.h"
#include "tables.h"

bool km_find_array(km_finder *finder, const km_object *object, km_table *table)
{
    int64_t shape[2];
    km_column column;
    char why[160];
    const bool is_transposed = finder->found->is_transposed;
    if (object->is_group || km_find_shape(object->id, shape) != 2)
        return false;
    const hid_t type = H5Dget_type(object->id);
    const bool is_plain = H5Tget_class(type) != H5T_ARRAY;
    H5Tclose(type);
    if (!km_describe_object(finder->file, object->id, "", object->path, is_transposed, &column, why,
                            sizeof why) ||
        !column.is_numeric || !is_plain || shape[!is_transposed] == 0)
        return true;
    column.values.is_transposed = is_transposed;
    column.values.length = shape[!is_transposed];
    column.n_rows = table->n_rows = shape[is_transposed];
    km_describe_dataset(finder->file, object->id, object->path, &column);
    km_find_writer(object->id, table->writer, sizeof table->writer);
    /* Octave marks the group around the dataset. */
    if (table->writer[0] == '\0' && object->parent >= 0)
        km_find_writer(object->parent, table->writer, sizeof table->writer);
    km_add_column(table, &column, finder->error);
    table->n_columns = table->columns != NULL ? shape[!is_transposed] : 0;
    table->is_array = true;
    return true;
}

/* Sparse matrices, as scipy, AnnData and 10x Genomics store them. */
bool km_find_sparse(km_finder *finder, const km_object *object, km_table *table)
{
    (void)table;
    const bool is_rows = object->is_group && km_has_link(object->id, "indptr") &&
                         km_has_link(object->id, "indices") && km_has_link(object->id, "data");
    if (!is_rows && !(object->is_group && H5Aexists(object->id, "MATLAB_sparse") > 0))
        return false;
    km_add_unusable(finder, object->path,
                    "it is a sparse matrix, which has to be stored as a two-dimensional array");
    return true;
}
