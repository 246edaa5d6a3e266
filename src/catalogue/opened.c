/* Opens what is needed of a file: each dataset once, however many columns are in it. */
#include "opened.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/precision.h"
#include "base/threads.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- opening -------------------------------------------------------------------------------- */

static km_code refuse_changed_columns(const km_opened_file *opened, const char *what,
                                      km_error *error)
{
    return km_fail(error, KM_DATA,
                   "file changed while it was read (%s, %s): its columns are not what they were at "
                   "first; run again when nothing writes to it",
                   opened->path, what);
}

/* Is this the source of a place? Rows of a contiguous transposed dataset are sources of their own,
 * since they lie apart; those of a chunked one share chunks, and one source. */
static bool is_source_of(const km_source *source, const km_place *place)
{
    return source->other == place->other && strcmp(source->dataset, place->dataset) == 0 &&
           source->is_transposed == place->is_transposed && source->is_bitmap == place->is_bitmap &&
           (source->position < 0 || source->position == place->position);
}

/* The slot of the source of a place, or the empty one (-1) for a new source. Hashing keeps the cost
 * per column constant. */
static int64_t *find_slot(const km_opened_file *opened, const km_place *place)
{
    uint64_t hash = (uint64_t)place->other;
    for (const char *c = place->dataset; *c != '\0'; c++)
        hash = km_mix(hash ^ (uint64_t)(unsigned char)*c);
    int64_t slot = (int64_t)(hash % (uint64_t)opened->n_slots);
    while (opened->slots[slot] >= 0 && !is_source_of(&opened->sources[opened->slots[slot]], place))
        slot = slot + 1 < opened->n_slots ? slot + 1 : 0;
    return &opened->slots[slot];
}

/* Opens the dataset of a source: of a file that all ranks have open also by this rank alone. */
static km_code open_source(km_opened_file *opened, km_source *source, km_error *error)
{
    km_h5_array *array = &source->array, alone;
    const hid_t file = opened->files[source->other];
    if (km_h5_open_array(file, source->dataset, array, error) != KM_OK || opened->alone <= 0)
        return error->code;
    if (km_h5_open_array(opened->alone, source->dataset, &alone, error) != KM_OK) {
        km_h5_close_array(array);
        return error->code;
    }
    H5Tclose(array->type); /* types of texts know their file */
    array->type = alone.type;
    array->alone = alone.dataset;
    return error->code;
}

/* The source of a place, which is opened if it is new; -1 if that fails. */
static int64_t find_source(km_opened_file *opened, const km_place *place, km_error *error)
{
    int64_t *slot = find_slot(opened, place);
    if (*slot >= 0)
        return *slot;
    km_source *source = &opened->sources[opened->n_sources];
    *source = (km_source){.dataset = place->dataset,
                          .other = place->other,
                          .is_transposed = place->is_transposed,
                          .is_bitmap = place->is_bitmap,
                          .position = -1,
                          .type = H5I_INVALID_HID,
                          .descriptor = -1,
                          .first_column = INT64_MAX};
    if (open_source(opened, source, error) != KM_OK)
        return -1;
    if (place->is_transposed && source->array.chunk_rows == 0)
        source->position = place->position;
    *slot = opened->n_sources;
    return opened->n_sources++;
}

/* Finds the source of each column and mask. */
static void list_sources(km_opened_file *opened, const km_catalogue *catalogue,
                         const km_column *columns, km_error *error)
{
    for (int64_t c = 0; c < opened->n_columns && error->code == KM_OK; c++) {
        if (columns[c].expression > 0)
            continue;
        const bool has_mask = columns[c].mask.dataset[0] != '\0' && km_is_value(catalogue, c);
        opened->values[c].source = find_source(opened, &columns[c].values, error);
        if (has_mask && error->code == KM_OK)
            opened->masks[c].source = find_source(opened, &columns[c].mask, error);
    }
}

/* Are the chunks of this source read whole, and decoded by us? Plain chunks are if they are small,
 * since HDF5 needs much time and memory for many of them; large ones are read in parts. */
static bool is_read_by_chunks(const km_source *source)
{
    const int64_t maximum = 1 << 20;
    const km_h5_array *array = &source->array;
    return array->is_decodable && !source->has_pointers && source->element_bytes > 0 &&
           source->element_bytes == array->element_bytes &&
           (array->has_filters ||
            array->chunk_rows * array->chunk_columns <= maximum / array->element_bytes);
}

int km_opened_descriptor(km_opened_file *opened, int64_t other)
{
    const bool is_together = opened->alone > 0 && other == 0;
    if (opened->descriptors[other] < 0)
        opened->descriptors[other] =
            km_h5_open_plain(is_together ? opened->alone : opened->files[other]);
    return opened->descriptors[other];
}

/* Where values are contiguous, each thread can read by itself, and a read that fails is seen, as
 * through MPI-IO it is not; HDF5 reads for one thread at a time. External files it would open again
 * for each piece. */
static void find_plain_values(km_opened_file *opened, km_source *source)
{
    if (source->array.is_external) {
        source->descriptor = km_h5_open_external(&source->array, &source->address);
        source->address = source->descriptor >= 0 ? source->address : -1;
        return;
    }
    const int64_t address = km_h5_find_values(&source->array, opened->files[source->other]);
    source->descriptor = address >= 0 ? km_opened_descriptor(opened, source->other) : -1;
    source->address = source->descriptor >= 0 ? address : -1;
}

static void prepare_source(km_opened_file *opened, int64_t s, const km_column *columns)
{
    km_source *source = &opened->sources[s];
    source->type = km_type_to_read(opened, s, columns);
    source->has_pointers = km_has_pointers(source->type);
    source->element_bytes = (int64_t)H5Tget_size(source->type);
    source->is_decoded = is_read_by_chunks(source);
    source->address = -1;
    if ((km_threads() > 1 || opened->alone > 0 || source->array.is_external) &&
        !source->has_pointers && source->element_bytes == source->array.element_bytes)
        find_plain_values(opened, source);
}

/* Makes one text of a field of several letters. Returns how many columns of its dataset it takes.
 */
static int64_t join_letters(km_field *field, const km_place *place, int64_t element_bytes)
{
    if (place->length > 1 && H5Tget_class(field->type) == H5T_STRING) {
        field->size *= place->length;
        H5Tset_size(field->type, (size_t)field->size);
        H5Tset_strpad(field->type, H5T_STR_NULLPAD); /* all of them may be letters */
    }
    return (field->offset + field->size + element_bytes - 1) / element_bytes;
}

/* Finds a field in its source, which is widened to hold it. */
static void find_field(km_opened_file *opened, km_field *field, const km_place *place,
                       km_error *error)
{
    if (field->source < 0 || error->code != KM_OK)
        return;
    km_source *source = &opened->sources[field->source];
    const km_h5_array *array = &source->array;
    if (place->is_transposed) {
        field->type = H5Tcopy(source->type);
        field->size = source->element_bytes;
        field->column = place->position;
    }
    if (source->element_bytes == 0 ||
        (!place->is_transposed && !km_field_find_value(field, place, source->type)) ||
        field->column >= (place->is_transposed ? array->n_rows : array->n_columns)) {
        refuse_changed_columns(opened, place->dataset, error);
        return;
    }
    const int64_t n_columns = join_letters(field, place, source->element_bytes);
    if (n_columns > 1 && field->column + n_columns > array->n_columns) {
        refuse_changed_columns(opened, place->dataset, error);
        return;
    }
    const int64_t end =
        source->first_column == INT64_MAX ? 0 : source->first_column + source->n_columns;
    if (field->column < source->first_column)
        source->first_column = field->column;
    const int64_t last = field->column + n_columns > end ? field->column + n_columns : end;
    source->n_columns = last - source->first_column;
}

/* Parts of the rows of a contiguous array cost one read each, or as much as whole rows. So rows are
 * read whole, unless they are very long. */
static void widen_to_whole_rows(km_source *source)
{
    const int64_t max_row_bytes = 64 << 10, d = source->array.n_columns;
    if (!source->is_transposed && source->array.is_contiguous && source->n_columns > 0 &&
        d <= max_row_bytes / source->element_bytes) {
        source->first_column = 0;
        source->n_columns = d;
    }
}

/* Refuses rows that are too wide for one transfer of any MPI. */
static void check_width(const km_opened_file *opened, const km_source *source, km_error *error)
{
    const int64_t maximum = (int64_t)1 << 30;
    if (source->n_columns > 0 && source->n_columns > maximum / source->element_bytes)
        km_fail(error, KM_DATA,
                "too wide a row (%s, %s): its chosen values are more than %lld bytes apart; choose "
                "others with -c",
                opened->path, source->dataset, (long long)maximum);
}

/* Decides how a field becomes a value. Numbers in the working precision are used where they were
 * read; but weights must be contiguous. */
static void prepare_field(km_opened_file *opened, const km_catalogue *catalogue,
                          const km_column *columns, int64_t c)
{
    km_field *field = &opened->values[c];
    const km_source *source = &opened->sources[field->source];
    const km_precision precision = km_precision_of_column(catalogue, c);
    const km_convention convention = km_convention_of(catalogue, &columns[c]);
    field->number = km_h5_describe_number(field->type);
    field->is_odd = field->number.kind == KM_H5_ODD_NUMBER;
    opened->has_odd = opened->has_odd || field->is_odd;
    if (field->is_odd) /* HDF5 makes doubles of them */
        field->number = (km_h5_number){.kind = KM_H5_FLOAT, .size = sizeof(double)};
    field->codes = km_codes_prepare(&convention, &field->number);
    const bool is_ready = !field->is_odd && field->codes.is_plain && !field->number.is_swapped &&
                          field->number.kind == KM_H5_FLOAT &&
                          field->number.size == (int)km_precision_size(precision);
    const bool is_apart = c >= catalogue->n_features &&
                          (source->n_columns > 1 || source->element_bytes > field->size);
    field->is_unpacked = !is_ready || is_apart;
}

static km_code open_columns(km_opened_file *opened, const km_catalogue *catalogue,
                            const km_column *columns, km_error *error)
{
    list_sources(opened, catalogue, columns, error);
    for (int64_t s = 0; s < opened->n_sources && error->code == KM_OK; s++)
        prepare_source(opened, s, columns);
    for (int64_t c = 0; c < opened->n_columns; c++) {
        find_field(opened, &opened->values[c], &columns[c].values, error);
        find_field(opened, &opened->masks[c], &columns[c].mask, error);
    }
    for (int64_t s = 0; s < opened->n_sources && error->code == KM_OK; s++) {
        widen_to_whole_rows(&opened->sources[s]);
        check_width(opened, &opened->sources[s], error);
    }
    for (int64_t c = 0; c < opened->n_columns && error->code == KM_OK; c++)
        if (columns[c].expression > 0)
            opened->values[c].is_unpacked = true; /* it is computed to memory of its own */
        else if (!km_is_value(catalogue, c) && !catalogue->asked.is_raw)
            km_ids_prepare(&opened->values[c], &columns[c]);
        else if (km_is_value(catalogue, c))
            prepare_field(opened, catalogue, columns, c);
    return error->code;
}

/* Opens a file by all ranks together, with the hints of --mpi-info. */
static void open_by_all(km_opened_file *opened, const km_catalogue *catalogue, MPI_Comm comm,
                        km_error *error)
{
    MPI_Info hints = km_comm_hints(catalogue->asked.hints, catalogue->asked.n_hints);
    km_h5_open_together(opened->path, comm, hints, &opened->files[0], &opened->alone, error);
    km_comm_free_hints(&hints);
}

/* One file is opened together if comm says so; others by each rank. */
static void open_files(km_opened_file *opened, const km_catalogue *catalogue, MPI_Comm comm,
                       km_error *error)
{
    if (comm != MPI_COMM_NULL)
        open_by_all(opened, catalogue, comm, error);
    else if (opened->files[0] < 0)
        km_h5_open(opened->path, &opened->files[0], error);
    for (int64_t f = 1; f < opened->n_files && error->code == KM_OK; f++)
        km_h5_open(catalogue->others[f - 1], &opened->files[f], error);
}

km_code km_opened_open(km_opened_file *opened, const km_catalogue *catalogue, const char *path,
                       hid_t file, const km_column *columns, MPI_Comm comm, km_error *error)
{
    const char *what = "list of datasets";
    const int64_t n = catalogue->n_columns;
    *opened = (km_opened_file){.path = path, .n_columns = n, .n_files = 1 + catalogue->n_others};
    opened->files = km_allocate(opened->n_files, sizeof *opened->files, what, error);
    opened->descriptors = km_allocate(opened->n_files, sizeof *opened->descriptors, what, error);
    opened->sources = km_allocate(2 * n, sizeof *opened->sources, what, error);
    opened->values = km_allocate(2 * n, sizeof *opened->values, what, error);
    for (int64_t f = 0; f < opened->n_files && opened->files != NULL; f++)
        opened->files[f] = f == 0 ? file : H5I_INVALID_HID;
    for (int64_t f = 0; f < opened->n_files && opened->descriptors != NULL; f++)
        opened->descriptors[f] = -1;
    if (opened->files == NULL && file >= 0)
        H5Fclose(file);
    opened->n_slots = 4 * n;
    opened->slots = km_allocate(opened->n_slots, sizeof *opened->slots, what, error);
    for (int64_t s = 0; s < opened->n_slots && opened->slots != NULL; s++)
        opened->slots[s] = -1;
    if (comm != MPI_COMM_NULL)
        km_agree(comm, error);
    for (int64_t c = 0; c < 2 * n && opened->values != NULL; c++)
        opened->values[c] = (km_field){.source = -1, .type = H5I_INVALID_HID};
    if (error->code != KM_OK)
        return error->code;
    opened->masks = opened->values + n;
    open_files(opened, catalogue, comm, error);
    if (comm != MPI_COMM_NULL)
        km_agree(comm, error);
    if (error->code != KM_OK)
        return error->code;
    return open_columns(opened, catalogue, columns, error);
}

void km_opened_close(km_opened_file *opened)
{
    for (int64_t s = 0; s < opened->n_sources; s++) {
        if (opened->sources[s].array.is_external && opened->sources[s].descriptor >= 0)
            close(opened->sources[s].descriptor);
        km_h5_close_array(&opened->sources[s].array);
        if (opened->sources[s].type >= 0)
            H5Tclose(opened->sources[s].type);
    }
    for (int64_t c = 0; c < 2 * opened->n_columns && opened->values != NULL; c++)
        if (opened->values[c].type >= 0)
            H5Tclose(opened->values[c].type);
    for (int64_t f = 0; f < opened->n_files && opened->files != NULL; f++)
        if (opened->files[f] >= 0)
            H5Fclose(opened->files[f]);
    if (opened->alone > 0)
        H5Fclose(opened->alone);
    for (int64_t f = 0; f < opened->n_files && opened->descriptors != NULL; f++)
        if (opened->descriptors[f] >= 0)
            close(opened->descriptors[f]);
    free(opened->files);
    free(opened->descriptors);
    free(opened->sources);
    free(opened->slots);
    free(opened->values);
    *opened = (km_opened_file){.path = NULL};
}
