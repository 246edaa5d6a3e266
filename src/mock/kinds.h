/* kinds.h - kinds of mock catalogues, and their rows. All is local. */
#ifndef SKYMEANS_MOCK_KINDS_H
#define SKYMEANS_MOCK_KINDS_H

#include "base/partition.h"
#include "mock/mock.h"

/* Rows are made in blocks of at most so many. */
enum { KM_MOCK_BLOCK = 256 };

typedef enum km_mock_type {
    KM_MOCK_REAL,   /* as --type says */
    KM_MOCK_DOUBLE, /* always float64 */
    KM_MOCK_ID,     /* int64: KM_MOCK_FIRST_ID + row */
} km_mock_type;

/* Beyond 2^53, so that doubles can't hold ids. */
#define KM_MOCK_FIRST_ID INT64_C(1234567890000000001)

typedef struct km_mock_column {
    char name[24];
    km_mock_type type;
    const char *units;       /* NULL: none */
    const char *description; /* NULL: none */
} km_mock_column;

/* Numbers that the rows are drawn from, to be stored as /truth/NAME, float64. */
typedef struct km_mock_truth {
    const char *name;
    int64_t n_rows, n_columns; /* n_columns 0: one dimension */
    double *values;
} km_mock_truth;

enum { KM_MOCK_MAX_TRUTHS = 3, KM_MOCK_MAX_CLASSES = 3 };

typedef struct km_mock_kind km_mock_kind;
struct km_mock {
    km_mock_asked asked; /* with defaults filled in */
    const km_mock_kind *kind;
    bool is_array, is_double;
    int64_t n_columns;
    km_mock_column *columns;
    km_mock_truth truths[KM_MOCK_MAX_TRUTHS]; /* those with a name are stored */
    int64_t first_feature;                    /* the columns that /truth/centers is about */
    const char *classes[KM_MOCK_MAX_CLASSES]; /* what labels stand for; NULL: they are numbers */
    void *model;                              /* of the kind, one block of memory; NULL: none */
};

/* A kind of catalogue. */
struct km_mock_kind {
    const char *name;
    /* Checks the shape that is asked for, and completes it. */
    km_code (*check)(km_mock_asked *asked, km_error *error);
    /* Sets columns, truths and the model. km_mock_free also follows a failure. */
    km_code (*create)(km_mock *mock, km_error *error);
    /* Makes `count` rows, at most KM_MOCK_BLOCK: values to `values` [n_columns][KM_MOCK_BLOCK], but
     * for ids, and true labels. */
    void (*fill)(const km_mock *mock, int64_t first_row, int64_t count, double *values,
                 int32_t *labels);
};

extern const km_mock_kind km_mock_mixture, km_mock_survey;

/* Allocates the truth number `i`. */
km_code km_mock_add_truth(km_mock *mock, int i, const char *name, int64_t n_rows, int64_t n_columns,
                          km_error *error);

#endif
