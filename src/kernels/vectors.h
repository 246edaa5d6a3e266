/* Vectors of the instruction set whose file includes this, after it has said
 *     BYTES  in a vector
 * They are vectors of gcc and clang: -, * and [] work on them. */
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

typedef float vector_float32 __attribute__((vector_size(BYTES), may_alias));
typedef double vector_float64 __attribute__((vector_size(BYTES), may_alias));

/* Center numbers, one for each lane. */
typedef int32_t numbers_float32 __attribute__((vector_size(BYTES), may_alias));
typedef int32_t lane_labels __attribute__((vector_size(BYTES), aligned(4), may_alias));
typedef int64_t numbers_float64 __attribute__((vector_size(BYTES), may_alias));
