/* The table of kernels and the choice among them. */
#include "variants.h"

#if defined __x86_64__
#include <cpuid.h>
#endif
#include <string.h>

bool km_is_any_processor(void)
{
    return true;
}

#if defined __x86_64__
bool km_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* The builtin of older compilers does not know it: bit 4 of EAX, leaf 7, part 1. */
bool km_has_avxvnni(void)
{
    unsigned a, b, c, d;
    return km_has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1) != 0;
}

bool km_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

bool km_has_avx512vnni(void)
{
    return km_has_avx512() && __builtin_cpu_supports("avx512vnni");
}

/* All that has AVX-512 but AMD's family 19h, Zen 4, which takes 512 bits in two steps. */
bool km_has_wide_avx512(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return true;
    return (a >> 8 & 0xf) + (a >> 20 & 0xff) != 0x19;
}
#endif

const km_kernel *const km_kernels[] = {
    &km_kernel_reference,
#if defined __x86_64__
    &km_kernel_avx2,
    &km_kernel_avxvnni,
    &km_kernel_avx512vl,
    &km_kernel_avx512,
    &km_kernel_avx512vnni,
#elif defined __aarch64__
    &km_kernel_neon,
#endif
    NULL,
};

static uint64_t find_available(bool is_auto)
{
    uint64_t available = 0;
    for (int i = 0; km_kernels[i] != NULL; i++)
        if (km_kernels[i]->is_available() && (!is_auto || km_kernels[i]->is_fast()))
            available |= (uint64_t)1 << i;
    return available;
}

/* Found once: to ask the processor takes some 8 microseconds in a virtual machine, each time. */
uint64_t km_kernels_available(const char *name)
{
    static _Atomic uint64_t found[2]; /* 0: not yet; there is always one */
    const bool is_auto = strcmp(name, "auto") == 0;
    if (found[is_auto] == 0)
        found[is_auto] = find_available(is_auto);
    return found[is_auto];
}

const km_kernel *km_kernel_choose(const char *name, uint64_t available)
{
    const km_kernel *chosen = NULL; /* the last that fits: the table goes from plain to fast */
    for (int i = 0; km_kernels[i] != NULL; i++)
        if ((available >> i & 1) != 0 &&
            (strcmp(name, "auto") == 0 || strcmp(name, km_kernels[i]->name) == 0))
            chosen = km_kernels[i];
    return chosen;
}
