/* Places on the sky. Declinations come from their sine, which is uniform for an even sky. */
#include "mock/sky.h"

#include "base/functions.h"
#include "base/random.h"

#include <math.h>

/* The survey sees declinations of at most 70 degrees, north and south, so that right ascensions
 * need no care at the poles. */
static const double MAX_SIN_DEC = 0.9396926207859083;
static const double DEGREES = 57.29577951308232; /* of a radian */

/* The north pole of the Milky Way (Hipparcos catalogue, vol. 1, 1.5.3): right ascension in turns,
 * sine and cosine of the declination. */
static const double POLE_RA = 192.85948 / 360;
static const double POLE_SIN_DEC = 0.4559837761750669, POLE_COS_DEC = 0.8899880874176155;

/* Of the galaxies 35 % are in groups; a rich group is more likely. */
static const double SHARE_IN_GROUPS = 0.35;

static double sin_dec(uint64_t random)
{
    return 2 * MAX_SIN_DEC * km_centred(random);
}

km_sky_place km_sky_even(const uint64_t *random, int64_t stride)
{
    return (km_sky_place){360 * km_uniform(random[0]), DEGREES * km_asin(sin_dec(random[stride]))};
}

/* The sine of the distance from the plane. */
static double height(uint64_t random_ra, uint64_t random_dec)
{
    const double sine = sin_dec(random_dec);
    return sine * POLE_SIN_DEC +
           sqrt(1 - sine * sine) * POLE_COS_DEC * km_cos(km_uniform(random_ra) - POLE_RA);
}

/* Of three even places, the one that is nearest to the plane. */
km_sky_place km_sky_of_star(const uint64_t *random, int64_t stride)
{
    const uint64_t *best = random;
    double least = 2;
    for (int i = 0; i < KM_SKY_DRAWS; i += 2) {
        const uint64_t *next = random + i * stride;
        const double size = fabs(height(next[0], next[stride]));
        if (size < least) {
            least = size;
            best = next;
        }
    }
    return km_sky_even(best, stride);
}

void km_sky_make_groups(uint64_t seed, km_sky_group *groups)
{
    for (int64_t g = 0; g < KM_SKY_GROUPS; g++) {
        uint64_t random[3];
        for (int draw = 0; draw < 3; draw++)
            random[draw] = km_random(seed, km_stream(KM_RANDOM_MODEL, draw, 0), (uint64_t)g);
        const km_sky_place place = km_sky_even(random, 1);
        const double sine = sin_dec(random[1]);
        groups[g] = (km_sky_group){place.ra, place.dec, 0.1 + 0.4 * km_uniform(random[2]),
                                   sqrt(1 - sine * sine)};
    }
}

km_sky_place km_sky_of_galaxy(const km_sky_group *groups, const uint64_t *random, int64_t stride)
{
    const double choice = km_uniform(random[2 * stride]);
    if (choice >= SHARE_IN_GROUPS)
        return km_sky_even(random, stride);
    const uint64_t bits[2] = {random[0], random[stride]};
    double away[2];
    km_normals(bits, 2, away);
    const double rank = choice / SHARE_IN_GROUPS; /* its square prefers the first groups */
    const km_sky_group *group = &groups[(int)(KM_SKY_GROUPS * rank * rank)];
    const double ra = group->ra + group->size * away[0] / group->cos_dec;
    return (km_sky_place){ra < 0      ? ra + 360
                          : ra >= 360 ? ra - 360
                                      : ra,
                          group->dec + group->size * away[1]};
}
