/* Nearest center, vectorised by the compiler with the flags that the Makefile has for this file. */
#include "variants.h"

#define KERNEL(precision) km_nearest_neon_##precision
#include "nearest.h"
