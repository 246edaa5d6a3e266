/* Template: hashes of samples that are REAL, a feature at a time; see template.h. The compiler
 * makes vectors of it: there is nothing but integers here once values are doubles. */

#include "base/hash.h"
#include "base/partition.h"

static void KERNEL(fold_values, PRECISION)(const void *values, uint64_t *hashes)
{
    for (int l = 0; l < KM_BLOCK; l++)
        hashes[l] = km_hash_double(hashes[l], (double)((const REAL *)values)[l]);
}
