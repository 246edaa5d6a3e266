/* The template of the vectorised kernels.
 *
 * A file that compiles it for an instruction set says first
 *     INSTRUCTIONS  the name of the set, part of the names of its kernels
 *     BYTES         in a vector
 *     REGISTERS     for vectors
 *     REGISTER      the compilers' letter for one of them
 *     CENTERS       that meet a tile of samples at once
 *     HELD          vectors of a tile that are made to be in registers, the others stay in memory
 *     GROUP_SIZE    centers of which only the nearest is compared, where few features are
 * then includes vectors.h, and defines for each precision, lane by lane,
 *     multiply_add(a, b, c)        a * b + c, rounded once
 *     lesser(a, b)                 a < b ? a : b, so b if one is not a number
 *     nearer(a, b)                 the same of squared distances
 *     renumber(a, b, number, old)  a < b ? number : old, where a and b are squared distances
 *     gather(from, at)             from[at]
 *     greater(a, b)                a > b ? a : b
 *     root(a)                      the square root
 *     about_root(a)                the same, but for less than 2^-20 of it, where it is not below
 *                                  that of SMALLEST
 *     least(a)                     the least lane
 *     exceeds(a, b)                a bit for each lane: a > b
 *     differs(a, b)                a bit for each lane: a != b, of numbers
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

/* All of these were measured, and so were CENTERS, HELD and GROUP_SIZE. */
enum {
    N_VECTORS = REGISTERS / 8, /* of samples at once */
    FEW_FEATURES = 4,          /* so many of these vectors fit into registers */
    TILE_VECTORS = 4,          /* of samples that meet when there are more features ... */
    TILE_CENTERS = CENTERS,    /* ... so many centers at once */
    MANY_CENTERS = 32,         /* so many for each feature go by groups, see nearest.h */
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

#define REAL        float
#define INTEGER     int32_t
#define EPSILON     0x1p-24
#define SMALLEST    0x1p-126f
#define LEAST_REACH 1e-30
#define PRECISION   float32
#include "distance.h"

#include "approach.h"
#include "nearest.h"

#include "filter.h"
#include "listed.h"

#include "gaps.h"
#undef REAL
#undef INTEGER
#undef EPSILON
#undef SMALLEST
#undef LEAST_REACH
#undef PRECISION

#define REAL        double
#define INTEGER     int64_t
#define EPSILON     0x1p-53
#define SMALLEST    0x1p-1022
#define LEAST_REACH 1e-250
#define PRECISION   float64
#include "distance.h"

#include "approach.h"
#include "nearest.h"

#include "filter.h"
#include "listed.h"

#include "gaps.h"

/* Adding this rounds a double below 2^51 to an integer, ties to even, which is left in the lowest
 * bits. */
#define ROUNDER 0x1.8p52

/* Adds the grid points next to value + rest to sums of high and low words: km_quantise. */
INLINE void add_point(const km_grid *grid, vector_float64 value, vector_float64 rest,
                      numbers_float64 *sums)
{
    const numbers_float64 none = (numbers_float64)((vector_float64){0} + ROUNDER);
    const vector_float64 high = value * grid->inverse_carry + ROUNDER;
    const vector_float64 remainder = value - (high - ROUNDER) * grid->carry;
    const vector_float64 low = (remainder + rest) * grid->inverse_unit + ROUNDER;
    sums[0] += (numbers_float64)high - none;
    sums[1] += (numbers_float64)low - none;
}

#define INPUT      float
#define INPUT_NAME float32
#include "measure.h"
#include "moments.h"
#undef INPUT
#undef INPUT_NAME

#define INPUT      double
#define INPUT_NAME float64
#include "measure.h"
#include "moments.h"

#include "used_up.h"
