/* The comparison: both files are opened, rows are matched, pairs of labels counted, and the counts
 * of all ranks come together on rank 0. */
#include "compare/side.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct comparing {
    km_side_reader sides[2];
    km_pair_counts pairs;
    MPI_Comm comm;
} comparing;

/* Only these have ids. */
static bool is_result(const km_side_reader *r)
{
    return strcmp(r->side->path, "/labels") == 0;
}

/* How rows are matched, and whether they can be. */
static km_code choose_matching(km_comparison *comparison, const comparing *c, km_error *error)
{
    const km_side_reader *a = &c->sides[0], *b = &c->sides[1];
    const bool are_texts[] = {a->ids.kind >= KM_VALUE_TEXT, b->ids.kind >= KM_VALUE_TEXT};
    comparison->is_by_ids = a->has_ids && b->has_ids;
    if (comparison->is_by_ids && are_texts[0] != are_texts[1])
        return km_fail(error, KM_DATA,
                       "ids do not match (%s, %s): those of one are texts, those of the other "
                       "numbers; run one again with another --id",
                       a->side->file, b->side->file);
    if (!comparison->is_by_ids && a->side->n_rows != b->side->n_rows)
        return km_fail(error, KM_DATA,
                       "rows do not match (%s, %s): %lld and %lld rows; compare labels of the same "
                       "catalogue, or %s",
                       a->side->file, b->side->file, (long long)a->side->n_rows,
                       (long long)b->side->n_rows,
                       is_result(a) && is_result(b)
                           ? "let both results have ids (--id), by which rows are matched"
                           : "write the column to a file of its own as /labels, and the ids of its "
                             "rows as /ids, by which rows are matched");
    return KM_OK;
}

/* ---- counting by rows ------------------------------------------------------------------------ */

/* Counts pairs of labels of the same row. The positions are those of this rank's dictionaries. */
static km_code count_by_rows(comparing *c, km_error *error)
{
    km_side_reader *a = &c->sides[0], *b = &c->sides[1];
    const int64_t n_max =
        a->labels.piece_rows < b->labels.piece_rows ? a->labels.piece_rows : b->labels.piece_rows;
    int32_t *positions = km_allocate(2 * n_max, sizeof *positions, "labels", error);
    for (int64_t done = 0; done < a->slab.count && error->code == KM_OK; done += n_max) {
        const int64_t left = a->slab.count - done;
        const km_rows rows = {a->slab.first + done, left < n_max ? left : n_max};
        if (km_side_read(a, rows, positions, error) == KM_OK)
            km_side_read(b, rows, positions + n_max, error);
        for (int64_t i = 0; i < rows.count && error->code == KM_OK; i++)
            km_pairs_add(&c->pairs, positions[i], positions[n_max + i], error);
    }
    free(positions);
    return km_agree(c->comm, error);
}

/* ---- counting by ids ------------------------------------------------------------------------- */

/* Sends the rows of a side to the ranks of their ids. Collective. */
static km_code send_side(comparing *c, int which, km_identified **received, int64_t *n_received,
                         km_error *error)
{
    km_side_reader *r = &c->sides[which];
    km_identified *rows = km_side_read_ids(r, error);
    if (km_agree(c->comm, error) == KM_OK && km_side_gather_labels(r, c->comm, error) == KM_OK) {
        for (int64_t i = 0; i < r->slab.count; i++)
            rows[i].label = km_side_number(r, rows[i].label);
        km_send_by_id(rows, r->slab.count, received, n_received, c->comm, error);
    }
    free(rows);
    return error->code;
}

/* Counts pairs of labels of the same id. The positions are those of all ranks. Collective. */
static km_code count_by_ids(comparing *c, int64_t *n_matched, km_error *error)
{
    km_identified *rows[2] = {NULL, NULL};
    int64_t n_rows[2] = {0, 0};
    const char *const files[2] = {c->sides[0].side->file, c->sides[1].side->file};
    if (send_side(c, 0, &rows[0], &n_rows[0], error) == KM_OK &&
        send_side(c, 1, &rows[1], &n_rows[1], error) == KM_OK)
        km_join_by_id(rows[0], n_rows[0], rows[1], n_rows[1], files, &c->pairs, n_matched, error);
    free(rows[0]);
    free(rows[1]);
    if (km_agree(c->comm, error) == KM_OK)
        km_sum_int64(c->comm, n_matched, 1);
    return error->code;
}

/* ---- cells of all ranks ---------------------------------------------------------------------- */

/* Turns positions in this rank's lists of labels into those in the lists of all. */
static void number_pairs(comparing *c)
{
    for (int64_t i = 0; i < c->pairs.capacity; i++) {
        km_cell *cell = &c->pairs.slots[i];
        if (cell->count == 0)
            continue;
        cell->a = km_side_number(&c->sides[0], cell->a);
        cell->b = km_side_number(&c->sides[1], cell->b);
    }
}

/* ---- what follows from the cells ------------------------------------------------------------- */

/* Counts rows without a label, and leaves only cells of rows that have labels on both sides. */
static void set_apart_unlabeled(km_comparison *comparison)
{
    int64_t n = 0;
    for (int64_t i = 0; i < comparison->n_cells; i++) {
        const km_cell cell = comparison->cells[i];
        if (cell.a >= 0 && cell.b >= 0) {
            comparison->n_both += cell.count;
            comparison->cells[n++] = cell;
        } else if (cell.a >= 0 || cell.b >= 0) {
            comparison->n_only[cell.a >= 0 ? 0 : 1] += cell.count;
        } else {
            comparison->n_neither += cell.count;
        }
    }
    comparison->n_cells = n;
}

static km_code allocate_side(km_side *side, km_error *error)
{
    const char *what = "labels";
    side->sizes = km_allocate_zeroed(side->n_labels, sizeof *side->sizes, what, error);
    side->shared = km_allocate_zeroed(side->n_labels, sizeof *side->shared, what, error);
    side->partners = km_allocate(side->n_labels, sizeof *side->partners, what, error);
    for (int64_t i = 0; i < side->n_labels && error->code == KM_OK; i++)
        side->partners[i] = -1;
    return error->code;
}

/* Tells both sides how many rows partners share. */
static void count_shared(km_comparison *comparison)
{
    km_side *a = &comparison->sides[0], *b = &comparison->sides[1];
    comparison->n_moved = comparison->n_both;
    for (int64_t i = 0; i < comparison->n_cells; i++) {
        const km_cell *cell = &comparison->cells[i];
        if (a->partners[cell->a] != cell->b)
            continue;
        a->shared[cell->a] = b->shared[cell->b] = cell->count;
        b->partners[cell->b] = cell->a;
        comparison->n_moved -= cell->count;
    }
}

static km_code conclude_comparison(km_comparison *comparison, km_error *error)
{
    km_side *a = &comparison->sides[0], *b = &comparison->sides[1];
    set_apart_unlabeled(comparison);
    if (allocate_side(a, error) != KM_OK || allocate_side(b, error) != KM_OK)
        return error->code;
    for (int64_t i = 0; i < comparison->n_cells; i++) {
        a->sizes[comparison->cells[i].a] += comparison->cells[i].count;
        b->sizes[comparison->cells[i].b] += comparison->cells[i].count;
    }
    if (km_match_labels(comparison->cells, comparison->n_cells, a->n_labels, b->n_labels,
                        a->partners, error) != KM_OK)
        return error->code;
    count_shared(comparison);
    comparison->rand_index = km_rand_index(comparison);
    comparison->mutual_information = km_mutual_information(comparison);
    return KM_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Collective; errors are agreed. */
static km_code count_pairs(km_comparison *comparison, comparing *c, km_error *error)
{
    if (comparison->is_by_ids)
        return count_by_ids(c, &comparison->n_matched, error);
    comparison->n_matched = c->sides[0].side->n_rows;
    if (count_by_rows(c, error) == KM_OK &&
        km_side_gather_labels(&c->sides[0], c->comm, error) == KM_OK &&
        km_side_gather_labels(&c->sides[1], c->comm, error) == KM_OK)
        number_pairs(c);
    return error->code;
}

km_code km_compare(km_comparison *comparison, const char *const names[2], MPI_Comm comm,
                   km_error *error)
{
    comparing c = {.comm = comm};
    *comparison = (km_comparison){0};
    km_side_open(&c.sides[0], &comparison->sides[0], names[0], comm, error);
    km_side_open(&c.sides[1], &comparison->sides[1], names[1], comm, error);
    if (km_agree(comm, error) == KM_OK && choose_matching(comparison, &c, error) == KM_OK &&
        count_pairs(comparison, &c, error) == KM_OK &&
        km_pairs_gather(&c.pairs, &comparison->cells, &comparison->n_cells, comm, error) == KM_OK) {
        for (int i = 0; i < 2; i++)
            comparison->sides[i].n_alone = comparison->sides[i].n_rows - comparison->n_matched;
        if (km_comm_rank(comm) == 0)
            conclude_comparison(comparison, error);
    }
    for (int i = 0; i < 2; i++)
        km_side_close(&c.sides[i]);
    km_pairs_free(&c.pairs);
    return km_agree(comm, error);
}

void km_comparison_free(km_comparison *comparison)
{
    for (int i = 0; i < 2; i++) {
        km_side *side = &comparison->sides[i];
        free(side->file);
        free(side->path);
        free(side->labels);
        free(side->sizes);
        free(side->shared);
        free(side->partners);
    }
    free(comparison->cells);
    *comparison = (km_comparison){0};
}
