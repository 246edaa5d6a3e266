/* side.h - one side of a comparison while it is read. */
#ifndef SKYMEANS_COMPARE_SIDE_H
#define SKYMEANS_COMPARE_SIDE_H

#include "compare/column.h"

typedef struct km_side_reader {
    km_side *side;
    hid_t file;
    km_column_values labels, ids;
    bool has_ids;
    km_dictionary dictionary; /* of this rank's rows */
    int32_t *numbers;         /* [dictionary.count], positions in the labels of all ranks */
    km_label *buffer;         /* [piece_rows] */
    bool *is_missing;         /* [piece_rows] */
    km_rows slab;
} km_side_reader;

/* Opens the file of a name and the columns in it, on this rank. Close also after a failure. Local,
 * as is all where nothing else is said. */
km_code km_side_open(km_side_reader *r, km_side *side, const char *name, MPI_Comm comm,
                     km_error *error);
void km_side_close(km_side_reader *r);

/* The labels of some rows of the slab, at most labels.piece_rows, as positions in the dictionary;
 * -1: none. */
km_code km_side_read(km_side_reader *r, km_rows rows, int32_t *positions, km_error *error);

/* Ids and labels of all rows of the slab, in a new array. */
km_identified *km_side_read_ids(km_side_reader *r, km_error *error);

/* Makes one list of the labels of all ranks, in order, and finds this rank's labels in it: fills in
 * `numbers`. Collective; errors are agreed. */
km_code km_side_gather_labels(km_side_reader *r, MPI_Comm comm, km_error *error);

/* The position in that list of a position in the dictionary. */
static inline int32_t km_side_number(const km_side_reader *r, int64_t position)
{
    return position < 0 ? -1 : r->numbers[position];
}

#endif
