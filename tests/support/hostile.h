/* hostile.h - HDF5 files that nobody should write: random groups, links, types, attributes and
 * names, among them those that layouts are known by. A seed gives the same file everywhere. */
#ifndef SKYMEANS_TESTS_HOSTILE_H
#define SKYMEANS_TESTS_HOSTILE_H

#include "base/random.h"
#include "mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stream of random numbers, or of those that a fuzzer gives. */
typedef struct draw {
    uint64_t seed, index;
    const uint8_t *bytes; /* [n_bytes] of a fuzzer, after which all is 0; NULL: random numbers */
    size_t n_bytes;
} draw;

/* From 0 to n - 1. */
static inline uint64_t draw_below(draw *d, uint64_t n)
{
    uint64_t number = 0;
    if (d->bytes == NULL)
        return km_random(d->seed, KM_RANDOM_DRAW, d->index++) % n;
    for (uint64_t left = n - 1; left > 0 && d->index < d->n_bytes; left >>= 8)
        number = number << 8 | d->bytes[d->index++];
    return number % n;
}

static inline const char *draw_of(draw *d, const char *const *texts, size_t count)
{
    return texts[draw_below(d, count)];
}

#define DRAW_OF(d, list) draw_of(d, list, sizeof(list) / sizeof *(list))

static inline void draw_bytes(draw *d, void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)draw_below(d, 256);
}

/* ---- names and texts ------------------------------------------------------------------------ */

#define LONG_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Names of links, without slashes. */
static const char *const HOSTILE_NAMES[] = {
    "a",
    "b",
    "c",
    "x",
    "x.mask",
    "y.mask",
    "data",
    "mask",
    "columns",
    "table",
    "table",
    "flux",
    "flux[2]",
    "flux[",
    "[0]",
    "b-v",
    "{b-v}",
    "a,b",
    "a}b",
    "new\nline",
    " ",
    "%s%n",
    "\xce\xb1",
    "\xff\xfe",
    "truth",
    "indices",
    "t.__table_column_meta__",
    "axis0",
    "block0_items",
    "block0_values",
    "block1_items",
    "block1_values",
    "values_block_0",
    "values_block_1",
    "index",
    LONG_64,
    LONG_64 LONG_64,
    LONG_64 LONG_64 LONG_64 LONG_64 "!",
    LONG_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"};

/* Those of members may have them. */
static const char *const HOSTILE_MEMBERS[] = {"a",
                                              "b",
                                              "a/b",
                                              "/",
                                              "a/",
                                              "/a",
                                              "x",
                                              "x.mask",
                                              "y",
                                              "y.mask",
                                              ".mask",
                                              "r",
                                              "i",
                                              "values_block_0",
                                              "values_block_1",
                                              "values_block_0",
                                              "index",
                                              "flux",
                                              "flux[1]",
                                              "\n",
                                              "{",
                                              "\xce\xb1",
                                              LONG_64,
                                              LONG_64 "/" LONG_64};

static const char *const HOSTILE_TEXTS[] = {"",
                                            "frame",
                                            "frame_table",
                                            "series",
                                            "TABLE",
                                            "TINDEX",
                                            "INDEX",
                                            "mag",
                                            "float64",
                                            "float32",
                                            "(lp0\nVx\np1\naVy\np2\na.",
                                            "(lp0\nVx\np1\na.",
                                            "(lp0\nI0\naI1\na.",
                                            "(lp0\n(I1\n(lp1\nVy\np2\naVx\np3\natp4\na.",
                                            "V",
                                            "VV\nV",
                                            "I",
                                            "V\\u",
                                            "V\\u12",
                                            "V\\u0000\n",
                                            "V\\U0010ffff\nV\\U00110000\nV\\Uffffffff",
                                            "V" LONG_64 LONG_64 LONG_64 "\n",
                                            "(((((",
                                            "\n\n\nV\n",
                                            "(lp0\nV\xe9\xff\np1\naV\\u03b1\np2\na.",
                                            "(I5\nI0\ntp0\n.",
                                            "g0\nV\n\\",
                                            "- {name: x, unit: mag, datatype: float32}",
                                            "- {name: , unit: }",
                                            "{name: 'x",
                                            "{name: x, unit: '",
                                            LONG_64 LONG_64 LONG_64 LONG_64 LONG_64};

static const char *const HOSTILE_ATTRIBUTES[] = {
    "pandas_type",    "pandas_type",         "CLASS",  "units",
    "unit",           "values_block_0_kind", "a_kind", "values_block_1_kind",
    "non_index_axes", "value_type",          "shape",  "checksum",
    "encoding"};

/* ---- types ---------------------------------------------------------------------------------- */

static inline hid_t hostile_type(draw *d, int depth);

static inline hid_t hostile_number(draw *d)
{
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_STD_I8LE,
                           H5T_STD_U16BE,  H5T_STD_I32LE,  H5T_STD_I64LE,  H5T_NATIVE_LDOUBLE};
    const hid_t type = H5Tcopy(types[draw_below(d, 8)]);
    if (draw_below(d, 20) == 0) /* an odd number of bits */
        H5Tset_precision(type, 1 + draw_below(d, 8 * H5Tget_size(type)));
    if (draw_below(d, 20) == 0)
        H5Tset_size(type, H5Tget_size(type) + draw_below(d, 9));
    return type;
}

static inline hid_t hostile_text(draw *d)
{
    const size_t sizes[] = {1, 3, 8, 17, 64, 200, 5000, H5T_VARIABLE};
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, sizes[draw_below(d, 8)]);
    H5Tset_strpad(type, (H5T_str_t)draw_below(d, 3));
    H5Tset_cset(type, (H5T_cset_t)draw_below(d, 2));
    return type;
}

static inline hid_t hostile_compound(draw *d, int depth)
{
    const hid_t type = H5Tcreate(H5T_COMPOUND, 1 << 20);
    const uint64_t n_members = 1 + draw_below(d, 6);
    size_t size = draw_below(d, 2) * draw_below(d, 9); /* some begin with a hole */
    for (uint64_t i = 0; i < n_members; i++) {
        const hid_t member = hostile_type(d, depth + 1);
        if (H5Tinsert(type, DRAW_OF(d, HOSTILE_MEMBERS), size, member) >= 0)
            size += H5Tget_size(member) + draw_below(d, 3) / 2;
        H5Tclose(member);
    }
    if (H5Tget_nmembers(type) > 0)
        H5Tset_size(type, size);
    return type;
}

static inline hid_t hostile_derived(draw *d, int depth)
{
    static const hsize_t lengths[][2] = {{1, 1}, {2, 1}, {2, 3}, {5, 1}, {300, 1}};
    const hid_t base = hostile_type(d, depth + 1);
    const hid_t type =
        draw_below(d, 4) == 0
            ? H5Tvlen_create(base)
            : H5Tarray_create2(base, 1 + (unsigned)draw_below(d, 2), lengths[draw_below(d, 5)]);
    H5Tclose(base);
    return type;
}

static inline hid_t hostile_plain(draw *d)
{
    const int8_t yes = 1;
    hid_t type;
    switch (draw_below(d, 6)) {
    case 0:
        type = H5Tcreate(H5T_OPAQUE, 1 + draw_below(d, 20));
        H5Tset_tag(type, "what");
        return type;
    case 1:
        type = H5Tenum_create(H5T_STD_I8LE);
        H5Tenum_insert(type, "TRUE", &yes);
        return type;
    case 2:
        return H5Tcopy(H5T_STD_REF_OBJ);
    case 3:
        return H5Tcopy(H5T_STD_REF_DSETREG);
    case 4:
        return H5Tcopy(H5T_UNIX_D32LE);
    default:
        return H5Tcopy(H5T_STD_B16LE);
    }
}

static inline hid_t hostile_type(draw *d, int depth)
{
    const uint64_t kind = draw_below(d, 12);
    if (kind < 6 || depth > 4)
        return hostile_number(d);
    if (kind < 8)
        return hostile_text(d);
    if (kind < 9)
        return hostile_plain(d);
    return kind < 11 ? hostile_compound(d, depth) : hostile_derived(d, depth);
}

/* ---- datasets and attributes ---------------------------------------------------------------- */

enum { HOSTILE_ROWS = 5 };

/* Mostly of as many rows, so that they make tables. */
static inline hid_t hostile_space(draw *d)
{
    static const hsize_t shapes[][3] = {
        {HOSTILE_ROWS, 3, 1},     {HOSTILE_ROWS, 1, 1},
        {HOSTILE_ROWS, 0, 2},     {0, 3, 1},
        {HOSTILE_ROWS + 1, 2, 2}, {3000000000, 2, 1},
        {2, (hsize_t)1 << 40, 1}, {(hsize_t)1 << 62, (hsize_t)1 << 62, 1}};
    const uint64_t kind = draw_below(d, 24);
    if (kind < 12)
        return H5Screate_simple(1, shapes[0], NULL);
    if (kind == 12)
        return H5Screate(H5S_SCALAR);
    if (kind == 13)
        return H5Screate(H5S_NULL);
    return H5Screate_simple(1 + (int)draw_below(d, 3), shapes[draw_below(d, 8)], NULL);
}

static inline hid_t hostile_creation(draw *d, hid_t space)
{
    const hsize_t chunk[3] = {1 + draw_below(d, 9), 1 + draw_below(d, 3), 1};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const int n = H5Sget_simple_extent_ndims(space);
    const bool is_small = H5Sget_simple_extent_npoints(space) < 1000;
    if (n > 0 && (!is_small || draw_below(d, 3) == 0)) {
        H5Pset_chunk(creation, n, chunk);
        if (draw_below(d, 2) == 0)
            H5Pset_deflate(creation, 1);
    } else if (draw_below(d, 12) == 0) {
        H5Pset_layout(creation, H5D_COMPACT);
    } else if (n > 0 && draw_below(d, 20) == 0) {
        H5Pset_external(creation, "/nowhere/bytes.bin", 0, H5F_UNLIMITED);
    }
    return creation;
}

/* Bytes at random: also infinities, numbers of no enumeration, texts without an end. */
static inline void hostile_fill(draw *d, hid_t dataset, hid_t type, hid_t space)
{
    const bool has_pointers = H5Tdetect_class(type, H5T_VLEN) > 0 ||
                              H5Tdetect_class(type, H5T_REFERENCE) > 0 ||
                              H5Tdetect_class(type, H5T_STRING) > 0;
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    const size_t size = H5Tget_size(type);
    if (has_pointers || count <= 0 || count > 100 || size > 10000)
        return;
    void *bytes = mock_memory(count, size);
    draw_bytes(d, bytes, (size_t)count * size);
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
    free(bytes);
}

static inline void hostile_attribute_named(draw *d, hid_t object, const char *name)
{
    const char *text = DRAW_OF(d, HOSTILE_TEXTS);
    const bool is_text = draw_below(d, 3) > 0;
    const hid_t type = is_text ? H5Tcopy(H5T_C_S1) : hostile_type(d, 3);
    if (is_text && strlen(text) > 0)
        H5Tset_size(type, strlen(text));
    const hid_t space = is_text ? H5Screate(H5S_SCALAR) : hostile_space(d);
    const bool is_small = H5Sget_simple_extent_npoints(space) <= 100 &&
                          H5Tget_size(type) <= 100; /* they are stored */
    const hid_t attribute = is_small || is_text
                                ? H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT)
                                : H5I_INVALID_HID;
    if (is_text && attribute >= 0)
        H5Awrite(attribute, type, text);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static inline void hostile_attribute(draw *d, hid_t object)
{
    hostile_attribute_named(d, object, DRAW_OF(d, HOSTILE_ATTRIBUTES));
}

static inline void hostile_dataset(draw *d, hid_t group, const char *name, hid_t type)
{
    const hid_t space = hostile_space(d), creation = hostile_creation(d, space);
    const hid_t dataset =
        H5Tget_size(type) <= 100000
            ? H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT)
            : H5I_INVALID_HID;
    if (dataset >= 0) {
        hostile_fill(d, dataset, type, space);
        for (uint64_t i = draw_below(d, 4); i > 0; i--)
            hostile_attribute(d, dataset);
        H5Dclose(dataset);
    }
    H5Pclose(creation);
    H5Sclose(space);
    H5Tclose(type);
}

/* ---- layouts that are nearly right ---------------------------------------------------------- */

/* A dataset of as many texts, or none of them. */
static inline void hostile_texts(draw *d, hid_t group, const char *name, hsize_t count)
{
    const hid_t type = hostile_text(d), space = H5Screate_simple(1, &count, NULL);
    const hid_t dataset =
        H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const size_t size = H5Tget_size(type);
    if (dataset >= 0 && H5Tis_variable_str(type) <= 0) {
        char *bytes = mock_memory((int64_t)count, size);
        for (hsize_t i = 0; i < count; i++)
            strncpy(bytes + i * size, DRAW_OF(d, HOSTILE_TEXTS), size);
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
        free(bytes);
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
}

static inline void hostile_marker(hid_t object, const char *name, const char *text)
{
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text));
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, text);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static inline void hostile_frame(draw *d, hid_t group)
{
    static const char *const names[][2] = {{"block0_items", "block0_values"},
                                           {"block1_items", "block1_values"}};
    hostile_marker(group, "pandas_type", "frame");
    hostile_texts(d, group, "axis0", draw_below(d, 5));
    for (int b = 0; b < 2; b++) {
        hostile_texts(d, group, names[b][0], draw_below(d, 4));
        hostile_dataset(d, group, names[b][1], hostile_type(d, 2));
    }
}

static inline void hostile_frame_table(draw *d, hid_t group)
{
    hostile_marker(group, "pandas_type", "frame_table");
    hostile_attribute(d, group);
    hostile_dataset(d, group, "table", hostile_compound(d, 1));
}

static inline void hostile_vaex(draw *d, hid_t group)
{
    hostile_dataset(d, group, "data", hostile_type(d, 2));
    if (draw_below(d, 2) == 0)
        hostile_dataset(d, group, "mask", hostile_type(d, 2));
}

/* ---- groups --------------------------------------------------------------------------------- */

static inline void hostile_group(draw *d, hid_t file, hid_t group, int depth);

static inline void hostile_child(draw *d, hid_t file, hid_t group, const char *name, int depth)
{
    const uint64_t kind = draw_below(d, 5);
    const hid_t child = H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (child < 0)
        return;
    if (kind == 0)
        hostile_frame(d, child);
    else if (kind == 1)
        hostile_frame_table(d, child);
    else if (kind == 2)
        hostile_vaex(d, child);
    if (kind > 2 || draw_below(d, 4) == 0)
        hostile_group(d, file, child, depth + 1);
    H5Gclose(child);
}

static inline void hostile_link(draw *d, hid_t file, hid_t group, const char *name)
{
    static const char *const paths[] = {"/",  "/a",     "a/b", ".", "/nowhere", "/table/columns",
                                        "..", "/x/y/z", "//"};
    const char *path = DRAW_OF(d, paths);
    switch (draw_below(d, 4)) {
    case 0:
        H5Lcreate_soft(path, group, name, H5P_DEFAULT, H5P_DEFAULT);
        return;
    case 1:
        H5Lcreate_external(draw_below(d, 2) == 0 ? "nowhere.h5" : "hostile.h5", path, group, name,
                           H5P_DEFAULT, H5P_DEFAULT);
        return;
    case 2:
        H5Lcreate_hard(file, path, group, name, H5P_DEFAULT, H5P_DEFAULT);
        return;
    default:
        H5Lcreate_hard(group, ".", group, name, H5P_DEFAULT, H5P_DEFAULT);
    }
}

static inline void hostile_item(draw *d, hid_t file, hid_t group, int depth)
{
    const char *name = DRAW_OF(d, HOSTILE_NAMES);
    const uint64_t kind = draw_below(d, 10);
    if (kind == 0) {
        hostile_link(d, file, group, name);
    } else if (kind <= 3 && depth < 4) {
        hostile_child(d, file, group, name, depth);
    } else if (kind == 4) {
        const hid_t type = hostile_type(d, 0);
        H5Tcommit2(group, name, type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Tclose(type);
    } else if (kind == 5) {
        hostile_dataset(d, group, name, hostile_compound(d, 0));
    } else {
        hostile_dataset(d, group, name, hostile_type(d, 0));
    }
}

static inline void hostile_group(draw *d, hid_t file, hid_t group, int depth)
{
    for (uint64_t i = draw_below(d, 8); i > 0; i--)
        hostile_item(d, file, group, depth);
    for (uint64_t i = draw_below(d, 3); i > 0; i--)
        hostile_attribute(d, group);
}

static inline void hostile_write(draw *d, const char *path)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (draw_below(d, 2) == 0)
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    hostile_item(d, file, root, 0);
    hostile_group(d, file, root, 0);
    H5Gclose(root);
    H5Fclose(file);
    H5Pclose(access);
}

/* Changes some bytes of a file: mostly of texts, which are ours to understand, not HDF5's. */
static inline void hostile_flip(draw *d, const char *path)
{
    static char bytes[1 << 20];
    FILE *file = fopen(path, "r+b");
    const size_t size = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
    for (uint64_t i = 1 + draw_below(d, 4); i > 0 && size > 0; i--) {
        const char *words[] = {"(lp", "frame", "values_block", "{name", "mask", "data", "x"};
        const char *word = words[draw_below(d, 7)];
        size_t at = draw_below(d, size);
        const char *found = memmem(bytes + at, size - at, word, strlen(word));
        if (found == NULL)
            continue;
        at = (size_t)(found - bytes) + draw_below(d, strlen(word) + 2);
        fseek(file, (long)(at < size ? at : size - 1), SEEK_SET);
        fputc((int)draw_below(d, 256), file);
    }
    if (file != NULL)
        fclose(file);
}

#endif
