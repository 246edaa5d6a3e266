/* The kernels for AVX2 with AVX-VNNI, which multiplies and adds whole numbers. */
#define INSTRUCTIONS avxvnni
#define IS_AVAILABLE km_has_avxvnni
#define IS_FAST      km_is_any_processor
#define BYTES        32
#define REGISTERS    16
#define REGISTER     "x"
#define CENTERS      3
#define HELD         2
#define GROUP_SIZE   8
#define HAS_BYTES    1
#define BYTE_BIAS    128
#include "lanes256.h"

#include "template.h"
