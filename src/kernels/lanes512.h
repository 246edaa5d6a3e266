/* What template.h asks for, in vectors of 512 bits, for AVX-512 with and without VNNI. */
#include "vectors.h"
#include <immintrin.h>

INLINE vector_float32 multiply_add_float32(vector_float32 a, vector_float32 b, vector_float32 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

INLINE vector_float64 multiply_add_float64(vector_float64 a, vector_float64 b, vector_float64 c)
{
    return _mm512_fmadd_pd(a, b, c);
}

INLINE vector_float32 minimum_float32(vector_float32 a, vector_float32 b)
{
    return _mm512_min_ps(a, b);
}

INLINE vector_float64 minimum_float64(vector_float64 a, vector_float64 b)
{
    return _mm512_min_pd(a, b);
}

INLINE vector_float32 nearer_float32(vector_float32 a, vector_float32 b)
{
    return _mm512_min_ps(a, b);
}

INLINE vector_float64 nearer_float64(vector_float64 a, vector_float64 b)
{
    return _mm512_min_pd(a, b);
}

INLINE numbers_float32 renumber_float32(vector_float32 a, vector_float32 b, numbers_float32 number,
                                        numbers_float32 old)
{
    const __mmask16 is_less = _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
    return (numbers_float32)_mm512_mask_mov_epi32((__m512i)old, is_less, (__m512i)number);
}

INLINE numbers_float64 renumber_float64(vector_float64 a, vector_float64 b, numbers_float64 number,
                                        numbers_float64 old)
{
    const __mmask8 is_less = _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
    return (numbers_float64)_mm512_mask_mov_epi64((__m512i)old, is_less, (__m512i)number);
}

INLINE vector_float32 gather_float32(const float *from, numbers_float32 at)
{
    return _mm512_i32gather_ps((__m512i)at, from, sizeof *from);
}

INLINE vector_float64 gather_float64(const double *from, numbers_float64 at)
{
    return _mm512_i64gather_pd((__m512i)at, from, sizeof *from);
}

INLINE vector_float32 maximum_float32(vector_float32 a, vector_float32 b)
{
    return _mm512_max_ps(a, b);
}

INLINE vector_float32 square_root_float32(vector_float32 a)
{
    return _mm512_sqrt_ps(a);
}

#define QUICK_ROOT_ERROR 0x1p-13
INLINE vector_float32 quick_root_float32(vector_float32 a)
{
    const __m512 normal = _mm512_max_ps(a, _mm512_set1_ps(0x1p-126f));
    return _mm512_mul_ps(normal, _mm512_rsqrt14_ps(normal));
}

INLINE float minimum_lane_float32(vector_float32 a)
{
    return _mm512_reduce_min_ps(a);
}

/* Of the quarters of two vectors that each have those of two, and so on: half of the lanes remain
 * each time. */
#define LESSER_HALVES(shuffle, a, b, even, odd) \
    _mm512_min_ps(shuffle(a, b, even), shuffle(a, b, odd))

INLINE vector_float32 minimum_lanes_float32(const vector_float32 *a)
{
    __m512 half[8], quarter[4], eighth[2];
    for (int i = 0; i < 8; i++)
        half[i] = LESSER_HALVES(_mm512_shuffle_f32x4, a[2 * i], a[2 * i + 1], 0x44, 0xee);
    for (int i = 0; i < 4; i++)
        quarter[i] = LESSER_HALVES(_mm512_shuffle_f32x4, half[2 * i], half[2 * i + 1], 0x88, 0xdd);
    for (int i = 0; i < 2; i++)
        eighth[i] =
            LESSER_HALVES(_mm512_shuffle_ps, quarter[2 * i], quarter[2 * i + 1], 0x44, 0xee);
    const __m512 all = LESSER_HALVES(_mm512_shuffle_ps, eighth[0], eighth[1], 0x88, 0xdd);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_ps(order, all);
}

INLINE numbers_float32 mask_of_bits_float32(uint32_t bits)
{
    return (numbers_float32)_mm512_movm_epi32((__mmask16)bits);
}

INLINE numbers_float64 mask_of_bits_float64(uint32_t bits)
{
    return (numbers_float64)_mm512_movm_epi64((__mmask8)bits);
}

INLINE uint32_t exceeds_float32(vector_float32 a, vector_float32 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}

INLINE uint32_t lower_by_exceeding(vector_float32 *least, vector_float32 a, vector_float32 limit)
{
    const __mmask16 exceeds = _mm512_cmp_ps_mask(a, limit, _CMP_GT_OQ);
    *least = _mm512_mask_min_ps(*least, exceeds, a, *least);
    return exceeds;
}

INLINE uint32_t differs_float32(numbers_float32 a, numbers_float32 b)
{
    return _mm512_cmpneq_epi32_mask((__m512i)a, (__m512i)b);
}

INLINE vector_float64 maximum_float64(vector_float64 a, vector_float64 b)
{
    return _mm512_max_pd(a, b);
}

INLINE vector_float64 square_root_float64(vector_float64 a)
{
    return _mm512_sqrt_pd(a);
}

INLINE vector_float64 quick_root_float64(vector_float64 a)
{
    return square_root_float64(a);
}

INLINE double minimum_lane_float64(vector_float64 a)
{
    return _mm512_reduce_min_pd(a);
}

INLINE uint32_t exceeds_float64(vector_float64 a, vector_float64 b)
{
    return _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ);
}

INLINE uint32_t differs_float64(numbers_float64 a, numbers_float64 b)
{
    return _mm512_cmpneq_epi64_mask((__m512i)a, (__m512i)b);
}

INLINE numbers_float32 lesser_number(numbers_float32 a, numbers_float32 b)
{
    return (numbers_float32)_mm512_min_epi32((__m512i)a, (__m512i)b);
}

INLINE numbers_float32 greater_number(numbers_float32 a, numbers_float32 b)
{
    return (numbers_float32)_mm512_max_epi32((__m512i)a, (__m512i)b);
}

INLINE numbers_float32 add_products_of_pairs(numbers_float32 sum, numbers_float32 a,
                                             numbers_float32 b)
{
#if defined __AVX512VNNI__
    return (numbers_float32)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#else
    return sum + (numbers_float32)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#endif
}

INLINE numbers_float32 add_products_of_bytes(numbers_float32 sum, numbers_float32 a,
                                             numbers_float32 b)
{
#if defined __AVX512VNNI__
    return (numbers_float32)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#else
    (void)a;
    (void)b;
    return sum; /* not used: HAS_BYTES is 0 */
#endif
}
