/* The memory that writing a result takes beside the answer. */
#include "result/result.h"

#include "assign/second.h"
#include "base/text.h"

enum {
    /* Bytes that HDF5 1.10 takes. The result is read back while the catalogue's files are open, so
     * it counts as a file of its own. */
    OPEN_FILE = 1 << 20,
    CONVERSION = 2 << 20, /* two buffers to convert texts of any length, per open file */
    HEAP_CACHE = 2 << 20, /* a metadata cache that is full of heaps of texts, per open file */
    HEAP_HEADER = 24,     /* per text in a heap, beside its bytes */
};

/* What HDF5 keeps in memory of a file with texts: conversion buffers, cached heaps, and for each
 * heap lists of the objects that it could hold, `lists` times as large. */
static double heaps_bytes(const km_catalogue *catalogue, double n_rows)
{
    const double lists = 2.5;
    const double heaps = n_rows * (double)(catalogue->ids_size + HEAP_HEADER);
    return CONVERSION + (1 + lists) * km_smaller(heaps, HEAP_CACHE);
}

/* Texts of any length are in memory in any case. */
double km_ids_bytes(const km_catalogue *catalogue, const km_shape *shape)
{
    const double n = (double)shape->n_samples;
    const double bytes = catalogue->has_ids ? n * (double)catalogue->ids_size : 0;
    return km_catalogue_has_long_ids(catalogue) ? bytes + heaps_bytes(catalogue, n)
                                                : km_large_bytes(shape, bytes);
}

/* One piece of the result, read back to be compared: the widest values per row, or texts. */
static double comparison_bytes(const km_catalogue *catalogue, double n, bool has_distances)
{
    const bool has_long_ids = km_catalogue_has_long_ids(catalogue);
    double widest = has_distances ? sizeof(double) : sizeof(int32_t);
    if (catalogue->has_ids && !has_long_ids)
        widest = km_larger(widest, (double)catalogue->ids_size);
    const double piece = km_smaller(widest * n, KM_H5_PIECE_BYTES);
    const double text = (double)km_text_bytes(catalogue->ids_size) + 2 * sizeof(char *);
    const double texts =
        heaps_bytes(catalogue, n) + text * km_smaller(n, (double)KM_TEXT_PIECE_ROWS);
    return OPEN_FILE + (has_long_ids ? km_larger(piece, texts) : piece);
}

double km_result_bytes(const km_catalogue *catalogue, const km_shape *shape,
                       const km_outputs *outputs)
{
    const double n = (double)shape->n_samples;
    const size_t per_row = (outputs->has_distances ? sizeof(double) : 0) +
                           (outputs->has_second ? sizeof(int32_t) + sizeof(double) : 0);
    const double n_pairs =
        outputs->has_second
            ? km_borders_expected(shape->n_rows, shape->n_clusters, shape->n_features)
            : 0;
    const double finding = outputs->has_second ? km_second_bytes(shape, true) : 0;
    return km_large_bytes(shape, n * (double)per_row) + km_borders_bytes(n_pairs) +
           km_larger(km_larger(finding,
                               km_borders_count_bytes(n_pairs, shape->n_ranks, shape->n_threads)),
                     comparison_bytes(catalogue, n, outputs->has_distances));
}
