/* The kernels for NEON. */
#include <arm_neon.h>

#define INSTRUCTIONS neon
#define IS_AVAILABLE km_is_any_processor
#define IS_FAST      km_is_any_processor
#define BYTES        16
#define REGISTERS    32
#define REGISTER     "w"
#define CENTERS      4
#define HELD         4
#define GROUP_SIZE   4
#define HAS_BYTES    0
#define BYTE_BIAS    0
#include "vectors.h"

INLINE vector_float32 multiply_add_float32(vector_float32 a, vector_float32 b, vector_float32 c)
{
    return vfmaq_f32(c, a, b);
}

INLINE vector_float64 multiply_add_float64(vector_float64 a, vector_float64 b, vector_float64 c)
{
    return vfmaq_f64(c, a, b);
}

INLINE vector_float32 minimum_float32(vector_float32 a, vector_float32 b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

INLINE vector_float64 minimum_float64(vector_float64 a, vector_float64 b)
{
    return vbslq_f64(vcltq_f64(a, b), a, b);
}

INLINE vector_float32 nearer_float32(vector_float32 a, vector_float32 b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

INLINE vector_float64 nearer_float64(vector_float64 a, vector_float64 b)
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

INLINE uint32_t bits_float32(uint32x4_t mask)
{
    const uint32x4_t bits = {1, 2, 4, 8};
    return (uint32_t)vaddvq_u32(vandq_u32(mask, bits));
}

INLINE vector_float32 maximum_float32(vector_float32 a, vector_float32 b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

INLINE vector_float32 square_root_float32(vector_float32 a)
{
    return vsqrtq_f32(a);
}

#define QUICK_ROOT_ERROR 0x1p-20
INLINE vector_float32 quick_root_float32(vector_float32 a)
{
    return square_root_float32(vmaxq_f32(a, vdupq_n_f32(0)));
}

INLINE float minimum_lane_float32(vector_float32 a)
{
    return vminvq_f32(a);
}

INLINE vector_float32 minimum_lanes_float32(const vector_float32 *a)
{
    return vpminq_f32(vpminq_f32(a[0], a[1]), vpminq_f32(a[2], a[3]));
}

INLINE numbers_float32 mask_of_bits_float32(uint32_t bits)
{
    const numbers_float32 of_lane = {1, 2, 4, 8};
    return (((numbers_float32){0} + (int32_t)bits) & of_lane) != 0;
}

INLINE numbers_float64 mask_of_bits_float64(uint32_t bits)
{
    const numbers_float64 of_lane = {1, 2};
    return (((numbers_float64){0} + bits) & of_lane) != 0;
}

INLINE uint32_t exceeds_float32(vector_float32 a, vector_float32 b)
{
    return bits_float32(vcgtq_f32(a, b));
}

INLINE uint32_t lower_by_exceeding(vector_float32 *least, vector_float32 a, vector_float32 limit)
{
    const uint32x4_t exceeds = vcgtq_f32(a, limit);
    *least = vbslq_f32(vandq_u32(exceeds, vcltq_f32(a, *least)), a, *least);
    return bits_float32(exceeds);
}

INLINE uint32_t differs_float32(numbers_float32 a, numbers_float32 b)
{
    return bits_float32(vceqq_s32(a, b)) ^ 15;
}

INLINE uint32_t bits_float64(uint64x2_t mask)
{
    const uint64x2_t bits = {1, 2};
    return (uint32_t)vaddvq_u64(vandq_u64(mask, bits));
}

INLINE vector_float64 maximum_float64(vector_float64 a, vector_float64 b)
{
    return vbslq_f64(vcgtq_f64(a, b), a, b);
}

INLINE vector_float64 square_root_float64(vector_float64 a)
{
    return vsqrtq_f64(a);
}

INLINE vector_float64 quick_root_float64(vector_float64 a)
{
    return square_root_float64(a);
}

INLINE double minimum_lane_float64(vector_float64 a)
{
    return vminvq_f64(a);
}

INLINE uint32_t exceeds_float64(vector_float64 a, vector_float64 b)
{
    return bits_float64(vcgtq_f64(a, b));
}

INLINE uint32_t differs_float64(numbers_float64 a, numbers_float64 b)
{
    return bits_float64(vceqq_s64(a, b)) ^ 3;
}

INLINE numbers_float32 lesser_number(numbers_float32 a, numbers_float32 b)
{
    return (numbers_float32)vminq_s32((int32x4_t)a, (int32x4_t)b);
}

INLINE numbers_float32 greater_number(numbers_float32 a, numbers_float32 b)
{
    return (numbers_float32)vmaxq_s32((int32x4_t)a, (int32x4_t)b);
}

INLINE numbers_float32 add_products_of_pairs(numbers_float32 sum, numbers_float32 a,
                                             numbers_float32 b)
{
    const int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
    return sum + vpaddq_s32(low, vmull_high_s16(x, y));
}

INLINE numbers_float32 add_products_of_bytes(numbers_float32 sum, numbers_float32 a,
                                             numbers_float32 b)
{
    (void)a;
    (void)b;
    return sum; /* not used: HAS_BYTES is 0 */
}

#include "template.h"
