/* The template of the vectorised kernels.
 *
 * A file that compiles it for an instruction set says first
 *     INSTRUCTIONS  the name of the set, part of the names of its kernels
 *     IS_AVAILABLE  the function that tells whether a processor has it
 *     IS_FAST       and the one that tells whether it is no slower than the rows before it
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
 * Each precision has its functions: the templates are included once with the words of float32.h and
 * once with those of float64.h. They end with the row of the instruction set in the table of
 * kernels.
 *
 * Every sample has its lane, so all widths of vectors give the same bits. */
#include "variants.h"

#include <math.h>

#define VECTOR  OURS(vector)
#define NUMBERS OURS(numbers)
#define LABELS  OURS(labels)
#define STATE   OURS(state)
#define WIDTH   (BYTES / (int)sizeof(REAL))

/* All of these were measured, and so were CENTERS, HELD and GROUP_SIZE. */
enum {
    N_VECTORS = REGISTERS / 8, /* of samples at once */
    FEW_FEATURES = 4,          /* so many of these vectors fit into registers */
    TILE_VECTORS = 4,          /* of samples that meet when there are more features ... */
    TILE_CENTERS = CENTERS,    /* ... so many centers at once */
    MANY_CENTERS = 32,         /* so many for each feature go by groups, see nearest.h */
    AHEAD = 3072,              /* bytes from what is read now to what is fetched for soon */
    LINE = 64,                 /* bytes of the cache that come at once */
    DOUBLES = BYTES / 8,       /* in a vector */
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

#include "float32.h"

#include "distance.h"

#include "approach.h"
#include "nearest.h"

#include "filter.h"
#include "listed.h"

#include "gaps.h"

#include "float64.h"

#include "distance.h"

#include "approach.h"
#include "nearest.h"

#include "filter.h"
#include "listed.h"

#include "gaps.h"

/* Two kernels calculate in double whatever the samples are. */
#include "point.h"

#include "float32.h"

#include "measure.h"
#include "moments.h"

#include "float64.h"

#include "measure.h"
#include "moments.h"

#include "used_up.h"

#include "row.h"
