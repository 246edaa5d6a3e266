/* One side of a comparison while it is read: its file, this rank's rows, the list of labels. */
#include "compare/side.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- opening --------------------------------------------------------------------------------- */

static km_code refuse_file(const char *file, km_error *error)
{
    return km_fail(error, KM_DATA,
                   "not a result (%s): it has no /labels; name the column of labels, as in "
                   "FILE:/path, see skymeans info FILE",
                   file);
}

/* Opens the ids beside the labels of a result. */
static void open_ids(km_side_reader *r, km_error *error)
{
    r->has_ids =
        strcmp(r->side->path, "/labels") == 0 && H5Lexists(r->file, "ids", H5P_DEFAULT) > 0;
    if (r->has_ids && km_values_open(&r->ids, r->file, r->side->file, "/ids", error) == KM_OK &&
        r->ids.n_rows != r->labels.n_rows)
        km_fail(error, KM_DATA,
                "not a whole result (%s): it has %lld labels and %lld ids; copy it again",
                r->side->file, (long long)r->labels.n_rows, (long long)r->ids.n_rows);
    r->ids.are_ids = true;
}

km_code km_side_open(km_side_reader *r, km_side *side, const char *name, MPI_Comm comm,
                     km_error *error)
{
    const char *inside;
    *r = (km_side_reader){.side = side, .file = H5I_INVALID_HID};
    r->labels.type = r->labels.array.dataset = r->labels.array.type = H5I_INVALID_HID;
    r->side->file = km_h5_split_name(name, &inside, error);
    r->side->path = km_copy_text(inside != NULL ? inside : "/labels", "name of labels", error);
    if (error->code != KM_OK || km_h5_open(r->side->file, &r->file, error) != KM_OK)
        return error->code;
    if (inside == NULL && H5Lexists(r->file, "labels", H5P_DEFAULT) <= 0)
        return refuse_file(r->side->file, error);
    if (km_values_open(&r->labels, r->file, r->side->file, r->side->path, error) == KM_OK)
        open_ids(r, error);
    if (error->code != KM_OK)
        return error->code;
    const int64_t n = r->has_ids && r->ids.piece_rows < r->labels.piece_rows ? r->ids.piece_rows
                                                                             : r->labels.piece_rows;
    r->labels.piece_rows = n;
    r->buffer = km_allocate(n, sizeof *r->buffer, "labels", error);
    r->is_missing = km_allocate(n, sizeof *r->is_missing, "labels", error);
    r->side->n_rows = r->labels.n_rows;
    r->slab = km_slab(r->side->n_rows, km_comm_size(comm), km_comm_rank(comm));
    return error->code;
}

void km_side_close(km_side_reader *r)
{
    km_values_close(&r->labels);
    if (r->has_ids)
        km_values_close(&r->ids);
    if (r->file >= 0)
        H5Fclose(r->file);
    km_dictionary_free(&r->dictionary);
    free(r->numbers);
    free(r->buffer);
    free(r->is_missing);
}

/* ---- reading --------------------------------------------------------------------------------- */

km_code km_side_read(km_side_reader *r, km_rows rows, int32_t *positions, km_error *error)
{
    if (km_values_read(&r->labels, rows, r->buffer, r->is_missing, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < rows.count && error->code == KM_OK; i++)
        positions[i] =
            r->is_missing[i] ? -1 : km_dictionary_add(&r->dictionary, &r->buffer[i], error);
    return error->code;
}

km_identified *km_side_read_ids(km_side_reader *r, km_error *error)
{
    const int64_t n_max = r->labels.piece_rows;
    km_identified *rows = km_allocate(r->slab.count, sizeof *rows, "ids and labels", error);
    int32_t *positions = km_allocate(n_max, sizeof *positions, "labels", error);
    for (int64_t done = 0; done < r->slab.count && error->code == KM_OK; done += n_max) {
        const int64_t left = r->slab.count - done;
        const km_rows piece = {r->slab.first + done, left < n_max ? left : n_max};
        if (km_side_read(r, piece, positions, error) == KM_OK)
            km_values_read(&r->ids, piece, r->buffer, r->is_missing, error);
        for (int64_t i = 0; i < piece.count && error->code == KM_OK; i++)
            rows[done + i] = (km_identified){.high = r->buffer[i].high,
                                             .low = r->buffer[i].low,
                                             .row = piece.first + i,
                                             .label = positions[i]};
    }
    free(positions);
    return rows;
}

/* ---- labels of all ranks --------------------------------------------------------------------- */

km_code km_side_gather_labels(km_side_reader *r, MPI_Comm comm, km_error *error)
{
    static const km_merging merging = {sizeof(km_label), "labels", km_label_order, NULL};
    km_side *side = r->side;
    const int64_t n_own = r->dictionary.count;
    int64_t count = n_own;
    void *labels = km_allocate(n_own, sizeof(km_label), "labels", error);
    r->numbers = km_allocate(n_own, sizeof *r->numbers, "labels", error);
    if (km_agree(comm, error) == KM_OK && n_own > 0)
        memcpy(labels, r->dictionary.labels, (size_t)n_own * sizeof(km_label));
    if (error->code == KM_OK)
        km_merge_ranks(&merging, &labels, &count, comm, error);
    side->labels = labels;
    if (error->code != KM_OK)
        return error->code;
    km_broadcast(comm, 0, &count, sizeof count);
    if (km_comm_rank(comm) > 0) {
        free(side->labels);
        side->labels = km_allocate(count, sizeof *side->labels, "labels", error);
    }
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    km_broadcast(comm, 0, side->labels, count * (int64_t)sizeof *side->labels);
    side->n_labels = count;
    for (int64_t i = 0; i < n_own; i++) {
        const km_label *found = bsearch(&r->dictionary.labels[i], side->labels, (size_t)count,
                                        sizeof *found, km_label_order);
        r->numbers[i] = (int32_t)(found - side->labels);
    }
    return KM_OK;
}
