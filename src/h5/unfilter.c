/* Filters of HDF5 that are undone without it. */
#include "h5/unfilter.h"

#include <stdint.h>
#include <string.h>

/* Fletcher's checksum as HDF5 computes it: over words of two bytes, high byte first. */
static uint32_t fletcher32(const unsigned char *data, size_t size)
{
    uint32_t sum1 = 0, sum2 = 0;
    for (size_t words = size / 2; words > 0;) {
        size_t run = words < 360 ? words : 360; /* words whose sum can't overflow */
        for (words -= run; run > 0; run--, data += 2) {
            sum1 += (uint32_t)data[0] << 8 | data[1];
            sum2 += sum1;
        }
        sum1 = (sum1 & 0xffff) + (sum1 >> 16);
        sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    }
    if (size % 2 != 0) {
        sum1 += (uint32_t)data[0] << 8;
        sum2 += sum1;
        sum1 = (sum1 & 0xffff) + (sum1 >> 16);
        sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    }
    sum1 = (sum1 & 0xffff) + (sum1 >> 16);
    sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    return sum2 << 16 | sum1;
}

bool km_h5_has_checksum(const unsigned char *data, size_t size)
{
    const unsigned char *end = data + size - 4;
    const uint32_t stored =
        (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    return fletcher32(data, size - 4) == stored;
}

/* Undoes the shuffle: all first bytes, all second bytes, ... become values of `value` bytes. */
static void unshuffle_any(const unsigned char *from, size_t count, size_t value, unsigned char *to)
{
    enum { AT_ONCE = 256 }; /* values, which stay in cache from byte to byte */
    for (size_t first = 0; first < count; first += AT_ONCE) {
        const size_t last = count - first < AT_ONCE ? count : first + AT_ONCE;
        for (size_t byte = 0; byte < value; byte++)
            for (size_t i = first; i < last; i++)
                to[i * value + byte] = from[byte * count + i];
    }
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static void unshuffle_4(const unsigned char *from, size_t count, unsigned char *to)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t value = (uint32_t)from[i] | (uint32_t)from[count + i] << 8 |
                               (uint32_t)from[2 * count + i] << 16 |
                               (uint32_t)from[3 * count + i] << 24;
        memcpy(to + 4 * i, &value, sizeof value);
    }
}

static void unshuffle_8(const unsigned char *from, size_t count, unsigned char *to)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;
        for (size_t byte = 0; byte < 8; byte++)
            value |= (uint64_t)from[byte * count + i] << 8 * byte;
        memcpy(to + 8 * i, &value, sizeof value);
    }
}
#endif

void km_h5_unshuffle(const unsigned char *from, size_t size, size_t value, unsigned char *to)
{
    const size_t count = size / value;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (value == 4)
        unshuffle_4(from, count, to);
    else if (value == 8)
        unshuffle_8(from, count, to);
    else
#endif
        unshuffle_any(from, count, value, to);
    memcpy(to + count * value, from + count * value, size - count * value);
}
