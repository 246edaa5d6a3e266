/* A screen of the centers, see km_screen, for methods that compare with many of them. */
#ifndef SKYMEANS_ASSIGN_SCREEN_H
#define SKYMEANS_ASSIGN_SCREEN_H

#include "base/error.h"
#include "base/precision.h"
#include "kernels/kernels.h"
#include "samples/shape.h"

/* A screen that owns its arrays. */
typedef struct km_owned_screen {
    km_screen screen;
    int64_t n_clusters, n_features;
    bool has_origin;
    float *origin, *squares, *residuals, *scales;
    int32_t *words, *sums;
    void *centers; /* in blocks; NULL with bytes */
    double *sizes; /* [2][k], scales that would fit each center; and sorted */
    /* Of a screen on axes: */
    int64_t most_axes;
    double share;        /* of the variance of centers that they hold */
    float *all_axes;     /* [most_axes][d] */
    float *axes;         /* [d][n_axes], the first of them */
    double *coordinates; /* [k][n_axes], of the centers */
    double *norms;       /* [k], of centers from the origin */
} km_owned_screen;

/* May samples of so many features be screened? Fewer are faster without. */
bool km_screen_is_available(int64_t n_features);

/* Does that pay with this kernel? */
bool km_screen_pays(const km_kernel *kernel, int64_t n_features);

/* KM_MEMORY if it can't be had; to be freed in any case. */
km_code km_screen_create(km_owned_screen *owned, const km_kernel *kernel, int64_t k, int64_t d,
                         km_error *error);
void km_screen_free(km_owned_screen *owned);

/* A screen of coordinates on leading axes of the centers [k][d]. KM_MEMORY if it can't be had, or
 * if there are no axes. To be freed in any case. On all threads. */
km_code km_screen_create_on_axes(km_owned_screen *owned, km_precision precision,
                                 const void *centers, int64_t k, int64_t d, km_error *error);

/* Uses the first n_axes of them, from the next km_screen_set on. */
void km_screen_use_axes(km_owned_screen *owned, int64_t n_axes);

/* Makes the whole numbers of the centers [k][d] in working precision, on all threads. */
void km_screen_set(km_owned_screen *owned, km_precision precision, const void *centers);

/* Bytes per rank of the screen, and of one on axes. */
double km_screen_bytes(const km_shape *shape);
double km_screen_on_axes_bytes(const km_shape *shape);

#endif
