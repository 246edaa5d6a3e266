/* What a file declares about the numbers of a dataset: by the attributes of netCDF (NetCDF Users
 * Guide, Appendix A; CF 1.10, sections 2.5.1 and 8.1) and of R, and by HDF5's own fill value.
 *
 * docs/conventions.md has the cases, with their sources and what other readers do. */
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- attributes ------------------------------------------------------------------------------ */

enum { NAME_SIZE = 64 };

/* Where attributes about numbers are: of a whole dataset, or of a member of its compounds. */
typedef struct declared {
    hid_t dataset;
    int member; /* its number; -1: they are about the whole dataset */
} declared;

/* What an attribute is called, in `name` [NAME_SIZE]. */
static const char *name_of_declared(const declared *d, const char *attribute, char *name)
{
    if (d->member < 0)
        snprintf(name, NAME_SIZE, "%s", attribute);
    else
        snprintf(name, NAME_SIZE, "FIELD_%d_ATTR_%s", d->member, attribute);
    return name;
}

static int read_declared(const declared *d, const char *attribute, int max_count,
                         long double *values)
{
    char name[NAME_SIZE];
    return km_h5_read_numbers(d->dataset, name_of_declared(d, attribute, name), max_count, values);
}

/* ---- netCDF --------------------------------------------------------------------------------- */

/* The values that netCDF-4 stores where nothing was written (netcdf.h, NC_FILL_...). */
static const struct {
    km_h5_kind kind;
    int size;
    long double value;
} default_fills[] = {
    {KM_H5_INT, 1, -127},           {KM_H5_INT, 2, -32767},
    {KM_H5_INT, 4, -2147483647},    {KM_H5_INT, 8, -9223372036854775806.0L},
    {KM_H5_UINT, 1, 255},           {KM_H5_UINT, 2, 65535},
    {KM_H5_UINT, 4, 4294967295.0L}, {KM_H5_UINT, 8, 18446744073709551614.0L},
    {KM_H5_FLOAT, 4, 0x1.ep+122L}, /* 9.969209968386869e36, 15 times 2^119 */
    {KM_H5_FLOAT, 8, 0x1.ep+122L},
};

/* A number as the type that _Unsigned declares: the same bits without a sign. */
static long double as_unsigned(const km_convention *c, const km_h5_number *number,
                               long double value)
{
    return c->is_unsigned && value < 0 ? value + ldexpl(1, 8 * number->size) : value;
}

/* Bytes have no default fill value, since all of them may be data. But they have one if netCDF was
 * to fill unwritten values, which it does by HDF5's own fill value. */
static void add_default_fill(km_column *column, const km_h5_number *number)
{
    const km_convention *c = &column->convention;
    const km_h5_kind kind = c->is_unsigned && number->kind == KM_H5_INT ? KM_H5_UINT : number->kind;
    for (size_t i = 0; i < sizeof default_fills / sizeof *default_fills; i++)
        if (default_fills[i].kind == kind && default_fills[i].size == number->size &&
            (number->size > 1 || (c->has_fill && c->fill == default_fills[i].value)))
            km_add_missing(column, default_fills[i].value);
}

static void read_valid_range(km_convention *c, const km_h5_number *number, const declared *d)
{
    long double range[2];
    if (read_declared(d, "valid_range", 2, range) == 2) {
        c->has_lowest = c->has_highest = true;
        c->lowest = as_unsigned(c, number, range[0]);
        c->highest = as_unsigned(c, number, range[1]);
        return;
    }
    c->has_lowest = read_declared(d, "valid_min", 1, &c->lowest) == 1;
    c->has_highest = read_declared(d, "valid_max", 1, &c->highest) == 1;
    c->lowest = as_unsigned(c, number, c->lowest);
    c->highest = as_unsigned(c, number, c->highest);
}

/* A valid range that only unsigned bytes hold makes bytes unsigned (CF 2.2). */
static bool has_unsigned_range(const km_h5_number *number, const declared *d)
{
    long double range[2] = {-1, 0};
    if (read_declared(d, "valid_range", 2, range) != 2) {
        read_declared(d, "valid_min", 1, &range[0]);
        read_declared(d, "valid_max", 1, &range[1]);
    }
    return number->size == 1 && range[0] >= 0 && range[1] > 127;
}

/* An offset of half the range of integers changes their sign only (FITS 4.0, table 19): no digits
 * are added to what is stored. */
static bool changes_sign(const km_convention *c, const km_h5_number *number, long double factor,
                         long double offset)
{
    const long double half = number->size <= 8 ? ldexpl(1, 8 * number->size - 1) : 0;
    return factor == 1 && !c->is_unsigned &&
           ((number->kind == KM_H5_INT && offset == half) ||
            (number->kind == KM_H5_UINT && offset == -half));
}

static void read_packing(km_convention *c, const km_h5_number *number, const declared *d)
{
    long double factor = 1, offset = 0;
    read_declared(d, "scale_factor", 1, &factor);
    read_declared(d, "add_offset", 1, &offset);
    c->factor = (double)factor;
    c->offset = (double)offset;
    c->is_biased = changes_sign(c, number, factor, offset);
    c->is_packed = !c->is_biased && (factor != 1 || offset != 0);
}

/* Did netCDF write the file that the dataset is in? */
static bool is_netcdf(hid_t dataset)
{
    const hid_t file = H5Iget_file_id(dataset);
    const bool is_so = file >= 0 && H5Aexists_by_name(file, "/", "_NCProperties", H5P_DEFAULT) > 0;
    if (file >= 0)
        H5Fclose(file);
    return is_so;
}

static void read_netcdf(km_column *column, const km_h5_number *number, const declared *d)
{
    char text[8], name[NAME_SIZE];
    long double values[KM_MAX_CODES];
    km_convention *c = &column->convention;
    km_h5_read_text(d->dataset, name_of_declared(d, "_Unsigned", name), text, sizeof text);
    c->is_unsigned = number->kind == KM_H5_INT &&
                     (strcasecmp(text, "true") == 0 || has_unsigned_range(number, d));
    c->fill = as_unsigned(c, number, c->fill);
    if (read_declared(d, "_FillValue", 1, values) == 1)
        km_add_missing(column, as_unsigned(c, number, values[0]));
    else if (d->member < 0 && is_netcdf(d->dataset))
        add_default_fill(column, number);
    const int n_missing = read_declared(d, "missing_value", KM_MAX_CODES, values);
    c->is_too_long = c->is_too_long || n_missing < 0;
    for (int i = 0; i < n_missing; i++)
        km_add_missing(column, as_unsigned(c, number, values[i]));
    read_valid_range(c, number, d);
    read_packing(c, number, d);
}

/* ---- others --------------------------------------------------------------------------------- */

/* R stores NA of integers as the lowest integer, and rhdf5 marks datasets that have it. */
static void read_r(km_column *column, const km_h5_number *number, hid_t dataset)
{
    if (number->kind == KM_H5_INT && number->size == 4 && H5Aexists(dataset, "rhdf5-NA.OK") > 0)
        km_add_missing(column, -2147483648.0L);
}

static hid_t long_double(hid_t type)
{
    (void)type;
    return H5Tcopy(H5T_NATIVE_LDOUBLE);
}

void km_read_fill(hid_t dataset, const char *member, km_column *column)
{
    km_convention *c = &column->convention;
    H5D_fill_value_t defined = H5D_FILL_VALUE_UNDEFINED;
    const hid_t creation = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    if (H5Pfill_value_defined(creation, &defined) >= 0 && defined == H5D_FILL_VALUE_USER_DEFINED) {
        const hid_t wanted = km_h5_type_of_member(type, member, long_double);
        c->has_fill = wanted >= 0 && H5Tget_size(wanted) == sizeof c->fill &&
                      H5Pget_fill_value(creation, wanted, &c->fill) >= 0 && !isnan(c->fill);
        if (wanted >= 0)
            H5Tclose(wanted);
    }
    H5Tclose(type);
    H5Pclose(creation);
}

/* Rounds the numbers of attributes to the type of the dataset, which stores only such numbers. */
static void round_to_type(km_convention *c, hid_t type)
{
    long double *numbers[KM_MAX_CODES + 3] = {&c->lowest, &c->highest, &c->fill};
    char bytes[64];
    if (H5Tget_class(type) != H5T_FLOAT || H5Tget_size(type) > sizeof bytes)
        return;
    for (int64_t m = 0; m < c->n_missing; m++)
        numbers[3 + m] = &c->missing[m];
    for (int64_t i = 0; i < 3 + c->n_missing; i++) {
        memcpy(bytes, numbers[i], sizeof(long double));
        if (H5Tconvert(H5T_NATIVE_LDOUBLE, type, 1, bytes, NULL, H5P_DEFAULT) >= 0 &&
            H5Tconvert(type, H5T_NATIVE_LDOUBLE, 1, bytes, NULL, H5P_DEFAULT) >= 0)
            memcpy(numbers[i], bytes, sizeof(long double));
    }
}

/* The type of single values, to be closed. */
static hid_t type_of_one_value(hid_t type)
{
    return H5Tget_class(type) == H5T_ARRAY ? H5Tget_super(type) : H5Tcopy(type);
}

void km_read_convention(hid_t dataset, km_column *column)
{
    const declared d = {dataset, -1};
    const hid_t whole = H5Dget_type(dataset), type = type_of_one_value(whole);
    const km_h5_number number = km_h5_describe_number(type);
    if (number.kind != KM_H5_NO_NUMBER) {
        km_read_fill(dataset, "", column);
        read_netcdf(column, &number, &d);
        read_r(column, &number, dataset);
        round_to_type(&column->convention, type);
    }
    H5Tclose(type);
    H5Tclose(whole);
}

void km_read_member_convention(hid_t dataset, int member, hid_t whole, km_column *column)
{
    char name[NAME_SIZE];
    const declared d = {dataset, member};
    const hid_t type = type_of_one_value(whole);
    const km_h5_number number = km_h5_describe_number(type);
    km_h5_read_text(dataset, name_of_declared(&d, "units", name), column->units,
                    sizeof column->units);
    if (number.kind != KM_H5_NO_NUMBER) {
        read_netcdf(column, &number, &d);
        round_to_type(&column->convention, type);
    }
    H5Tclose(type);
}

/* ---- for people ----------------------------------------------------------------------------- */

void km_convention_text(const km_convention *c, char *text, size_t size)
{
    char *end = text + size;
    text[0] = '\0';
#define APPEND(...) \
    text += snprintf(text, (size_t)(end - text), __VA_ARGS__), text = text < end ? text : end - 1
    for (int64_t i = 0; i < c->n_missing; i++)
        APPEND(fabsl(c->missing[i]) < 0x1p64L && c->missing[i] == floorl(c->missing[i])
                   ? "%s%.0Lf"
                   : "%s%.17Lg",
               i == 0 ? ", missing: " : " ", c->missing[i]);
    if (c->has_lowest)
        APPEND(", valid from %.17Lg", c->lowest);
    if (c->has_highest)
        APPEND("%s to %.17Lg", c->has_lowest ? "" : ", valid up", c->highest);
    if (c->is_packed)
        APPEND(", packed: stored * %.17g + %.17g", c->factor, c->offset);
    if (c->is_biased)
        APPEND(", stored less %.0f", c->offset);
    if (c->is_unsigned)
        APPEND(", unsigned");
#undef APPEND
}
