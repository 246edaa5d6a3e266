/* sky.h - where the objects of a mock survey are: stars denser towards the plane of the Milky Way,
 * some galaxies in groups, all else evenly. */
#ifndef SKYMEANS_MOCK_SKY_H
#define SKYMEANS_MOCK_SKY_H

#include <stdint.h>

enum { KM_SKY_GROUPS = 2000, KM_SKY_DRAWS = 6 };

/* A group of galaxies; angles in degrees. */
typedef struct km_sky_group {
    double ra, dec, size; /* size: the standard deviation of its members in each direction */
    double cos_dec;
} km_sky_group;

/* A place in degrees: 0 <= ra < 360, and declinations that the survey sees. */
typedef struct km_sky_place {
    double ra, dec;
} km_sky_place;

void km_sky_make_groups(uint64_t seed, km_sky_group *groups);

/* Places from random numbers, KM_SKY_DRAWS of them with a stride. */
km_sky_place km_sky_even(const uint64_t *random, int64_t stride);
km_sky_place km_sky_of_star(const uint64_t *random, int64_t stride);
km_sky_place km_sky_of_galaxy(const km_sky_group *groups, const uint64_t *random, int64_t stride);

#endif
