/* Opening what is needed of a file: each dataset once, whatever is taken out of it. */
#include "opened.h"

#include <stdlib.h>
#include <string.h>

#define NO_ARRAY                                                                         \
    {                                                                                    \
        .dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID, .transfer = H5I_INVALID_HID \
    }

static km_use use_of(const km_catalogue *catalogue, int64_t column)
{
    if (column < catalogue->n_features)
        return KM_USE_FEATURES;
    return catalogue->has_weights && column == catalogue->n_features ? KM_USE_WEIGHTS : KM_USE_IDS;
}

/* ---- which datasets ------------------------------------------------------------------------- */

static int64_t find_source(km_opened_file *opened, const km_place *place, km_use use)
{
    const bool is_compound = place->member[0] != '\0';
    for (int64_t i = 0; i < opened->n_sources; i++)
        if (strcmp(opened->sources[i].dataset, place->dataset) == 0 &&
            (is_compound || opened->sources[i].use == use))
            return i;
    opened->sources[opened->n_sources] = (km_source){
        .dataset = place->dataset, .use = use, .array = NO_ARRAY, .type = H5I_INVALID_HID};
    return opened->n_sources++;
}

static void list_sources(km_opened_file *opened, const km_catalogue *catalogue,
                         const km_column *columns)
{
    for (int64_t c = 0; c < opened->n_columns; c++) {
        const km_use use = use_of(catalogue, c);
        const bool has_mask = columns[c].mask.dataset[0] != '\0' && use != KM_USE_IDS;
        opened->values[c] = opened->masks[c] = (km_field){.source = -1, .type = H5I_INVALID_HID};
        opened->values[c].source = find_source(opened, &columns[c].values, use);
        if (has_mask)
            opened->masks[c].source = find_source(opened, &columns[c].mask, KM_USE_MASKS);
    }
}

/* ---- where in their elements ---------------------------------------------------------------- */

/* The type of a member of a compound, and where it begins; of inner ones after slashes. Names may
 * have slashes themselves. */
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

/* Of an array, the type of its values; else the type itself. Closes what it is given. */
static hid_t value_type(hid_t type)
{
    if (type < 0 || H5Tget_class(type) != H5T_ARRAY)
        return type;
    const hid_t value = H5Tget_super(type);
    H5Tclose(type);
    return value;
}

/* Finds the value that a place means in a type of elements: its column in the dataset, and its
 * type, size and offset in an element. False if the file is not what it was. */
static bool find_value(km_field *field, const km_place *place, hid_t type)
{
    field->offset = 0;
    const hid_t whole =
        place->member[0] != '\0' ? find_member(type, place->member, &field->offset) : H5Tcopy(type);
    if (whole < 0)
        return false;
    const int64_t whole_size = (int64_t)H5Tget_size(whole);
    if (field->type >= 0)
        H5Tclose(field->type);
    field->type = value_type(whole);
    field->size = (int64_t)H5Tget_size(field->type);
    const int64_t length = whole_size / field->size;
    field->column = place->position / length;
    field->offset += place->position % length * field->size;
    return true;
}

/* ---- what is read of an element ------------------------------------------------------------- */

/* Does HDF5 allocate memory for values of this type? */
static bool has_pointers(hid_t type)
{
    const H5T_class_t class = H5Tget_class(type);
    bool has = class == H5T_VLEN || class == H5T_REFERENCE || H5Tis_variable_str(type) > 0;
    if (class == H5T_ARRAY) {
        const hid_t value = H5Tget_super(type);
        has = has_pointers(value);
        H5Tclose(value);
    }
    for (int i = 0; class == H5T_COMPOUND && i < H5Tget_nmembers(type) && !has; i++) {
        const hid_t member = H5Tget_member_type(type, (unsigned)i);
        has = has_pointers(member);
        H5Tclose(member);
    }
    return has;
}

/* Adds the outermost member that a place is in to a compound of fewer members. */
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

/* Whole compounds are read as they are; but if some of their members point to memory, only what is
 * needed is read, by a conversion. */
static hid_t type_to_read(const km_opened_file *opened, int64_t source, const km_column *columns)
{
    const hid_t type = opened->sources[source].array.type;
    if (H5Tget_class(type) != H5T_COMPOUND || !has_pointers(type))
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

/* ---- opening -------------------------------------------------------------------------------- */

static km_code has_changed(const km_opened_file *opened, const char *what, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "file changed while it was read (%s, %s): its columns are not what they were at "
                   "first; run again when nothing writes to it",
                   opened->path, what);
}

static void open_source(km_opened_file *opened, int64_t s, const km_catalogue *catalogue,
                        const km_column *columns, bool is_together, km_error *error)
{
    km_source *source = &opened->sources[s];
    if (km_h5_open_array(opened->file, source->dataset, is_together, &source->array, error) !=
        KM_OK)
        return;
    const H5T_class_t class = H5Tget_class(source->array.type);
    const bool is_number = class == H5T_INTEGER || class == H5T_FLOAT;
    const km_precision precision =
        source->use == KM_USE_FEATURES ? catalogue->precision : KM_FLOAT64;
    source->type = type_to_read(opened, s, columns);
    source->has_pointers = has_pointers(source->type);
    source->is_converted =
        is_number && (source->use == KM_USE_FEATURES || source->use == KM_USE_WEIGHTS);
    source->element_bytes = source->reading_bytes = (int64_t)H5Tget_size(source->type);
    if (source->is_converted) {
        source->reading_bytes = (int64_t)km_h5_value_size(source->type, precision);
        source->element_bytes = (int64_t)km_precision_size(precision);
    }
    source->first_column = INT64_MAX;
}

/* Where a field is; its source grows to hold it, so offsets in rows come when all are known. */
static void find_field(km_opened_file *opened, km_field *field, const km_place *place,
                       km_error *error)
{
    if (field->source < 0 || error->code != KM_OK)
        return;
    km_source *source = &opened->sources[field->source];
    if (!find_value(field, place, source->type) || field->column >= source->array.n_columns) {
        has_changed(opened, place->dataset, error);
        return;
    }
    const int64_t end =
        source->first_column == INT64_MAX ? 0 : source->first_column + source->n_columns;
    if (field->column < source->first_column)
        source->first_column = field->column;
    source->n_columns = (field->column + 1 > end ? field->column + 1 : end) - source->first_column;
}

/* A row is read at once, in a transfer that all MPIs can do. */
static void check_width(const km_opened_file *opened, const km_source *source, km_error *error)
{
    const int64_t most = (int64_t)1 << 30;
    if (source->n_columns > 0 && source->n_columns > most / source->reading_bytes)
        km_fail(error, KM_DATA,
                "too wide a row (%s, %s): its chosen values are more than %lld bytes apart; choose "
                "others with -c",
                opened->path, source->dataset, (long long)most);
}

static void settle_field(const km_opened_file *opened, km_field *field, km_use use,
                         km_precision precision)
{
    if (field->source < 0)
        return;
    const km_source *source = &opened->sources[field->source];
    field->offset += (field->column - source->first_column) * source->element_bytes;
    field->stride = source->n_columns * source->element_bytes;
    const bool is_number = use == KM_USE_FEATURES || use == KM_USE_WEIGHTS;
    const bool is_ready = source->is_converted || km_h5_is_native(field->type, precision);
    /* Weights are wanted side by side. */
    const bool is_apart = use == KM_USE_WEIGHTS && field->stride != sizeof(double);
    if (is_number && (!is_ready || is_apart))
        field->gathered_bytes = (int64_t)km_h5_value_size(field->type, precision);
}

static km_code open_all(km_opened_file *opened, const km_catalogue *catalogue,
                        const km_column *columns, bool is_together, km_error *error)
{
    for (int64_t s = 0; s < opened->n_sources; s++)
        open_source(opened, s, catalogue, columns, is_together, error);
    for (int64_t c = 0; c < opened->n_columns; c++) {
        find_field(opened, &opened->values[c], &columns[c].values, error);
        find_field(opened, &opened->masks[c], &columns[c].mask, error);
    }
    for (int64_t s = 0; s < opened->n_sources && error->code == KM_OK; s++)
        check_width(opened, &opened->sources[s], error);
    for (int64_t c = 0; c < opened->n_columns && error->code == KM_OK; c++) {
        const km_precision precision = km_precision_of_column(catalogue, c);
        settle_field(opened, &opened->values[c], use_of(catalogue, c), precision);
        settle_field(opened, &opened->masks[c], KM_USE_MASKS, precision);
    }
    return error->code;
}

km_code km_opened_open(km_opened_file *opened, const km_catalogue *catalogue, const char *path,
                       const km_column *columns, MPI_Comm comm, km_error *error)
{
    const char *what = "list of datasets";
    const int64_t n = catalogue->n_columns;
    *opened = (km_opened_file){.path = path, .file = H5I_INVALID_HID, .n_columns = n};
    opened->sources = km_allocate(2 * n, sizeof *opened->sources, what, error);
    opened->values = km_allocate(2 * n, sizeof *opened->values, what, error);
    if (comm != MPI_COMM_NULL)
        km_agree(comm, error);
    if (error->code != KM_OK)
        return error->code;
    opened->masks = opened->values + n;
    list_sources(opened, catalogue, columns);
    km_h5_open(path, comm, &opened->file, error);
    if (comm != MPI_COMM_NULL)
        km_agree(comm, error);
    if (error->code != KM_OK)
        return error->code;
    return open_all(opened, catalogue, columns, comm != MPI_COMM_NULL, error);
}

void km_opened_close(km_opened_file *opened)
{
    for (int64_t s = 0; s < opened->n_sources; s++) {
        km_h5_close_array(&opened->sources[s].array);
        if (opened->sources[s].type >= 0)
            H5Tclose(opened->sources[s].type);
    }
    for (int64_t c = 0; c < 2 * opened->n_columns && opened->n_sources > 0; c++)
        if (opened->values[c].type >= 0)
            H5Tclose(opened->values[c].type);
    if (opened->file >= 0)
        H5Fclose(opened->file);
    free(opened->sources);
    free(opened->values);
    *opened = (km_opened_file){.file = H5I_INVALID_HID};
}

int64_t km_opened_row_bytes(const km_opened_file *opened)
{
    int64_t bytes = 1; /* is it missing? */
    for (int64_t s = 0; s < opened->n_sources; s++)
        bytes += opened->sources[s].n_columns * opened->sources[s].reading_bytes;
    for (int64_t c = 0; c < opened->n_columns; c++)
        bytes += opened->values[c].gathered_bytes;
    return bytes;
}
