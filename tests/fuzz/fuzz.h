/* fuzz.h - what fuzzers share. libFuzzer calls them with bytes that reach ever more of the code;
 * all that they try is drawn from these, and what must not be ends the process. `make fuzz` runs
 * them. */
#ifndef SKYMEANS_TESTS_FUZZ_H
#define SKYMEANS_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What tests ask of Check, without it. */
#define ck_assert_msg(condition, ...)                \
    do {                                             \
        if (!(condition)) {                          \
            fprintf(stderr, "FAILED: " __VA_ARGS__); \
            abort();                                 \
        }                                            \
    } while (0)
#define ck_assert(condition)           ck_assert_msg(condition, "%s\n", #condition)
#define ck_assert_ptr_nonnull(pointer) ck_assert((pointer) != NULL)

#include "hostile_read.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder for files of this process, and MPI for one rank. */
static mock_folder folder;

static inline void fuzz_start(int *argc, char ***argv)
{
    MPI_Init(argc, argv);
    km_h5_start();
    folder = mock_folder_create();
}

static inline draw fuzz_draw(const uint8_t *data, size_t size)
{
    return (draw){.bytes = data, .n_bytes = size};
}

static inline bool fuzz_has_more(const draw *d)
{
    return d->index < d->n_bytes;
}

/* A text of `size` characters at most: any bytes, or words of a list one after the other. */
static inline void fuzz_text(draw *d, const char *const *words, size_t n_words, char *text,
                             size_t size)
{
    const bool is_raw = draw_below(d, 4) == 0;
    char *end = text;
    while (fuzz_has_more(d) && (size_t)(end - text) + 32 < size)
        if (is_raw)
            *end++ = (char)draw_below(d, 256);
        else
            end = stpcpy(end, draw_of(d, words, n_words));
    *end = '\0';
}

#ifdef KM_REPLAY
#include "replay.h"
#endif

#endif
