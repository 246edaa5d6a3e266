/* The kernels for AVX-512 with VNNI, which multiplies and adds whole numbers. */
#define INSTRUCTIONS avx512vnni
#define IS_AVAILABLE km_has_avx512vnni
#define IS_FAST      km_has_wide_avx512
#define BYTES        64
#define REGISTERS    32
#define REGISTER     "v"
#define CENTERS      4
#define HELD         4
#define GROUP_SIZE   4
#define HAS_BYTES    1
#define BYTE_BIAS    128
#include "lanes512.h"

#include "template.h"
