/* Numbers of all types and conventions, against the same one by one in long doubles. Ranks: 1, 3.
 */
#include "mock.h"
#include "mpi_check.h"

#include "base/precision.h"
#include "base/random.h"
#include "catalogue/unpack.h"

#include <math.h>
#include <string.h>

enum { N = 1000, MOST_STRIDE = 24 };

static const km_h5_number numbers[] = {
    {KM_H5_INT, 1, false},   {KM_H5_INT, 2, false},  {KM_H5_INT, 4, false},
    {KM_H5_INT, 8, false},   {KM_H5_UINT, 1, false}, {KM_H5_UINT, 2, false},
    {KM_H5_UINT, 4, false},  {KM_H5_UINT, 8, false}, {KM_H5_INT, 2, true},
    {KM_H5_INT, 4, true},    {KM_H5_INT, 8, true},   {KM_H5_UINT, 2, true},
    {KM_H5_UINT, 4, true},   {KM_H5_UINT, 8, true},  {KM_H5_FLOAT, 4, false},
    {KM_H5_FLOAT, 8, false}, {KM_H5_FLOAT, 4, true}, {KM_H5_FLOAT, 8, true},
};
enum { N_NUMBERS = sizeof numbers / sizeof *numbers };

/* The bytes of a number in the byte order of this machine. */
static void load(const km_h5_number *number, const char *from, char *bytes)
{
    for (int b = 0; b < number->size; b++)
        bytes[b] = from[number->is_swapped ? number->size - 1 - b : b];
}

static long double value_of(const km_h5_number *number, bool is_unsigned, const char *from)
{
    char bytes[8] = {0};
    float narrow;
    double wide;
    uint64_t bits = 0;
    load(number, from, bytes);
    memcpy(&narrow, bytes, sizeof narrow);
    memcpy(&wide, bytes, sizeof wide);
    memcpy(&bits, bytes, sizeof bits);
    if (number->kind == KM_H5_FLOAT)
        return number->size == 4 ? (long double)narrow : wide;
    const bool is_negative =
        number->kind == KM_H5_INT && !is_unsigned && (bits >> (8 * number->size - 1) & 1) != 0;
    return is_negative ? (long double)bits - ldexpl(1, 8 * number->size) : (long double)bits;
}

static long double in_type(const km_h5_number *number, long double x)
{
    return number->kind == KM_H5_FLOAT && number->size == 4 ? (long double)(float)x : x;
}

/* What the convention makes of a number; NaN if it is missing. */
static double expect(const km_h5_number *number, const km_convention *c, km_precision precision,
                     const char *from)
{
    const long double x = value_of(number, c->is_unsigned, from);
    bool is_missing = (c->has_lowest && x < in_type(number, c->lowest)) ||
                      (c->has_highest && x > in_type(number, c->highest));
    for (int64_t m = 0; m < c->n_missing; m++)
        is_missing = is_missing || x == in_type(number, c->missing[m]);
    if (is_missing)
        return NAN;
    if (c->is_biased)
        return precision == KM_FLOAT64 ? (double)(x + c->offset) : (float)(x + c->offset);
    const double value = c->is_packed ? (double)x * c->factor + c->offset : (double)x;
    if (precision == KM_FLOAT64)
        return value;
    return c->is_packed ? (double)(float)value : (double)(float)x;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? 0 : bits;
}

/* Bytes of all kinds: small numbers, extremes, anything. */
static void fill(char *bytes, uint64_t seed)
{
    for (int64_t i = 0; i < N * MOST_STRIDE; i++)
        bytes[i] = (char)km_random(seed, 1, (uint64_t)i);
    for (int64_t i = 0; i < N * MOST_STRIDE; i += 3)
        bytes[i] = i % 2 == 0 ? 0 : -1;
}

static void check(const km_h5_number *stored, const km_convention *convention, const char *bytes,
                  int64_t stride)
{
    for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++) {
        km_h5_number number = *stored;
        const km_codes codes = km_codes_prepare(convention, &number);
        double doubles[N];
        float floats[N];
        void *values = precision == KM_FLOAT32 ? (void *)floats : doubles;
        km_unpack(&number, &codes, bytes, stride, N, precision, values);
        for (int64_t i = 0; i < N; i++) {
            const double found = precision == KM_FLOAT32 ? (double)floats[i] : doubles[i];
            const double expected = expect(stored, convention, precision, bytes + i * stride);
            ck_assert_msg(bits_of(found) == bits_of(expected),
                          "kind %d of %d bytes%s, row %d: %.17g, not %.17g", stored->kind,
                          stored->size, stored->is_swapped ? " swapped" : "", (int)i, found,
                          expected);
        }
    }
}

/* Codes that occur, that are no number of the type, and at its ends. */
static void make_convention(km_convention *c, int which, const km_h5_number *number,
                            const char *bytes)
{
    *c = (km_convention){.is_unsigned = which % 5 == 4, .factor = 0.01, .offset = -273.15};
    c->is_packed = which % 3 == 2;
    c->has_lowest = which % 4 >= 2;
    c->has_highest = which % 4 == 3;
    c->lowest = which % 7 == 0 ? -1e30L : which % 7 == 1 ? 1e30L : -3.5L;
    c->highest = which % 7 == 2 ? -1e30L : which % 7 == 3 ? 1e30L : 1000.25L;
    if (which < 2)
        return;
    c->missing[c->n_missing++] = value_of(number, c->is_unsigned, bytes + 40);
    c->missing[c->n_missing++] = 0.5L;
    c->missing[c->n_missing++] = -9223372036854775807.0L - 1;
    c->missing[c->n_missing++] = 18446744073709551615.0L;
    c->missing[c->n_missing++] = -1;
}

START_TEST(all_types_and_conventions)
{
    static char bytes[N * MOST_STRIDE];
    for (int i = 0; i < N_NUMBERS; i++)
        for (int which = 0; which < 30; which++) {
            km_convention convention;
            fill(bytes, (uint64_t)(i * 100 + which));
            make_convention(&convention, which, &numbers[i], bytes);
            check(&numbers[i], &convention, bytes, numbers[i].size);
            check(&numbers[i], &convention, bytes, 17);
            if (numbers[i].kind == KM_H5_FLOAT)
                continue;
            convention.is_unsigned = convention.is_packed = false;
            convention.is_biased = true;
            convention.offset =
                ldexp(numbers[i].kind == KM_H5_INT ? 1 : -1, 8 * numbers[i].size - 1);
            check(&numbers[i], &convention, bytes, 17);
        }
}
END_TEST

START_TEST(fill_values_are_counted_unless_they_are_missing)
{
    const int16_t stored[6] = {7, -1, 7, 3, 7, 9};
    const km_convention convention = {.has_fill = true, .fill = 7};
    km_convention missing = convention;
    float values[6];
    missing.missing[missing.n_missing++] = 7;
    km_h5_number number = {KM_H5_INT, 2, false};
    km_codes codes = km_codes_prepare(&convention, &number);
    ck_assert_int_eq(km_unpack(&number, &codes, (const char *)stored, 2, 6, KM_FLOAT32, values), 3);
    codes = km_codes_prepare(&missing, &number);
    ck_assert_int_eq(km_unpack(&number, &codes, (const char *)stored, 2, 6, KM_FLOAT32, values), 0);
    ck_assert(isnan(values[0]) && values[1] == -1 && isnan(values[4]));
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        all_types_and_conventions,
        fill_values_are_counted_unless_they_are_missing,
    };
    return SUITE_OF("unpack", tests);
}
