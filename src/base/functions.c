/* Elementary functions of plain arithmetic, and normal deviates by inverting their distribution
 * (Wichura 1988, algorithm AS 241, doi:10.2307/2347330). */
#include "base/functions.h"

#include <math.h>
#include <stdbool.h>

/* The natural logarithm of 2 in two parts; products of the first with small integers are exact. */
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_LOW  0x1.ef35793c7673p-45

/* With x = 2^e m and s = (m - 1) / (m + 1): ln m = 2 (s + s^3/3 + s^5/5 + ...). */
double km_log(double x)
{
    static const double series[] = {1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                    1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
    int e;
    double m = frexp(x, &e); /* in [1/2, 1) */
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2;
        e--;
    }
    const double s = (m - 1) / (m + 1), z = s * s;
    return e * LN2_HIGH + (2 * s + (2 * s * z * km_polynomial(series, 10, z) + e * LN2_LOW));
}

/* e^x = 2^n e^r with |r| <= ln 2 / 2, by the Taylor series of e^r. */
double km_exp(double x)
{
    static const double series[] = {1,
                                    1,
                                    1.0 / 2,
                                    1.0 / 6,
                                    1.0 / 24,
                                    1.0 / 120,
                                    1.0 / 720,
                                    1.0 / 5040,
                                    1.0 / 40320,
                                    1.0 / 362880,
                                    1.0 / 3628800,
                                    1.0 / 39916800,
                                    1.0 / 479001600,
                                    1.0 / 6227020800};
    const double n = floor(x * 0x1.71547652b82fep+0 + 0.5);
    const double r = (x - n * LN2_HIGH) - n * LN2_LOW;
    return ldexp(km_polynomial(series, 14, r), (int)n);
}

double km_exp10(double x)
{
    return km_exp(x * 0x1.26bb1bbb55516p+1); /* ln 10 */
}

/* A turn is cut to an angle of at most 1/8 of a turn. */
double km_cos(double x)
{
    double sine, cosine;
    const double quarters = floor(4 * x + 0.5), angle = (x - quarters / 4) * 0x1.921fb54442d18p+2;
    const int quarter = (int)(quarters - 4 * floor(quarters / 4));
    km_sincos_small(angle, &sine, &cosine);
    return quarter == 0 ? cosine : quarter == 1 ? -sine : quarter == 2 ? -cosine : sine;
}

/* The rational approximation of fdlibm (Sun Microsystems 1993). */
static double asin_of_small(double x)
{
    static const double above[] = {1.66666666666666657415e-01, -3.25565818622400915405e-01,
                                   2.01212532134862925881e-01, -4.00555345006794114027e-02,
                                   7.91534994289814532176e-04, 3.47933107596021167570e-05};
    static const double below[] = {1, -2.40339491173441421878e+00, 2.02094576023350569471e+00,
                                   -6.88283971605453293030e-01, 7.70381505559019352791e-02};
    const double z = x * x;
    return x + x * (z * km_polynomial(above, 6, z) / km_polynomial(below, 5, z));
}

double km_asin(double x)
{
    const double size = fabs(x);
    if (size < 0.5)
        return asin_of_small(x);
    const double angle = 0x1.921fb54442d18p+0 - 2 * asin_of_small(sqrt((1 - size) / 2));
    return x < 0 ? -angle : angle;
}

/* By the arcsine of the smaller part, which is accurate there. */
double km_angle_degrees(double y, double x)
{
    const double length = sqrt(x * x + y * y);
    const bool is_steep = fabs(y) > fabs(x);
    const double part = KM_DEGREES_PER_RADIAN * km_asin((is_steep ? fabs(x) : fabs(y)) / length);
    const double acute = is_steep ? 90 - part : part;
    const double upper = x < 0 ? 180 - acute : acute;
    return y < 0 ? -upper : upper;
}

/* ---- normal deviates ------------------------------------------------------------------------- */

/* The argument is centred: the probability below the deviate, less 1/2. Each part of the range has
 * a quotient of polynomials. */
enum { N_COEFFICIENTS = 8 };
typedef struct quotient {
    double above[N_COEFFICIENTS], below[N_COEFFICIENTS];
} quotient;

static const quotient near_middle = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
     1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
     3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
     2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
     5.2264952788528545610e+3}};

static const quotient outside = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9}};

static const quotient far_outside = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15}};

static const double MIDDLE = 0.425;

static inline double divide(const quotient *q, double x)
{
    return km_polynomial(q->above, N_COEFFICIENTS, x) / km_polynomial(q->below, N_COEFFICIENTS, x);
}

static double normal_in_tail(double centred)
{
    const double r = sqrt(-km_log(0.5 - fabs(centred)));
    const double size = r <= 5 ? divide(&outside, r - 1.6) : divide(&far_outside, r - 5);
    return centred < 0 ? -size : size;
}

/* The first loop has no branches, so that compilers vectorise it; its values in the tails, 15 % of
 * all, are replaced by the second. */
void km_normals(const uint64_t *random, int64_t count, double *normals)
{
    for (int64_t i = 0; i < count; i++) {
        const double centred = km_centred(random[i]);
        normals[i] = centred * divide(&near_middle, MIDDLE * MIDDLE - centred * centred);
    }
    for (int64_t i = 0; i < count; i++) {
        const double centred = km_centred(random[i]);
        if (fabs(centred) > MIDDLE)
            normals[i] = normal_in_tail(centred);
    }
}
