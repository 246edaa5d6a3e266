/* refusals.h - what every reader of saved bytes must refuse, or take whole. Collective. */
#ifndef SKYMEANS_TESTS_REFUSALS_H
#define SKYMEANS_TESTS_REFUSALS_H

#include "crafted.h"
#include "mpi_check.h"

#include "base/error.h"

enum { MOST_CRAFTED = 4096 };

/* Bytes that were written, and their reader. */
typedef struct crafted {
    char *bytes;         /* [size], of which the last 8 are their hash */
    int64_t size, begin; /* where the fields begin, behind a line and a text with its length */
    void *run;           /* of the reader, */
    /* which gets other bytes, without a hash, and reads them with their own */
    km_code (*take)(void *run, const char *bytes, int64_t size, km_error *error);
    const char *refusal; /* how its messages begin */
} crafted;

/* A value that a field can't have. */
typedef struct wrong_field {
    int at;
    enum kind kind;
    double value;
    const char *what;
} wrong_field;

static inline void check_fields(const crafted *c, const wrong_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char bytes[MOST_CRAFTED];
        km_error error;
        memcpy(bytes, c->bytes, (size_t)c->size);
        set_field(bytes + c->begin + fields[i].at, fields[i].kind, fields[i].value);
        c->take(c->run, bytes, c->size - 8, &error);
        ck_assert_fails(error, KM_DATA, c->refusal);
        ck_assert_fails(error, KM_DATA, fields[i].what);
    }
}

/* Other lengths of the text, which begins at head. */
static inline void check_text_sizes(const crafted *c, int64_t head, const char *refusal)
{
    const int64_t size = c->size - 8, text_size = c->begin - head - 8;
    const int64_t sizes[] = {0, -1, 1, text_size - 1, text_size + 1, size, INT64_MAX, INT64_MIN};
    char bytes[MOST_CRAFTED];
    km_error error;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(bytes, c->bytes, (size_t)size);
        memcpy(bytes + head, &sizes[i], sizeof sizes[i]);
        c->take(c->run, bytes, size, &error);
        ck_assert_fails(error, KM_DATA, refusal);
    }
}

static inline void check_lines(const crafted *c, const char *const *lines, size_t count,
                               const char *refusal)
{
    for (size_t i = 0; i < count; i++) {
        km_error error;
        c->take(c->run, lines[i], (int64_t)strlen(lines[i]), &error);
        ck_assert_fails(error, KM_DATA, refusal);
    }
}

/* Too short, and too long. */
static inline void check_sizes(const crafted *c)
{
    char bytes[MOST_CRAFTED] = {0};
    memcpy(bytes, c->bytes, (size_t)c->size - 8);
    for (int64_t size = 0; size < c->size + 20; size++) {
        km_error error;
        if (size == c->size - 8)
            continue;
        c->take(c->run, bytes, size, &error);
        ck_assert_fails(error, KM_DATA, c->refusal);
    }
}

/* Any bytes are taken or refused. */
static inline void check_spoiled(const crafted *c)
{
    enum { N_TRIALS = 3000 };
    int n_taken = 0, n_refused = 0;
    for (uint64_t number = 0; number < N_TRIALS; number++) {
        char bytes[MOST_CRAFTED];
        km_error error;
        memcpy(bytes, c->bytes, (size_t)c->size);
        spoil(bytes, c->size - 8, number);
        const km_code code = c->take(c->run, bytes, c->size - 8, &error);
        ck_assert_all(code == KM_OK || code == KM_DATA);
        n_taken += code == KM_OK;
        n_refused += code == KM_DATA;
    }
    ck_assert_all(n_taken + n_refused == N_TRIALS && n_refused > N_TRIALS / 2 && n_taken > 10);
}

#endif
