/* Totals of clusters: counts and sums of features, all integers, in one buffer. */
#include "base/error.h"
#include "base/memory.h"
#include "sums/sums.h"

#include <stdlib.h>

km_code km_totals_create(km_totals *totals, int64_t n_clusters, int64_t n_features, int n_words,
                         bool has_weights, km_error *error)
{
    const int64_t n_sums = n_clusters * n_features * n_words;
    const int64_t n_counts = n_clusters * (has_weights ? 2 : 1);
    *totals = (km_totals){.n_clusters = n_clusters,
                          .n_features = n_features,
                          .n_words = n_words,
                          .length = n_sums + n_counts + KM_N_EXTRAS};
    totals->words =
        km_allocate_zeroed(totals->length, sizeof(int64_t), "sums of the clusters", error);
    if (totals->words == NULL)
        return error->code;
    totals->counts = totals->words + n_sums;
    totals->weights = totals->counts + n_counts - n_clusters;
    totals->extras = totals->counts + n_counts;
    return KM_OK;
}

void km_totals_free(km_totals *totals)
{
    free(totals->words);
    *totals = (km_totals){0};
}

void km_totals_carry(km_totals *totals)
{
    totals->n_pending = 0;
    if (totals->n_words == 1)
        return;
    const int64_t d = totals->n_features;
    for (int64_t c = 0; c < totals->n_clusters; c++)
        for (int64_t j = 0; j < d; j++) {
            int64_t *high = totals->words + 2 * c * d + j, *low = high + d;
            const km_exact sum = km_carry((km_exact){*high, *low});
            *high = sum.high;
            *low = sum.low;
        }
}
