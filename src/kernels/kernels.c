/* The table of kernels and the choice among them. */
#include "variants.h"

#if defined __x86_64__
#include <cpuid.h>
#endif
#include <string.h>

static bool always(void)
{
    return true;
}

#if defined __x86_64__
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

/* All that has AVX-512 but AMD's family 19h, Zen 4, which takes 512 bits in two steps. */
static bool has_wide_units(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return true;
    return (a >> 8 & 0xf) + (a >> 20 & 0xff) != 0x19;
}
#endif

const km_kernel km_kernels[] = {
    {"reference",
     always,
     always,
     {km_nearest_reference_float32, km_nearest_reference_float64},
     {km_measure_reference_float32, km_measure_reference_float64},
     {km_approach_reference_float32, km_approach_reference_float64},
     {km_filter_reference_float32, km_filter_reference_float64},
     {km_nearest_listed_reference_float32, km_nearest_listed_reference_float64},
     {km_nearest_gaps_reference_float32, km_nearest_gaps_reference_float64},
     km_used_up_reference,
     {km_moments_reference_float32, km_moments_reference_float64}},
#if defined __x86_64__
    {"avx2",
     has_avx2,
     always,
     {km_nearest_avx2_float32, km_nearest_avx2_float64},
     {km_measure_avx2_float32, km_measure_avx2_float64},
     {km_approach_avx2_float32, km_approach_avx2_float64},
     {km_filter_avx2_float32, km_filter_avx2_float64},
     {km_nearest_listed_avx2_float32, km_nearest_listed_avx2_float64},
     {km_nearest_gaps_avx2_float32, km_nearest_gaps_avx2_float64},
     km_used_up_avx2,
     {km_moments_avx2_float32, km_moments_avx2_float64}},
    {"avx512vl",
     has_avx512,
     always,
     {km_nearest_avx512vl_float32, km_nearest_avx512vl_float64},
     {km_measure_avx512vl_float32, km_measure_avx512vl_float64},
     {km_approach_avx512vl_float32, km_approach_avx512vl_float64},
     {km_filter_avx512vl_float32, km_filter_avx512vl_float64},
     {km_nearest_listed_avx512vl_float32, km_nearest_listed_avx512vl_float64},
     {km_nearest_gaps_avx512vl_float32, km_nearest_gaps_avx512vl_float64},
     km_used_up_avx512vl,
     {km_moments_avx512vl_float32, km_moments_avx512vl_float64}},
    {"avx512",
     has_avx512,
     has_wide_units,
     {km_nearest_avx512_float32, km_nearest_avx512_float64},
     {km_measure_avx512_float32, km_measure_avx512_float64},
     {km_approach_avx512_float32, km_approach_avx512_float64},
     {km_filter_avx512_float32, km_filter_avx512_float64},
     {km_nearest_listed_avx512_float32, km_nearest_listed_avx512_float64},
     {km_nearest_gaps_avx512_float32, km_nearest_gaps_avx512_float64},
     km_used_up_avx512,
     {km_moments_avx512_float32, km_moments_avx512_float64}},
#elif defined __aarch64__
    {"neon",
     always,
     always,
     {km_nearest_neon_float32, km_nearest_neon_float64},
     {km_measure_neon_float32, km_measure_neon_float64},
     {km_approach_neon_float32, km_approach_neon_float64},
     {km_filter_neon_float32, km_filter_neon_float64},
     {km_nearest_listed_neon_float32, km_nearest_listed_neon_float64},
     {km_nearest_gaps_neon_float32, km_nearest_gaps_neon_float64},
     km_used_up_neon,
     {km_moments_neon_float32, km_moments_neon_float64}},
#endif
    {.name = NULL},
};

uint64_t km_kernels_available(const char *name)
{
    const bool is_auto = strcmp(name, "auto") == 0;
    uint64_t available = 0;
    for (int i = 0; km_kernels[i].name != NULL; i++)
        if (km_kernels[i].is_available() && (!is_auto || km_kernels[i].is_fast()))
            available |= (uint64_t)1 << i;
    return available;
}

const km_kernel *km_kernel_choose(const char *name, uint64_t available)
{
    const km_kernel *chosen = NULL; /* the last that fits: the table goes from plain to fast */
    for (int i = 0; km_kernels[i].name != NULL; i++)
        if ((available >> i & 1) != 0 &&
            (strcmp(name, "auto") == 0 || strcmp(name, km_kernels[i].name) == 0))
            chosen = &km_kernels[i];
    return chosen;
}
