/* Spherical k-means: the center that is nearest to samples on a sphere, by the sum of squared
 * chords, is their mean direction (Hornik, Feinerer, Kober & Buchta 2012,
 * doi:10.18637/jss.v050.i10).
 */
#include "samples/transform.h"

#include <math.h>
#include <string.h>

/* Means this near to the origin, in units of the radius, are roundings of samples that cancel. */
static const double NO_DIRECTION = 1e-12;

/* The square of a unit vector's length differs from 1 by no more, even if its parts are decimals of
 * six digits. */
static const double UNIT_TOLERANCE = 1e-5;

int64_t km_sphere_find_stray(const km_samples *samples, MPI_Comm comm)
{
    int64_t stray = INT64_MIN; /* the negative of the row */
#pragma omp parallel for reduction(max : stray)
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        double squares[KM_BLOCK] = {0}, values[KM_BLOCK];
        for (int j = 0; j < KM_SPHERE_FEATURES; j++) {
            km_samples_load(samples, b, j, values);
            for (int l = 0; l < KM_BLOCK; l++)
                squares[l] += values[l] * values[l];
        }
        for (int l = km_samples_lanes(samples, b) - 1; l >= 0; l--)
            if (!(fabs(squares[l] - 1) <= UNIT_TOLERANCE)) {
                const int64_t row = km_samples_row(samples, b * KM_BLOCK + l);
                stray = -row > stray ? -row : stray;
            }
    }
    km_max_int64(comm, &stray, 1);
    return stray == INT64_MIN ? -1 : -stray;
}

void km_sphere_project(double *center, const double *before, double radius)
{
    const double length =
        sqrt(center[0] * center[0] + center[1] * center[1] + center[2] * center[2]);
    if (length < NO_DIRECTION * radius) {
        memcpy(center, before, KM_SPHERE_FEATURES * sizeof *center);
        return;
    }
    for (int j = 0; j < KM_SPHERE_FEATURES; j++)
        center[j] = center[j] / length * radius;
}
