/* What template.h asks for, in vectors of 256 bits, for AVX2 and AVX-512VL. */
#include "vectors.h"
#include <immintrin.h>

INLINE vector_float32 multiply_add_float32(vector_float32 a, vector_float32 b, vector_float32 c)
{
    return _mm256_fmadd_ps(a, b, c);
}

INLINE vector_float64 multiply_add_float64(vector_float64 a, vector_float64 b, vector_float64 c)
{
    return _mm256_fmadd_pd(a, b, c);
}

INLINE vector_float32 minimum_float32(vector_float32 a, vector_float32 b)
{
    return _mm256_min_ps(a, b);
}

INLINE vector_float64 minimum_float64(vector_float64 a, vector_float64 b)
{
    return _mm256_min_pd(a, b);
}

/* Neither negative nor not a number, so their bits compare as integers, which more units can do. */
INLINE vector_float32 nearer_float32(vector_float32 a, vector_float32 b)
{
    return (vector_float32)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

INLINE vector_float64 nearer_float64(vector_float64 a, vector_float64 b)
{
    return _mm256_min_pd(a, b);
}

INLINE numbers_float32 renumber_float32(vector_float32 a, vector_float32 b, numbers_float32 number,
                                        numbers_float32 old)
{
    const __m256i is_less = _mm256_cmpgt_epi32((__m256i)b, (__m256i)a);
    return (numbers_float32)_mm256_blendv_ps((__m256)old, (__m256)number, (__m256)is_less);
}

INLINE numbers_float64 renumber_float64(vector_float64 a, vector_float64 b, numbers_float64 number,
                                        numbers_float64 old)
{
    const __m256d is_less = _mm256_cmp_pd(a, b, _CMP_LT_OQ);
    return (numbers_float64)_mm256_blendv_pd((__m256d)old, (__m256d)number, is_less);
}

INLINE vector_float32 gather_float32(const float *from, numbers_float32 at)
{
    return _mm256_i32gather_ps(from, (__m256i)at, sizeof *from);
}

INLINE vector_float64 gather_float64(const double *from, numbers_float64 at)
{
    return _mm256_i64gather_pd(from, (__m256i)at, sizeof *from);
}

INLINE vector_float32 maximum_float32(vector_float32 a, vector_float32 b)
{
    return _mm256_max_ps(a, b);
}

INLINE vector_float32 square_root_float32(vector_float32 a)
{
    return _mm256_sqrt_ps(a);
}

/* A relative error below QUICK_ROOT_ERROR. */
#if defined __AVX512VL__
#define QUICK_ROOT_ERROR 0x1p-13
#else
#define QUICK_ROOT_ERROR 0x1p-11
#endif
INLINE vector_float32 quick_root_float32(vector_float32 a)
{
    const __m256 normal = _mm256_max_ps(a, _mm256_set1_ps(0x1p-126f));
#if defined __AVX512VL__
    return _mm256_mul_ps(normal, _mm256_rsqrt14_ps(normal));
#else
    return _mm256_mul_ps(normal, _mm256_rsqrt_ps(normal));
#endif
}

INLINE float minimum_lane_float32(vector_float32 a)
{
    const __m128 half = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 quarter = _mm_min_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_min_ss(quarter, _mm_movehdup_ps(quarter)));
}

#define LESSER_HALVES(shuffle, a, b, even, odd) \
    _mm256_min_ps(shuffle(a, b, even), shuffle(a, b, odd))

INLINE vector_float32 minimum_lanes_float32(const vector_float32 *a)
{
    __m256 half[4], quarter[2];
    for (int i = 0; i < 4; i++)
        half[i] = LESSER_HALVES(_mm256_permute2f128_ps, a[2 * i], a[2 * i + 1], 0x20, 0x31);
    for (int i = 0; i < 2; i++)
        quarter[i] = LESSER_HALVES(_mm256_shuffle_ps, half[2 * i], half[2 * i + 1], 0x44, 0xee);
    const __m256 all = LESSER_HALVES(_mm256_shuffle_ps, quarter[0], quarter[1], 0x88, 0xdd);
    return _mm256_permutevar8x32_ps(all, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

INLINE numbers_float32 mask_of_bits_float32(uint32_t bits)
{
    const numbers_float32 of_lane = {1, 2, 4, 8, 16, 32, 64, 128};
    return (((numbers_float32){0} + (int32_t)bits) & of_lane) != 0;
}

INLINE numbers_float64 mask_of_bits_float64(uint32_t bits)
{
    const numbers_float64 of_lane = {1, 2, 4, 8};
    return (((numbers_float64){0} + bits) & of_lane) != 0;
}

INLINE uint32_t exceeds_float32(vector_float32 a, vector_float32 b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}

INLINE uint32_t lower_by_exceeding(vector_float32 *least, vector_float32 a, vector_float32 limit)
{
    const __m256 exceeds = _mm256_cmp_ps(a, limit, _CMP_GT_OQ);
    *least = _mm256_blendv_ps(*least, _mm256_min_ps(a, *least), exceeds);
    return (uint32_t)_mm256_movemask_ps(exceeds);
}

INLINE uint32_t differs_float32(numbers_float32 a, numbers_float32 b)
{
    const __m256i is_equal = _mm256_cmpeq_epi32((__m256i)a, (__m256i)b);
    return 0xff ^ (uint32_t)_mm256_movemask_ps((__m256)is_equal);
}

INLINE vector_float64 maximum_float64(vector_float64 a, vector_float64 b)
{
    return _mm256_max_pd(a, b);
}

INLINE vector_float64 square_root_float64(vector_float64 a)
{
    return _mm256_sqrt_pd(a);
}

INLINE vector_float64 quick_root_float64(vector_float64 a)
{
    return square_root_float64(a);
}

INLINE double minimum_lane_float64(vector_float64 a)
{
    const __m128d half = _mm_min_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_min_sd(half, _mm_unpackhi_pd(half, half)));
}

INLINE uint32_t exceeds_float64(vector_float64 a, vector_float64 b)
{
    return (uint32_t)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_GT_OQ));
}

INLINE uint32_t differs_float64(numbers_float64 a, numbers_float64 b)
{
    const __m256i is_equal = _mm256_cmpeq_epi64((__m256i)a, (__m256i)b);
    return 0xf ^ (uint32_t)_mm256_movemask_pd((__m256d)is_equal);
}

INLINE numbers_float32 lesser_number(numbers_float32 a, numbers_float32 b)
{
    return (numbers_float32)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

INLINE numbers_float32 greater_number(numbers_float32 a, numbers_float32 b)
{
    return (numbers_float32)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

/* Products of whole numbers: of two pairs of 16 bits, and of four bytes, of which those of a are
 * larger by BYTE_BIAS and have no sign. */
INLINE numbers_float32 add_products_of_pairs(numbers_float32 sum, numbers_float32 a,
                                             numbers_float32 b)
{
#if defined __AVX512VNNI__
    return (numbers_float32)_mm256_dpwssd_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#elif defined __AVXVNNI__
    return (numbers_float32)_mm256_dpwssd_avx_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#else
    return sum + (numbers_float32)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}

INLINE numbers_float32 add_products_of_bytes(numbers_float32 sum, numbers_float32 a,
                                             numbers_float32 b)
{
#if defined __AVX512VNNI__
    return (numbers_float32)_mm256_dpbusd_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#elif defined __AVXVNNI__
    return (numbers_float32)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#else
    (void)a;
    (void)b;
    return sum; /* not used: HAS_BYTES is 0 */
#endif
}
