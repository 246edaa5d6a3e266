/* compare.h - how well two labelings of the same rows agree.
 *
 * Everything follows from the contingency table: how many rows have label i in one labeling and
 * label j in the other. Counts are integers, so nothing depends on the number of ranks. */
#ifndef SKYMEANS_COMPARE_H
#define SKYMEANS_COMPARE_H

#include "base/arithmetic.h"
#include "comm/comm.h"
#include "h5/h5.h"

enum { KM_LABEL_SIZE = 48 }; /* longer texts that are labels are cut where they are shown */

/* A label as the file has it: a whole number, or a text. */
typedef struct km_label {
    uint64_t high, low; /* of a text a hash; of a number its 128 bits */
    bool is_text;
    char text[KM_LABEL_SIZE]; /* of a text, for people */
} km_label;

/* A cell of the contingency table that is not empty. */
typedef struct km_cell {
    int32_t a, b; /* positions in the lists of labels; -1: no label */
    int64_t count;
} km_cell;

/* One of the two labelings. */
typedef struct km_side {
    char *file; /* owned, as are the pointers below */
    char *path; /* of the labels in the file */
    int64_t n_rows;
    int64_t n_alone; /* rows whose id the other side does not have */
    int64_t n_labels;
    km_label *labels;  /* [n_labels], by number or by text; those that rows have */
    int64_t *sizes;    /* [n_labels], rows that have a label on the other side, too */
    int32_t *partners; /* [n_labels], the label of the other side in the best matching; -1: none */
    int64_t *shared;   /* [n_labels], rows that have the partner's label on the other side */
} km_side;

/* What a comparison finds; complete on rank 0. Rows without a label (-1, NaN, an empty text) are
 * counted, and take no part in anything else. */
typedef struct km_comparison {
    km_side sides[2];
    bool is_by_ids;    /* rows are matched by their ids, else by their numbers */
    int64_t n_matched; /* rows that are on both sides */
    int64_t n_both;    /* of these, rows with a label on both sides */
    int64_t n_only[2]; /* with a label on this side only */
    int64_t n_neither;
    int64_t n_cells;
    km_cell *cells;            /* [n_cells], by label of A, then of B; without those of no label */
    int64_t n_moved;           /* rows of n_both that are not in the best matching */
    double rand_index;         /* adjusted for chance; NaN if n_both is 0, as the next */
    double mutual_information; /* normalized by the mean of both entropies */
} km_comparison;

/* Compares the labels of two files. A name is that of a result, or FILE:/path with a column of
 * whole numbers or texts, one a row; its group with a dataset `data`, or a member of a compound
 * dataset, will do as well. Rows are matched by /ids if both results have them, else by their
 * numbers. KM_SYSTEM if a file can't be read; KM_DATA if there are no such labels, if numbers of
 * rows differ, or if an id occurs twice; KM_MEMORY. Collective; errors are agreed. Free with
 * km_comparison_free. */
km_code km_compare(km_comparison *comparison, const char *const names[2], MPI_Comm comm,
                   km_error *error);
void km_comparison_free(km_comparison *comparison);

/* The best matching of rows and columns of a sparse table: each has at most one partner, and the
 * sum of the cells of partners is the maximum. Cells come row after row, and counts are positive.
 * `partners` [n_a] gets a column, or -1. Local. KM_MEMORY. */
km_code km_match_labels(const km_cell *cells, int64_t n_cells, int64_t n_a, int64_t n_b,
                        int32_t *partners, km_error *error);

/* The adjusted Rand index (Hubert & Arabie 1985, doi:10.1007/BF01908075) and the normalized mutual
 * information, of the table with these sums of rows and columns; `n` is the sum of all. Local. */
double km_rand_index(const km_comparison *comparison);
double km_mutual_information(const km_comparison *comparison);

#endif
