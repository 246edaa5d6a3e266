/* Spherical k-means: the center that is nearest to samples on a sphere, by the sum of squared
 * chords, is their mean direction (Hornik, Feinerer, Kober & Buchta 2012,
 * doi:10.18637/jss.v050.i10).
 */
#include "samples/samples.h"

#include <math.h>
#include <string.h>

/* Means this near to the origin, in units of the radius, are roundings of samples that cancel. */
static const double NO_DIRECTION = 1e-12;

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
