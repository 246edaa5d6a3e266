/* The template of the vectorised kernels.
 *
 * A file that compiles it for an instruction set says first
 *     INSTRUCTIONS  the name of the set, part of the names of its kernels
 *     BYTES         in a vector
 *     REGISTERS     for vectors
 * then includes vectors.h, and defines for each precision, lane by lane,
 *     multiply_add(a, b, c)             a * b + c, rounded once
 *     lesser(a, b)                      a < b ? a : b
 *     renumber(a, b, number, old)       a < b ? number : old
 *     gather(from, at)                  from[at]
 *     greater(a, b)                     a > b ? a : b
 *     root(a)                           the square root
 *     exceeds(a, b)                     a bit for each lane: a > b
 *     differs(a, b)                     a bit for each lane: a != b, of numbers
 *
 * Every sample has its lane, so all widths of vectors give the same bits. */
#include "variants.h"

#include <math.h>
#include <string.h>

#define JOINED(a, b)       a##_##b
#define JOIN(a, b)         JOINED(a, b)
#define KERNEL(job, input) JOIN(km_##job, JOIN(INSTRUCTIONS, input))
#define OURS(name)         JOIN(name, PRECISION)
#define VECTOR             OURS(vector)
#define NUMBERS            OURS(numbers)
#define STATE              OURS(state)
#define WIDTH              (BYTES / (int)sizeof(REAL))

enum {
    FEW_FEATURES = 8, /* so many of a sample fit into registers */
    MANY_CENTERS = 200,
    GROUP = 8, /* centers of which only the least distance is kept at first */
    MOST_VECTORS = 4,
    MOST_CENTERS = 4,
};

#define REAL      float
#define INTEGER   int32_t
#define EPSILON   0x1p-24
#define SMALLEST  0x1p-149f
#define PRECISION float32
#include "distance.h"

#include "approach.h"
#include "nearest.h"

#include "filter.h"
#include "listed.h"
#undef REAL
#undef INTEGER
#undef EPSILON
#undef SMALLEST
#undef PRECISION

#define REAL      double
#define INTEGER   int64_t
#define EPSILON   0x1p-53
#define SMALLEST  0x1p-1074
#define PRECISION float64
#include "distance.h"

#include "approach.h"
#include "nearest.h"

#include "filter.h"
#include "listed.h"

#define INPUT      float
#define INPUT_NAME float32
#include "measure.h"
#undef INPUT
#undef INPUT_NAME

#define INPUT      double
#define INPUT_NAME float64
#include "measure.h"
