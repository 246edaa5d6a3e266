/* The kernels for AVX2. */
#define INSTRUCTIONS avx2
#define IS_AVAILABLE km_has_avx2
#define IS_FAST      km_is_any_processor
#define BYTES        32
#define REGISTERS    16
#define REGISTER     "x"
#define CENTERS      3
#define HELD         2
#define GROUP_SIZE   8
#define HAS_BYTES    0
#define BYTE_BIAS    0
#include "lanes256.h"

#include "template.h"
