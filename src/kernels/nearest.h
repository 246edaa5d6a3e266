/* The template of a vectorised kernel: nearest center of a block of samples.
 *
 * A file that compiles it for an instruction set says first:
 *     KERNEL(name)  how its functions are called
 * Loops over lanes have a constant number of steps and no dependence between them, so that the
 * compiler turns them into vector instructions; fma is an instruction there. */
#include "skymeans/kernels.h"

#include <math.h>

#define REAL  float
#define FMA   fmaf
#define LANES float32
#define NAME  KERNEL(float32)
#include "nearest_body.h"
#undef REAL
#undef FMA
#undef LANES
#undef NAME

#define REAL  double
#define FMA   fma
#define LANES float64
#define NAME  KERNEL(float64)
#include "nearest_body.h"
