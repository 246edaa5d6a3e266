/* Elements of datasets: where one value is in an element, and which members of compounds are
 * read. */
#include "opened.h"

#include <string.h>

/* ---- finding a value ------------------------------------------------------------------------ */

/* The type of a member of a compound, and its offset. The path of inner members has slashes, and so
 * may names. */
static hid_t find_member(hid_t type, const char *member, int64_t *offset)
{
    const int n = H5Tget_class(type) == H5T_COMPOUND ? H5Tget_nmembers(type) : 0;
    hid_t found = H5I_INVALID_HID;
    for (int i = 0; i < n && found < 0; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        const size_t length = name != NULL ? strlen(name) : 0;
        const bool is_begin = name != NULL && strncmp(name, member, length) == 0;
        const int64_t begin = (int64_t)H5Tget_member_offset(type, (unsigned)i);
        if (is_begin && member[length] == '\0') {
            found = H5Tget_member_type(type, (unsigned)i);
            *offset += begin;
        } else if (is_begin && member[length] == '/') {
            const hid_t outer = H5Tget_member_type(type, (unsigned)i);
            int64_t inner = *offset + begin;
            found = find_member(outer, member + length + 1, &inner);
            *offset = found >= 0 ? inner : *offset;
            H5Tclose(outer);
        }
        H5free_memory(name);
    }
    return found;
}

/* The type of the values of an array, else the type itself. Closes `type`. */
static hid_t value_type(hid_t type)
{
    if (type < 0 || H5Tget_class(type) != H5T_ARRAY)
        return type;
    const hid_t value = H5Tget_super(type);
    H5Tclose(type);
    return value;
}

bool km_field_find_value(km_field *field, const km_place *place, hid_t type)
{
    field->offset = 0;
    const hid_t whole =
        place->member[0] != '\0' ? find_member(type, place->member, &field->offset) : H5Tcopy(type);
    if (whole < 0)
        return false;
    const int64_t whole_size = (int64_t)H5Tget_size(whole);
    field->type = value_type(whole);
    field->size = field->type >= 0 ? (int64_t)H5Tget_size(field->type) : 0;
    if (field->size == 0 || whole_size < field->size) /* HDF5 failed */
        return false;
    const int64_t length = whole_size / field->size;
    field->column = place->position / length;
    field->offset += place->position % length * field->size;
    return true;
}

/* ---- the type to read ----------------------------------------------------------------------- */

bool km_has_pointers(hid_t type)
{
    const H5T_class_t class = H5Tget_class(type);
    bool has = class == H5T_VLEN || class == H5T_REFERENCE || H5Tis_variable_str(type) > 0;
    if (class == H5T_ARRAY) {
        const hid_t value = H5Tget_super(type);
        has = km_has_pointers(value);
        H5Tclose(value);
    }
    for (int i = 0; class == H5T_COMPOUND && i < H5Tget_nmembers(type) && !has; i++) {
        const hid_t member = H5Tget_member_type(type, (unsigned)i);
        has = km_has_pointers(member);
        H5Tclose(member);
    }
    return has;
}

/* Adds the outermost member of a member's path to a compound of fewer members. */
static void keep_member(hid_t fewer, hid_t type, const char *member)
{
    for (int i = 0; i < H5Tget_nmembers(type); i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        const size_t length = name != NULL ? strlen(name) : 0;
        if (name != NULL && strncmp(name, member, length) == 0 &&
            (member[length] == '\0' || member[length] == '/') &&
            H5Tget_member_index(fewer, name) < 0) {
            const hid_t whole = H5Tget_member_type(type, (unsigned)i);
            const size_t size = H5Tget_size(fewer);
            const bool is_empty = H5Tget_nmembers(fewer) == 0;
            if (!is_empty || size < H5Tget_size(whole))
                H5Tset_size(fewer, (is_empty ? 0 : size) + H5Tget_size(whole));
            H5Tinsert(fewer, name, is_empty ? 0 : size, whole);
            H5Tclose(whole);
        }
        H5free_memory(name);
    }
}

hid_t km_type_to_read(const km_opened_file *opened, int64_t source, const km_column *columns)
{
    const hid_t type = opened->sources[source].array.type;
    if (H5Tget_class(type) != H5T_COMPOUND || !km_has_pointers(type))
        return H5Tcopy(type);
    const hid_t fewer = H5Tcreate(H5T_COMPOUND, 1);
    for (int64_t c = 0; c < opened->n_columns; c++) {
        if (opened->values[c].source == source)
            keep_member(fewer, type, columns[c].values.member);
        if (opened->masks[c].source == source)
            keep_member(fewer, type, columns[c].mask.member);
    }
    return fewer;
}
