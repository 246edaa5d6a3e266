/* The template of the vectorised kernels.
 *
 * A file that compiles it for an instruction set says first
 *     INSTRUCTIONS  the name of the set, part of the names of its kernels
 *     BYTES         in a vector
 *     REGISTERS     for vectors
 * then includes vectors.h, and defines for each precision, lane by lane,
 *     multiply_add(a, b, c)        a * b + c, rounded once
 *     lesser(a, b)                 a < b ? a : b, so b if one is not a number
 *     renumber(a, b, number, old)  a < b ? number : old, where 0 <= old <= number < 2^31
 *     gather(from, at)             from[at]
 *
 * Every sample has its lane, so all widths of vectors give the same bits. */
#include "variants.h"

#include <math.h>

#define JOINED(a, b)       a##_##b
#define JOIN(a, b)         JOINED(a, b)
#define KERNEL(job, input) JOIN(km_##job, JOIN(INSTRUCTIONS, input))
#define OURS(name)         JOIN(name, PRECISION)
#define VECTOR             OURS(vector)
#define NUMBERS            OURS(numbers)
#define LABELS             OURS(labels)
#define STATE              OURS(state)
#define WIDTH              (BYTES / (int)sizeof(REAL))

/* All of these were measured. */
enum {
    N_VECTORS = REGISTERS / 8, /* of samples at once */
    N_CENTERS = 4,             /* at once, when there are many features */
    FEW_FEATURES = 8,          /* so many, of two vectors of samples, fit into registers */
    GROUP = 4,                 /* centers of which only the least distance is kept at first ... */
    MANY_CENTERS = 32,         /* ... when there are so many for each feature */
    AHEAD = 3072,              /* bytes from what is read now to what is fetched for soon */
    LINE = 64,                 /* bytes of the cache that come at once */
};

/* Blocks are mostly read one after the other, but processors look ahead neither early nor far
 * enough when there is little to do for each. */
INLINE void fetch_soon(const void *address)
{
    __builtin_prefetch((const void *)((uintptr_t)address + AHEAD));
}

INLINE void fetch_later(const void *address, const int n_bytes)
{
    for (int i = 0; i < n_bytes; i += LINE)
        __builtin_prefetch((const void *)((uintptr_t)address + i), 0, 2);
}

#define REAL      float
#define INTEGER   int32_t
#define PRECISION float32
#include "distance.h"

#include "approach.h"
#include "nearest.h"
#undef REAL
#undef INTEGER
#undef PRECISION

#define REAL      double
#define INTEGER   int64_t
#define PRECISION float64
#include "distance.h"

#include "approach.h"
#include "nearest.h"

#define INPUT      float
#define INPUT_NAME float32
#include "measure.h"
#undef INPUT
#undef INPUT_NAME

#define INPUT      double
#define INPUT_NAME float64
#include "measure.h"
