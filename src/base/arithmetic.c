/* Powers of two. */
#include "base/arithmetic.h"

#include <math.h>
#include <string.h>

km_power km_power_of_two(int exponent)
{
    return (km_power){ldexp(1, exponent / 2), ldexp(1, exponent - exponent / 2)};
}

int km_exponent_above(double value)
{
    int exponent = 0;
    frexp(value, &exponent);
    return exponent;
}

static const uint64_t SIGN = (uint64_t)1 << 63;

/* The bits of a positive number are in the order of numbers, those of a negative one the other way
 * round. */
uint64_t km_key_of_double(double value)
{
    uint64_t bits;
    value += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &value, sizeof bits);
    return (bits & SIGN) != 0 ? ~bits : bits | SIGN;
}

double km_double_of_key(uint64_t key)
{
    const uint64_t bits = (key & SIGN) != 0 ? key & ~SIGN : ~key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
