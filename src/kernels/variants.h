/* What the files of the kernels share: their rows of the table, what these ask of the processor,
 * and how functions are named. */
#ifndef SKYMEANS_KERNELS_VARIANTS_H
#define SKYMEANS_KERNELS_VARIANTS_H

#include "kernels/kernels.h"
#include "kernels/names.h"

extern const km_kernel km_kernel_avx2, km_kernel_avxvnni, km_kernel_avx512vl, km_kernel_avx512,
    km_kernel_avx512vnni, km_kernel_neon;

/* Is this processor such a one? These are compiled for any processor, rows for one that has their
 * instructions. */
bool km_is_any_processor(void);
bool km_has_avx2(void);
bool km_has_avxvnni(void);
bool km_has_avx512(void);
bool km_has_avx512vnni(void);
bool km_has_wide_avx512(void);

#define KERNEL(job, precision) JOIN(job, JOIN(INSTRUCTIONS, precision)) /* nearest_avx2_float32 */

#endif
