/* The kernels for NEON. */
#include <arm_neon.h>

#define INSTRUCTIONS neon
#define BYTES        16
#define REGISTERS    32
#include "vectors.h"

INLINE vector_float32 multiply_add_float32(vector_float32 a, vector_float32 b, vector_float32 c)
{
    return vfmaq_f32(c, a, b);
}

INLINE vector_float64 multiply_add_float64(vector_float64 a, vector_float64 b, vector_float64 c)
{
    return vfmaq_f64(c, a, b);
}

INLINE vector_float32 lesser_float32(vector_float32 a, vector_float32 b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

INLINE vector_float64 lesser_float64(vector_float64 a, vector_float64 b)
{
    return vbslq_f64(vcltq_f64(a, b), a, b);
}

INLINE numbers_float32 renumber_float32(vector_float32 a, vector_float32 b, numbers_float32 number,
                                        numbers_float32 old)
{
    return vbslq_s32(vcltq_f32(a, b), number, old);
}

INLINE numbers_float64 renumber_float64(vector_float64 a, vector_float64 b, numbers_float64 number,
                                        numbers_float64 old)
{
    return vbslq_s64(vcltq_f64(a, b), number, old);
}

INLINE vector_float32 gather_float32(const float *from, numbers_float32 at)
{
    return (vector_float32){from[at[0]], from[at[1]], from[at[2]], from[at[3]]};
}

INLINE vector_float64 gather_float64(const double *from, numbers_float64 at)
{
    return (vector_float64){from[at[0]], from[at[1]]};
}

#include "template.h"
