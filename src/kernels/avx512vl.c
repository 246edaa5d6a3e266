/* The kernels for AVX-512VL: vectors of 256 bits and twice the registers of AVX2, for processors
 * whose units are no wider, such as AMD's Zen 4. There, broadcasting a number to 512 bits occupies
 * the arithmetic units; and these have few ports to read registers, so that operands are better
 * read from memory. Screens have little of either, and take 512 bits. */
#define INSTRUCTIONS avx512vl
#define IS_AVAILABLE km_has_avx512vnni
#define IS_FAST      km_is_any_processor
#define BYTES        32
#define REGISTERS    32
#define REGISTER     "v"
#define CENTERS      6
#define HELD         2
#define GROUP_SIZE   8
#define HAS_BYTES    1
#define BYTE_BIAS    128
#define SCREENS      avx512vnni
#include "lanes256.h"

#include "template.h"
