/* Numbers as they are stored in a file, and their conversion by HDF5. */
#include "base/error.h"
#include "base/precision.h"
#include "h5/h5.h"

static hid_t type_of_precision(km_precision precision)
{
    return precision == KM_FLOAT32 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
}

bool km_h5_is_native(hid_t type, km_precision precision)
{
    return H5Tequal(type, type_of_precision(precision)) > 0;
}

/* Conversion goes through the native type, which may be larger than both others. */
size_t km_h5_value_size(hid_t type, km_precision precision)
{
    size_t maximum = km_precision_size(precision);
    const hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
    const size_t size = H5Tget_size(type), native_size = native >= 0 ? H5Tget_size(native) : 0;
    maximum = size > maximum ? size : maximum;
    if (native >= 0)
        H5Tclose(native);
    return native_size > maximum ? native_size : maximum;
}

/* In two steps, since HDF5's own conversion from big-endian doubles to floats sometimes loses a
 * carry. */
km_code km_h5_convert(hid_t type, km_precision precision, int64_t count, void *values,
                      km_error *error)
{
    if (km_h5_is_native(type, precision))
        return KM_OK;
    const hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
    if (!km_h5_note(native) ||
        !km_h5_note(H5Tconvert(type, native, (size_t)count, values, NULL, H5P_DEFAULT)) ||
        !km_h5_note(H5Tconvert(native, type_of_precision(precision), (size_t)count, values, NULL,
                               H5P_DEFAULT)))
        km_fail(error, KM_DATA, "%s", km_h5_reason());
    if (native >= 0)
        H5Tclose(native);
    return error->code;
}

static bool is_ieee(hid_t type)
{
    return H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0 ||
           H5Tequal(type, H5T_IEEE_F64LE) > 0 || H5Tequal(type, H5T_IEEE_F64BE) > 0;
}

/* Does an integer use all bits of 1, 2, 4 or 8 bytes, in little or big endian order? */
static bool has_usual_layout(hid_t type)
{
    const size_t size = H5Tget_size(type);
    const H5T_order_t order = H5Tget_order(type);
    return (size == 1 || size == 2 || size == 4 || size == 8) &&
           H5Tget_precision(type) == 8 * size &&
           (order == H5T_ORDER_LE || order == H5T_ORDER_BE || size == 1);
}

km_h5_number km_h5_describe_number(hid_t type)
{
    const H5T_class_t class = H5Tget_class(type);
    km_h5_number number = {.kind = KM_H5_NO_NUMBER, .size = (int)H5Tget_size(type)};
    if (class == H5T_ENUM) {
        const hid_t base = H5Tget_super(type);
        number = km_h5_describe_number(base);
        H5Tclose(base);
    } else if (class == H5T_FLOAT) {
        number.kind = is_ieee(type) ? KM_H5_FLOAT : KM_H5_ODD_NUMBER;
    } else if (class == H5T_BITFIELD && has_usual_layout(type)) {
        number.kind = KM_H5_UINT;
    } else if (class == H5T_INTEGER) {
        number.kind = !has_usual_layout(type)             ? KM_H5_ODD_NUMBER
                      : H5Tget_sign(type) == H5T_SGN_NONE ? KM_H5_UINT
                                                          : KM_H5_INT;
    }
    if (class != H5T_ENUM)
        number.is_swapped =
            H5Tget_size(type) > 1 && H5Tget_order(type) != H5Tget_order(H5T_NATIVE_INT);
    return number;
}
