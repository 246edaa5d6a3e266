/* The template of the vectorised kernels.
 *
 * A file that compiles it for an instruction set says first
 *     INSTRUCTIONS  the name of the set, part of the names of its kernels
 *     IS_AVAILABLE  the function that tells whether a processor has it
 *     IS_FAST       and the one that tells whether it is no slower than the rows before it
 *     BYTES         in a vector
 *     REGISTERS     for vectors
 *     REGISTER      the compilers' letter for one of them
 *     CENTERS       compared with a tile of samples at once
 *     HELD          vectors of a tile that are kept in registers; the others are read from memory
 *     GROUP_SIZE    centers of which only the nearest is compared, if there are few features
 * if need be,
 *     SCREENS       the set whose screens are faster on the same processors
 * then includes vectors.h, and defines for each precision, lane by lane,
 *     multiply_add(a, b, c)        a * b + c, rounded once
 *     minimum(a, b)                a < b ? a : b, so b if one is not a number
 *     nearer(a, b)                 the same of squared distances
 *     renumber(a, b, number, old)  a < b ? number : old, where a and b are squared distances
 *     gather(from, at)             from[at]
 *     maximum(a, b)                a > b ? a : b
 *     square_root(a)               rounded as always
 *     quick_root(a)                with an error below QUICK_ROOT_ERROR; of SMALLEST, if a is less
 *     minimum_lane(a)              of all lanes
 *     minimum_lanes(a)             of those of a[l], in lane l; of single precision
 *     lower_by_exceeding(&m, a, b) m becomes minimum(a, m) where a > b; a bit for each such lane;
 *                                  of single precision
 *     exceeds(a, b)                a bit for each lane: a > b
 *     differs(a, b)                a bit for each lane: a != b, of numbers
 *     mask_of_bits(bits)           all bits of a lane whose bit is set, else none
 *
 * and for whole numbers of 32 bits
 *     lesser_number(a, b), greater_number(a, b)
 *     add_products_of_pairs(sum, a, b)  adds products of two pairs of 16 bits
 *     add_products_of_bytes(sum, a, b)  adds those of four pairs of bytes, if HAS_BYTES; bytes of a
 *                                       are larger by BYTE_BIAS, and have no sign
 *
 * Each precision has its functions: the templates are included once with the words of float32.h and
 * once with those of float64.h. They end with the row of the instruction set in the table of
 * kernels.
 *
 * Every sample has its lane, so all widths of vectors give the same bits. */
#include "variants.h"

#include <math.h>
#include <string.h>

#define VECTOR  OURS(vector)
#define NUMBERS OURS(numbers)
#define LABELS  OURS(labels)
#define STATE   OURS(state)
#define WIDTH   (BYTES / (int)sizeof(REAL))

/* All of these were measured, and so were CENTERS, HELD and GROUP_SIZE. */
enum {
    N_VECTORS = REGISTERS / 8, /* of samples at once */
    FEW_FEATURES = 4,          /* so many of these vectors fit into registers */
    TILE_VECTORS = 4,          /* of samples in a tile, when there are more features */
    TILE_CENTERS = CENTERS,    /* centers that they are compared with at once */
    MANY_CENTERS = 32,         /* per feature: so many are compared by groups, see nearest.h */
    AHEAD = 3072,              /* bytes from what is read to what is prefetched */
    LINE = 64,                 /* bytes per line of the cache */
    DOUBLES = BYTES / 8,       /* in a vector */
    LANES = BYTES / (int)sizeof(float), /* of a group of samples */
    PAIRS_AT_ONCE = 4,                  /* of samples and centers, for canonical distances */
};

/* Blocks are mostly read one after the other, but the processor's own prefetching starts too late
 * and is too short when there is little to do per block. */
INLINE void prefetch_ahead(const void *address)
{
    __builtin_prefetch((const void *)((uintptr_t)address + AHEAD));
}

INLINE void prefetch_bytes(const void *address, const int n_bytes)
{
    for (int i = 0; i < n_bytes; i += LINE)
        __builtin_prefetch((const void *)((uintptr_t)address + i), 0, 2);
}

#if !defined SCREENS
#include "screen.h"
#endif

#include "float32.h"

#include "distance.h"

#include "approach.h"
#include "nearest.h"
#include "pair.h"

#include "filter.h"
#include "listed.h"
#include "near.h"

#include "gaps.h"
#if !defined SCREENS
#include "screened.h"
#endif

#include "float64.h"

#include "distance.h"

#include "approach.h"
#include "nearest.h"
#include "pair.h"

#include "filter.h"
#include "listed.h"
#include "near.h"

#include "gaps.h"
#if !defined SCREENS
#include "screened.h"
#endif

/* Two kernels calculate in double whatever the samples are. */
#include "point.h"

#include "float32.h"

#include "fold.h"
#include "measure.h"
#include "moments.h"
#include "peak.h"

#include "float64.h"

#include "fold.h"
#include "measure.h"
#include "moments.h"
#include "peak.h"

#include "update.h"
#include "used_up.h"

#include "row.h"
