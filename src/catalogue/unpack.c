/* Makes values in the working precision of stored numbers: byte order, missing values, the valid
 * range and the packing that the file declares. Without HDF5, so that threads share the rows. */
#include "unpack.h"
#include "base/precision.h"

#include <math.h>
#include <string.h>

enum { TILE = 256 }; /* values, few enough to stay in cache from step to step */

/* ---- preparing ------------------------------------------------------------------------------ */

/* Can integers of the type hold this number? Other numbers match nothing. */
static bool is_whole_in(long double number, long double lowest, long double highest)
{
    return number >= lowest && number <= highest && number == floorl(number);
}

static void prepare_int(km_codes *codes, const km_convention *c, int bits)
{
    const long double low = -ldexpl(1, bits - 1), high = ldexpl(1, bits - 1) - 1;
    codes->lowest.i =
        (int64_t)(c->has_lowest && c->lowest > low ? fminl(ceill(c->lowest), high) : low);
    codes->highest.i =
        (int64_t)(c->has_highest && c->highest < high ? fmaxl(floorl(c->highest), low) : high);
    codes->is_empty = (c->has_lowest && c->lowest > high) || (c->has_highest && c->highest < low);
    for (int64_t m = 0; m < c->n_missing; m++)
        if (is_whole_in(c->missing[m], low, high))
            codes->missing[codes->n_missing++].i = (int64_t)c->missing[m];
    codes->has_fill = c->has_fill && is_whole_in(c->fill, low, high);
    if (codes->has_fill)
        codes->fill.i = (int64_t)c->fill;
}

static void prepare_uint(km_codes *codes, const km_convention *c, int bits)
{
    const long double high = ldexpl(1, bits) - 1;
    codes->lowest.u =
        (uint64_t)(c->has_lowest && c->lowest > 0 ? fminl(ceill(c->lowest), high) : 0);
    codes->highest.u =
        (uint64_t)(c->has_highest && c->highest < high ? fmaxl(floorl(c->highest), 0) : high);
    codes->is_empty = (c->has_lowest && c->lowest > high) || (c->has_highest && c->highest < 0);
    for (int64_t m = 0; m < c->n_missing; m++)
        if (is_whole_in(c->missing[m], 0, high))
            codes->missing[codes->n_missing++].u = (uint64_t)c->missing[m];
    codes->has_fill = c->has_fill && is_whole_in(c->fill, 0, high);
    if (codes->has_fill)
        codes->fill.u = (uint64_t)c->fill;
}

/* A number rounded to the type of the file. */
static double as_float(long double number, int size)
{
    return size == sizeof(float) ? (double)(float)number : (double)number;
}

static void prepare_float(km_codes *codes, const km_convention *c, int size)
{
    codes->lowest.f = c->has_lowest ? as_float(c->lowest, size) : -INFINITY;
    codes->highest.f = c->has_highest ? as_float(c->highest, size) : INFINITY;
    for (int64_t m = 0; m < c->n_missing; m++)
        if (!isnan(c->missing[m])) /* which is missing anyway */
            codes->missing[codes->n_missing++].f = as_float(c->missing[m], size);
    codes->has_fill = c->has_fill && !isnan(c->fill);
    if (codes->has_fill)
        codes->fill.f = as_float(c->fill, size);
}

/* Makes codes for values of those for stored numbers, modulo 2^64. */
static void remove_bias(km_codes *codes, km_h5_number *number)
{
    const uint64_t half = (uint64_t)1 << (8 * number->size - 1);
    const uint64_t bias = number->kind == KM_H5_INT ? half : -half;
    for (int m = 0; m < codes->n_missing; m++)
        codes->missing[m].u += bias;
    codes->lowest.u += bias;
    codes->highest.u += bias;
    codes->fill.u += bias;
    number->kind = number->kind == KM_H5_INT ? KM_H5_UINT : KM_H5_INT;
}

km_codes km_codes_prepare(const km_convention *convention, km_h5_number *number)
{
    km_codes codes = {.is_packed = convention->is_packed,
                      .is_biased = convention->is_biased,
                      .factor = convention->factor,
                      .offset = convention->offset};
    if (convention->is_unsigned && number->kind == KM_H5_INT)
        number->kind = KM_H5_UINT;
    if (number->kind == KM_H5_INT)
        prepare_int(&codes, convention, 8 * number->size);
    else if (number->kind == KM_H5_UINT)
        prepare_uint(&codes, convention, 8 * number->size);
    else
        prepare_float(&codes, convention, number->size);
    if (codes.is_biased)
        remove_bias(&codes, number);
    codes.is_plain = !codes.is_packed && !convention->has_lowest && !convention->has_highest &&
                     codes.n_missing == 0 && !codes.has_fill;
    return codes;
}

/* ---- a tile of stored numbers --------------------------------------------------------------- */

typedef union tile {
    int8_t i1[TILE];
    uint8_t u1[TILE];
    int16_t i2[TILE];
    uint16_t u2[TILE];
    int32_t i4[TILE];
    uint32_t u4[TILE];
    int64_t i8[TILE];
    uint64_t u8[TILE];
    float f4[TILE];
    double f8[TILE];
} tile;

#define DEFINE_GATHER(name, array, type)                                                 \
    static void name(tile *t, const char *from, int64_t stride, int64_t count)           \
    {                                                                                    \
        if (stride == sizeof(type)) /* which compilers do not find out for themselves */ \
            memcpy(t->array, from, (size_t)count * sizeof(type));                        \
        else                                                                             \
            for (int64_t i = 0; i < count; i++)                                          \
                memcpy(&t->array[i], from + i * stride, sizeof(type));                   \
    }

DEFINE_GATHER(gather_1, u1, uint8_t)
DEFINE_GATHER(gather_2, u2, uint16_t)
DEFINE_GATHER(gather_4, u4, uint32_t)
DEFINE_GATHER(gather_8, u8, uint64_t)

static void gather(tile *t, int size, const char *from, int64_t stride, int64_t count)
{
    switch (size) {
    case 1:
        gather_1(t, from, stride, count);
        break;
    case 2:
        gather_2(t, from, stride, count);
        break;
    case 4:
        gather_4(t, from, stride, count);
        break;
    default:
        gather_8(t, from, stride, count);
    }
}

static void swap_bytes(tile *t, int size, int64_t count)
{
    if (size == 2)
        for (int64_t i = 0; i < count; i++)
            t->u2[i] = __builtin_bswap16(t->u2[i]);
    else if (size == 4)
        for (int64_t i = 0; i < count; i++)
            t->u4[i] = __builtin_bswap32(t->u4[i]);
    else if (size == 8)
        for (int64_t i = 0; i < count; i++)
            t->u8[i] = __builtin_bswap64(t->u8[i]);
}

/* Adds half the range of integers, modulo the range. */
static void flip_highest_bits(tile *t, int size, int64_t count)
{
    unsigned char *bytes = (unsigned char *)t;
    for (int64_t i = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? size - 1 : 0; i < size * count;
         i += size)
        bytes[i] ^= 0x80;
}

/* For each type: marks missing numbers and counts those that are the fill value; converts to
 * doubles, and to floats. */
#define DEFINE_TYPE(suffix, type, wide)                                                    \
    static int64_t mark_##suffix(const tile *t, const km_codes *codes, int64_t count,      \
                                 uint8_t *is_missing)                                      \
    {                                                                                      \
        const type lowest = (type)codes->lowest.wide, highest = (type)codes->highest.wide; \
        const type fill = (type)codes->fill.wide;                                          \
        int64_t n_fill = 0;                                                                \
        for (int64_t i = 0; i < count; i++)                                                \
            is_missing[i] = (t->suffix[i] < lowest) | (t->suffix[i] > highest);            \
        for (int m = 0; m < codes->n_missing; m++) {                                       \
            const type code = (type)codes->missing[m].wide;                                \
            for (int64_t i = 0; i < count; i++)                                            \
                is_missing[i] |= t->suffix[i] == code;                                     \
        }                                                                                  \
        for (int64_t i = 0; i < count && codes->has_fill; i++)                             \
            n_fill += t->suffix[i] == fill && !is_missing[i];                              \
        return n_fill;                                                                     \
    }                                                                                      \
    static void to_double_##suffix(const tile *t, int64_t count, double *values)           \
    {                                                                                      \
        for (int64_t i = 0; i < count; i++)                                                \
            values[i] = (double)t->suffix[i];                                              \
    }                                                                                      \
    static void to_float_##suffix(const tile *t, int64_t count, float *values)             \
    {                                                                                      \
        for (int64_t i = 0; i < count; i++)                                                \
            values[i] = (float)t->suffix[i];                                               \
    }

DEFINE_TYPE(i1, int8_t, i)
DEFINE_TYPE(i2, int16_t, i)
DEFINE_TYPE(i4, int32_t, i)
DEFINE_TYPE(i8, int64_t, i)
DEFINE_TYPE(u1, uint8_t, u)
DEFINE_TYPE(u2, uint16_t, u)
DEFINE_TYPE(u4, uint32_t, u)
DEFINE_TYPE(u8, uint64_t, u)
DEFINE_TYPE(f4, float, f)
DEFINE_TYPE(f8, double, f)

static const struct type {
    km_h5_kind kind;
    int size;
    int64_t (*mark)(const tile *t, const km_codes *codes, int64_t count, uint8_t *is_missing);
    void (*to_double)(const tile *t, int64_t count, double *values);
    void (*to_float)(const tile *t, int64_t count, float *values);
} types[] = {
#define ROW(kind, size, suffix)                                          \
    {                                                                    \
        kind, size, mark_##suffix, to_double_##suffix, to_float_##suffix \
    }
    ROW(KM_H5_INT, 1, i1),   ROW(KM_H5_INT, 2, i2),  ROW(KM_H5_INT, 4, i4),  ROW(KM_H5_INT, 8, i8),
    ROW(KM_H5_UINT, 1, u1),  ROW(KM_H5_UINT, 2, u2), ROW(KM_H5_UINT, 4, u4), ROW(KM_H5_UINT, 8, u8),
    ROW(KM_H5_FLOAT, 4, f4), ROW(KM_H5_FLOAT, 8, f8)};

static const struct type *find_type(const km_h5_number *number)
{
    size_t i = 0;
    while (types[i].kind != number->kind || types[i].size != number->size)
        i++;
    return &types[i];
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void unpack_doubles(const struct type *type, const km_codes *codes, const tile *t,
                           int64_t count, double *values)
{
    type->to_double(t, count, values);
    for (int64_t i = 0; i < count && codes->is_packed; i++)
        values[i] = values[i] * codes->factor + codes->offset;
}

static void unpack_floats(const struct type *type, const km_codes *codes, const tile *t,
                          int64_t count, float *values)
{
    double wide[TILE];
    if (!codes->is_packed) {
        type->to_float(t, count, values);
        return;
    }
    unpack_doubles(type, codes, t, count, wide);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)wide[i];
}

int64_t km_unpack(const km_h5_number *number, const km_codes *codes, const char *from,
                  int64_t stride, int64_t count, km_precision precision, void *values)
{
    const struct type *type = find_type(number);
    int64_t n_fill = 0;
    for (int64_t first = 0; first < count; first += TILE) {
        tile copy;
        const tile *t = (const void *)(from + first * stride);
        uint8_t is_missing[TILE];
        const int64_t n = count - first < TILE ? count - first : TILE;
        float *floats = (float *)values + first;
        double *doubles = (double *)values + first;
        if (stride != number->size || number->is_swapped || codes->is_biased ||
            (uintptr_t)t % sizeof(double) != 0) {
            gather(&copy, number->size, from + first * stride, stride, n);
            t = &copy;
        }
        if (number->is_swapped)
            swap_bytes(&copy, number->size, n);
        if (codes->is_biased)
            flip_highest_bits(&copy, number->size, n);
        if (precision == KM_FLOAT32)
            unpack_floats(type, codes, t, n, floats);
        else
            unpack_doubles(type, codes, t, n, doubles);
        if (codes->is_plain)
            continue;
        n_fill += type->mark(t, codes, n, is_missing);
        for (int64_t i = 0; i < n; i++)
            if (is_missing[i] || codes->is_empty) {
                if (precision == KM_FLOAT32)
                    floats[i] = NAN;
                else
                    doubles[i] = NAN;
            }
    }
    return n_fill;
}
