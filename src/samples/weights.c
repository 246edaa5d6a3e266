/* Weights become whole numbers W of a unit that is a power of two: 1 where all weights are whole,
 * else so fine that their sum takes 52 bits. After that everything is integer arithmetic, and a
 * weight of 2 is the same as the sample twice. */
#include "base/arithmetic.h"
#include "base/error.h"
#include "samples/samples.h"

#include <math.h>

enum {
    SUM_BITS = 53,            /* of the sum of all W, so that it is exact as a double, too */
    SMALLEST_EXPONENT = -1074 /* of a double: every weight is a multiple of it */
};

/* What all ranks know about the weights. */
struct weights {
    double largest;
    bool are_whole;
};

static struct weights find_weight_facts(const km_samples *samples, MPI_Comm comm)
{
    double maximum[2] = {0, 0}; /* largest weight; is any not whole? */
    for (int64_t i = 0; i < samples->n_samples; i++) {
        const double weight = samples->weights[i];
        maximum[0] = fmax(maximum[0], weight);
        maximum[1] = weight == floor(weight) ? maximum[1] : 1;
    }
    km_max_double(comm, maximum, 2);
    return (struct weights){.largest = maximum[0], .are_whole = maximum[1] == 0};
}

/* The exact sum of the weights, each rounded to units that are so fine that it is below 2^53. */
static km_int128 sum_in_units(const km_samples *samples, km_power inverse_unit, MPI_Comm comm)
{
    km_exact sum = {0, 0};
    for (int64_t i = 0; i < samples->n_samples; i++) {
        sum.low += lrint(samples->weights[i] * inverse_unit.a * inverse_unit.b);
        sum = km_carry(sum);
    }
    int64_t words[2] = {sum.high, sum.low};
    km_sum_int64(comm, words, 2);
    return (km_int128)words[0] * ((km_int128)1 << 40) + words[1];
}

/* The exponent of the unit. */
static int choose_unit(const km_samples *samples, struct weights facts, MPI_Comm comm)
{
    const bool are_counts = facts.are_whole && facts.largest <= ldexp(1, SUM_BITS);
    int finest = are_counts ? 0 : km_exponent_above(facts.largest) - SUM_BITS;
    if (finest < SMALLEST_EXPONENT)
        finest = SMALLEST_EXPONENT;
    const km_int128 sum = sum_in_units(samples, km_power_of_two(-finest), comm);
    if (sum <= (km_int128)1 << SUM_BITS)
        return finest;
    /* a bit less, since each rounds up or down */
    return finest + km_exponent_above((double)sum) - (SUM_BITS - 1);
}

km_code km_weights_settle(km_samples *samples, MPI_Comm comm, km_error *error)
{
    const struct weights facts = find_weight_facts(samples, comm);
    if (facts.largest == 0)
        return km_fail(error, KM_DATA, "they are 0 in all rows without missing values");
    const int exponent = choose_unit(samples, facts, comm);
    const km_power inverse = km_power_of_two(-exponent);
    samples->weight_unit = ldexp(1, exponent);
    for (int64_t i = 0; i < samples->n_samples; i++)
        samples->weights[i] = rint(samples->weights[i] * inverse.a * inverse.b);
    return KM_OK;
}
