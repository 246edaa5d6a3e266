/* functions.h - elementary functions that give the same bits on every machine.
 *
 * Those of the C library differ in their last bits between its versions, and between processors
 * with and without fma. These consist of additions, multiplications, divisions and square roots of
 * doubles, each of which IEEE 754 rounds in one way only. They are meant for mock catalogues and
 * for positions on the sky: about 1e-15 right, for the arguments that are named here, and for no
 * others. */
#ifndef SKYMEANS_BASE_FUNCTIONS_H
#define SKYMEANS_BASE_FUNCTIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

double km_log(double x);   /* natural; x > 0 and not denormal */
double km_exp(double x);   /* |x| < 700 */
double km_cos(double x);   /* of x turns, cos(2 pi x); |x| < 2^31 */
double km_asin(double x);  /* in radians; |x| <= 1 */
double km_exp10(double x); /* 10^x; |x| < 300 */

/* c[0] + c[1] x + ... + c[n-1] x^(n-1) */
static inline double km_polynomial(const double *c, int n, double x)
{
    double sum = c[n - 1];
    for (int i = n - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* Sine and cosine of an angle of at most an eighth of a turn, by their Taylor series. */
static inline void km_sincos_small(double angle, double *sine, double *cosine)
{
    static const double of_cos[] = {1,
                                    -1.0 / 2,
                                    1.0 / 24,
                                    -1.0 / 720,
                                    1.0 / 40320,
                                    -1.0 / 3628800,
                                    1.0 / 479001600,
                                    -1.0 / 87178291200.0,
                                    1.0 / 20922789888000.0};
    static const double of_sin[] = {1,
                                    -1.0 / 6,
                                    1.0 / 120,
                                    -1.0 / 5040,
                                    1.0 / 362880,
                                    -1.0 / 39916800,
                                    1.0 / 6227020800,
                                    -1.0 / 1307674368000.0,
                                    1.0 / 355687428096000.0};
    const double z = angle * angle;
    *cosine = km_polynomial(of_cos, 9, z);
    *sine = angle * km_polynomial(of_sin, 9, z);
}

/* ---- positions on the sky -------------------------------------------------------------------- */

#define KM_DEGREES_PER_RADIAN 57.29577951308232

/* The nearest whole number, ties to even, of |x| < 2^51. */
static inline double km_nearest_whole(double x)
{
    return (x + 0x1.8p52) - 0x1.8p52;
}

/* Sine and cosine of an angle in degrees, at most some thousands. What is left of it beyond whole
 * quarters of a turn is exact, so that opposite positions are exactly opposite, 0 and 360 degrees
 * are the same, and the cosine of 90 degrees is 0. Without branches, for vectors. */
static inline void km_sincos_degrees(double degrees, double *sine, double *cosine)
{
    double s, c;
    const double quarters = km_nearest_whole(degrees * (1.0 / 90));
    km_sincos_small((degrees - 90 * quarters) * (1 / KM_DEGREES_PER_RADIAN), &s, &c);
    const double halves = km_nearest_whole(quarters / 2 - 0.25); /* rounded down */
    const double turns = km_nearest_whole(halves / 2 - 0.25);
    const double is_odd = quarters - 2 * halves, sign = 1 - 2 * (halves - 2 * turns);
    *sine = sign * (is_odd > 0 ? c : s);
    *cosine = sign * (is_odd > 0 ? -s : c);
}

/* The parts of the unit vector of a position. `unit` is 1 for degrees, KM_DEGREES_PER_RADIAN for
 * radians, of which the pole may lie a rounding to float32 too far. NaN where the right ascension
 * is not within -360 to 720 degrees, or the declination beyond a pole. */
typedef struct km_vector3 {
    double x, y, z;
} km_vector3;

static inline km_vector3 km_unit_vector(double ra, double dec, double unit)
{
    double sin_ra, cos_ra, sin_dec, cos_dec;
    const double a = ra * unit, limit = unit > 1 ? 90 + 3e-6 : 90;
    const double d = dec * unit > 90 ? 90 : dec * unit < -90 ? -90 : dec * unit;
    const double is_there = a >= -360 && a <= 720 && fabs(dec * unit) <= limit ? 1 : NAN;
    km_sincos_degrees(a, &sin_ra, &cos_ra);
    km_sincos_degrees(d, &sin_dec, &cos_dec);
    return (km_vector3){cos_dec * cos_ra * is_there, cos_dec * sin_ra * is_there,
                        sin_dec * is_there};
}

/* The angle of a point of the plane, not the origin, in degrees within -180 to 180. */
double km_angle_degrees(double y, double x);

/* 64 random bits as a real number: one of 2^52 that lie evenly in (-1/2, 1/2), without 0. */
static inline double km_centred(uint64_t random)
{
    const uint64_t bits = random >> 12 | UINT64_C(0x3ff) << 52; /* in [1, 2) */
    double value;
    memcpy(&value, &bits, sizeof value);
    return value - 1.5 + 0x1p-53;
}

/* The same as a number in (0, 1). */
static inline double km_uniform(uint64_t random)
{
    return km_centred(random) + 0.5;
}

/* Random bits as `count` deviates of the normal distribution with mean 0 and variance 1; none is
 * beyond 8.3. */
void km_normals(const uint64_t *random, int64_t count, double *normals);

#endif
