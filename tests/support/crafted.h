/* crafted.h - bytes of saved states and checkpoints with other fields and a right hash. */
#ifndef SKYMEANS_TESTS_CRAFTED_H
#define SKYMEANS_TESTS_CRAFTED_H

#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"

#include <stdint.h>
#include <string.h>

/* That of km_hash_bytes, written once more: what files have must stay what it is. */
static inline uint64_t hash_bytes(const char *bytes, int64_t size)
{
    uint64_t hash = (uint64_t)size;
    for (int64_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, (size_t)(size - i < 8 ? size - i : 8));
        hash = km_mix(hash ^ word) + 0x9e3779b97f4a7c15u;
    }
    return hash;
}

enum kind { INT32, INT64, REAL };

/* Replaces a field by a value of its kind. */
static inline void set_field(char *at, enum kind kind, double value)
{
    const int32_t word = kind == INT32 ? (int32_t)value : 0;
    const int64_t number = kind == INT64 ? (int64_t)value : 0;
    const void *const values[] = {&word, &number, &value};
    static const size_t sizes[] = {4, 8, 8};
    memcpy(at, values[kind], sizes[kind]);
}

/* Changes one to three words somewhere, to hostile numbers or by a bit. */
static inline void spoil(char *bytes, int64_t size, uint64_t number)
{
    static const int64_t hostile[] = {0,         1,         -1,           2,
                                      INT64_MAX, INT64_MIN, INT32_MAX,    INT32_MIN,
                                      1 << 20,   -(1 << 9), 0x7ff0 << 16, 0x7ff8 << 16};
    const uint64_t n_words = 1 + km_random(1, 0, number) % 3;
    for (uint64_t w = 0; w < n_words; w++) {
        const int64_t at = (int64_t)(km_random(2, w, number) % (uint64_t)(size - 8));
        const uint64_t choice = km_random(3, w, number) % 16;
        int64_t word = choice < 12 ? hostile[choice] : (int64_t)km_random(4, w, number);
        if (choice >= 14) {
            memcpy(&word, bytes + at, sizeof word);
            word ^= (int64_t)(1ull << km_random(5, w, number) % 64);
        }
        memcpy(bytes + at, &word, sizeof word);
    }
}

/* ---- what every reader must refuse, or take whole; collective ----------------------------------
 */

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
