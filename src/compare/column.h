/* column.h - a column of labels or ids in a file, and its distinct values. All is local. */
#ifndef SKYMEANS_COMPARE_COLUMN_H
#define SKYMEANS_COMPARE_COLUMN_H

#include "compare/compare.h"

#include <limits.h>

/* How the values of a column are stored. */
typedef enum km_value_kind {
    KM_VALUE_INT,
    KM_VALUE_UINT, /* of 64 bits */
    KM_VALUE_REAL, /* whole numbers all the same */
    KM_VALUE_TEXT,
    KM_VALUE_LONG_TEXT, /* of any length */
    KM_VALUE_OTHER
} km_value_kind;

enum { KM_MAX_NO_VALUES = 64 };

typedef struct km_column_values {
    const char *file, *path;
    km_h5_array array;
    km_value_kind kind;
    hid_t type;  /* in memory */
    size_t size; /* of an element in memory */
    int64_t piece_rows;
    void *elements; /* [piece_rows] */
    int64_t n_rows;
    bool are_ids; /* for messages */
    int n_missing;
    long double missing[KM_MAX_NO_VALUES]; /* numbers that mean no value */
    struct km_column_values *mask; /* of whole numbers: not 0 where there is no value; or NULL */
} km_column_values;

/* Opens a column by its path in an open file. KM_DATA if there is none, or if its values are
 * neither numbers nor texts, one a row. */
km_code km_values_open(km_column_values *column, hid_t opened, const char *file, const char *path,
                       km_error *error);
void km_values_close(km_column_values *column);

/* Reads at most piece_rows rows as labels. A missing one (-1, NaN, an empty text, masked, or
 * what its attributes call missing) is_missing. KM_DATA if a number is not whole. */
km_code km_values_read(km_column_values *column, km_rows rows, km_label *labels, bool *is_missing,
                       km_error *error);

/* Are two labels the same? */
static inline bool km_label_is_same(const km_label *a, const km_label *b)
{
    return a->low == b->low && a->high == b->high;
}

/* The order of labels: by number, or by text. */
int km_label_order(const void *a, const void *b);

/* ---- distinct labels ------------------------------------------------------------------------- */

/* Labels by number, in the order in which they came, and a hash table with open addressing. */
typedef struct km_dictionary {
    int64_t count, capacity; /* capacity: of `slots`, a power of two */
    km_label *labels;        /* [capacity / 2] */
    int32_t *slots;          /* [capacity], positions in `labels`, or -1 */
} km_dictionary;

/* The position of a label, which is added if it is new; -1 and KM_MEMORY if there is no memory. */
int32_t km_dictionary_add(km_dictionary *dictionary, const km_label *label, km_error *error);
void km_dictionary_free(km_dictionary *dictionary);

/* Counts of pairs of positions, in a hash table with open addressing. */
typedef struct km_pair_counts {
    int64_t count, capacity;
    km_cell *slots; /* [capacity]; a count of 0: free */
} km_pair_counts;

/* Counts a pair once more; and adds all counts of other pairs. KM_MEMORY. */
km_code km_pairs_add(km_pair_counts *pairs, int32_t a, int32_t b, km_error *error);
km_code km_pairs_add_all(km_pair_counts *pairs, const km_pair_counts *others, km_error *error);
void km_pairs_free(km_pair_counts *pairs);

/* Bytes of a table of so many pairs. */
double km_pairs_bytes(double n_pairs);

/* ---- merging over ranks ---------------------------------------------------------------------- */

/* What is merged: sorted arrays of elements of `size` bytes. `join` adds the second of two elements
 * that are equal in the order to the first; NULL: it is dropped. */
typedef struct km_merging {
    size_t size;
    const char *what; /* for messages */
    int (*order)(const void *a, const void *b);
    void (*join)(void *a, const void *b);
} km_merging;

/* Sorts *elements ([*count], from km_allocate) on each rank and merges those of all ranks, two at a
 * time, until rank 0 has them all; the others have none then. Collective; errors are agreed. */
km_code km_merge_ranks(const km_merging *merging, void **elements, int64_t *count, MPI_Comm comm,
                       km_error *error);

/* The counts of all ranks, by a, then by b: a new array on rank 0, which the caller frees there and
 * on the others. Collective; errors are agreed. */
km_code km_pairs_gather(const km_pair_counts *pairs, km_cell **cells, int64_t *n_cells,
                        MPI_Comm comm, km_error *error);

/* ---- matching by ids ------------------------------------------------------------------------- */

/* A row on its way to the rank that looks for its partner. */
typedef struct km_identified {
    uint64_t high, low; /* the id, as that of a label */
    int64_t row;
    int64_t label; /* its position; -1: none */
} km_identified;

enum { KM_IDENTIFIED_WORDS = sizeof(km_identified) / sizeof(uint32_t) };

/* How many rows each rank sends in a round: if they all go to one rank, what it gets still fits
 * into MPI's counts. */
static inline int64_t km_rows_of_round(int n_ranks)
{
    const int64_t maximum = 1 << 20, fit = INT_MAX / KM_IDENTIFIED_WORDS / n_ranks;
    return fit < maximum ? fit : maximum;
}

/* Sends each row to the rank that its id says: a new array of *n_received, which the caller frees.
 * Collective; errors are agreed. */
km_code km_send_by_id(const km_identified *rows, int64_t n_rows, km_identified **received,
                      int64_t *n_received, MPI_Comm comm, km_error *error);

/* Pairs the rows of A and B that have the same id, all of this rank, and counts the pairs.
 * *n_pairs: how many. KM_DATA if an id occurs twice on one side; `files` are for the message. */
km_code km_join_by_id(const km_identified *a, int64_t n_a, const km_identified *b, int64_t n_b,
                      const char *const files[2], km_pair_counts *pairs, int64_t *n_pairs,
                      km_error *error);

#endif
