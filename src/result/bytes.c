/* What writing a result needs in memory beside the answer. */
#include "result/result.h"

#include "base/text.h"

enum {
    /* Of HDF5 1.10, for the file that the result is read back from, which is open beside those of
     * the catalogue; and for each open file with texts of any length two buffers to convert them in
     * and its cache of metadata full of heaps, of which each text takes so much beside its bytes.
     */
    OPEN_FILE = 1 << 20,
    CONVERSION = 2 << 20,
    HEAP_CACHE = 2 << 20,
    HEAP_HEADER = 24,
};

/* What HDF5 keeps of a file with texts: beside each heap lists of all that it could hold. */
static double heaps_bytes(const km_catalogue *catalogue, double n_rows)
{
    const double lists = 2.5;
    const double heaps = n_rows * (double)(catalogue->ids_size + HEAP_HEADER);
    return CONVERSION + (1 + lists) * km_smaller(heaps, HEAP_CACHE);
}

double km_ids_bytes(const km_catalogue *catalogue, int64_t n_rows)
{
    const double n = (double)n_rows;
    return (catalogue->has_ids ? n * (double)catalogue->ids_size : 0) +
           (km_catalogue_has_long_ids(catalogue) ? heaps_bytes(catalogue, n) : 0);
}

/* A piece read back to compare with: of the widest that rows have, or texts. */
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

double km_result_bytes(const km_catalogue *catalogue, const km_shape *shape, bool has_distances)
{
    const double n = (double)shape->n_samples;
    return (has_distances ? n * sizeof(double) : 0) + comparison_bytes(catalogue, n, has_distances);
}
