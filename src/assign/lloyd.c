/* The plain method: every sample against every center (Lloyd 1982, doi:10.1109/TIT.1982.1056489).
 * It is the reference with which every faster method is compared. */
#include "base/large.h"
#include "base/partition.h"
#include "methods.h"
#include "windows.h"

enum { BLOCKS_AT_ONCE = 16 };

static void label_block_plainly(km_assigner *assigner, const void *centers, int64_t block)
{
    const km_samples *samples = assigner->samples;
    int32_t labels[KM_BLOCK];
    km_distances distances2;
    assigner->kernel->nearest[samples->precision](km_samples_block(samples, block), centers,
                                                  samples->n_features, assigner->n_clusters, labels,
                                                  &distances2);
    km_assigner_relabel(assigner, block, labels);
}

static void label_window(km_window *w, const void *centers)
{
    for (int64_t b = w->first; b < w->first + w->count; b++)
        label_block_plainly(&w->assigner, centers, b);
}

void km_assign_lloyd(km_assigner *assigner, const void *centers)
{
    const km_samples *samples = assigner->samples;
    if (km_windows_pay(assigner)) {
        km_windows_pass(assigner, &(km_window_pass){.has_labels = true, .work = label_window},
                        centers);
    } else {
        /* Small chunks, since cores that are shared with other programs are not equally fast. */
#pragma omp parallel for schedule(dynamic, BLOCKS_AT_ONCE)
        for (int64_t b = 0; b < samples->n_blocks; b++) {
            km_samples_pass(samples, b);
            km_pass_large(assigner->labels, b, samples->n_blocks,
                          KM_BLOCK * sizeof *assigner->labels);
            label_block_plainly(assigner, centers, b);
        }
    }
    assigner->done.distances += samples->n_samples * assigner->n_clusters;
    assigner->done.bytes += samples->n_blocks * km_block_bytes(samples);
}

/* Measured: to put few samples in order takes longer than few clusters then save. */
double km_lloyd_cost(const km_shape *shape)
{
    enum { FEW = 3 << 16, MOST_FEATURES = 8 };
    const double n = (double)shape->n_samples, k = (double)shape->n_clusters;
    return n * k < FEW * km_smaller((double)shape->n_features, MOST_FEATURES) ? 0 : k;
}
