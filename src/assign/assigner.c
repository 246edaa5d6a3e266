/* What all methods share: labels, and totals that follow them. */
#include "methods.h"
#include "skymeans/assign.h"

#include <stdlib.h>
#include <string.h>

const km_method km_methods[] = {
    {"lloyd", NULL, km_assign_lloyd, NULL},
    {NULL, NULL, NULL, NULL},
};

km_code km_assigner_create(km_assigner *assigner, const km_method *method, const km_kernel *kernel,
                           const km_samples *samples, const km_grid *grids, int64_t k,
                           km_error *error)
{
    *assigner = (km_assigner){.samples = samples, .kernel = kernel, .grids = grids};
    assigner->labels = km_allocate(samples->n_samples, sizeof *assigner->labels, "labels", error);
    if (assigner->labels != NULL) {
        memset(assigner->labels, 0xff, (size_t)samples->n_samples * sizeof *assigner->labels);
        km_totals_create(&assigner->totals, k, samples->n_features, grids[0].n_words, error);
    }
    if (error->code == KM_OK && method->create != NULL)
        method->create(assigner, error);
    if (error->code != KM_OK)
        km_assigner_free(assigner, method);
    return error->code;
}

void km_assigner_free(km_assigner *assigner, const km_method *method)
{
    if (assigner->state != NULL && method->free != NULL)
        method->free(assigner);
    free(assigner->labels);
    km_totals_free(&assigner->totals);
    *assigner = (km_assigner){0};
}

static uint64_t find_changed(const int32_t *old, const int32_t *new, int lanes)
{
    uint64_t changed = 0;
    for (int l = 0; l < lanes; l++)
        changed |= (uint64_t)(old[l] != new[l]) << l;
    return changed;
}

/* Moves the changed samples of a block between clusters, feature by feature; -1 is no cluster. */
static void move_changed(km_assigner *assigner, int64_t block, uint64_t changed, const int32_t *old,
                         const int32_t *new)
{
    const km_samples *samples = assigner->samples;
    km_totals *totals = &assigner->totals;
    for (int64_t j = 0; j < samples->n_features; j++) {
        double values[KM_BLOCK];
        int64_t words[2 * KM_BLOCK];
        km_samples_load(samples, block, j, values);
        km_quantise_block(&assigner->grids[j], values, words);
        for (uint64_t left = changed; left != 0; left &= left - 1) {
            const int l = __builtin_ctzll(left);
            const km_exact point = totals->n_words == 1 ? (km_exact){0, words[l]}
                                                        : (km_exact){words[l], words[KM_BLOCK + l]};
            if (old[l] >= 0)
                km_totals_add(totals, old[l], j, point, -1);
            km_totals_add(totals, new[l], j, point, +1);
        }
    }
}

/* Low words must be carried once in a while. */
static void note_additions(km_totals *totals)
{
    totals->n_pending += KM_BLOCK;
    if (totals->n_pending >= KM_CARRY_AFTER)
        km_totals_carry(totals);
}

km_code km_assigner_change_grids(km_assigner *assigner, const km_grid *grids, km_error *error)
{
    const km_samples *samples = assigner->samples;
    km_totals *totals = &assigner->totals, old = *totals;
    if (km_totals_create(totals, old.n_clusters, old.n_features, grids[0].n_words, error) !=
        KM_OK) {
        *totals = old;
        return error->code;
    }
    memcpy(totals->counts, old.counts, (size_t)old.n_clusters * sizeof *old.counts);
    memcpy(totals->extras, old.extras, KM_N_EXTRAS * sizeof *old.extras);
    km_totals_free(&old);
    assigner->grids = grids;
    int32_t none[KM_BLOCK];
    memset(none, 0xff, sizeof none);
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        const int32_t *labels = assigner->labels + b * KM_BLOCK;
        const uint64_t all = UINT64_MAX >> (KM_BLOCK - km_samples_lanes(samples, b));
        move_changed(assigner, b, all, none, labels);
        note_additions(totals);
    }
    km_totals_carry(totals);
    return KM_OK;
}

void km_assigner_relabel(km_assigner *assigner, int64_t block, const int32_t *labels)
{
    const int lanes = km_samples_lanes(assigner->samples, block);
    int32_t *old = assigner->labels + block * KM_BLOCK;
    const uint64_t changed = find_changed(old, labels, lanes);
    if (changed == 0)
        return;
    move_changed(assigner, block, changed, old, labels);
    km_totals *totals = &assigner->totals;
    for (uint64_t left = changed; left != 0; left &= left - 1) {
        const int l = __builtin_ctzll(left);
        if (old[l] >= 0)
            totals->counts[old[l]]--;
        totals->counts[labels[l]]++;
        old[l] = labels[l];
        totals->extras[KM_EXTRA_RELABELED]++;
    }
    note_additions(totals);
}
