/* The best matching of labels: the assignment problem (Kuhn 1955, doi:10.1002/nav.3800020109), by
 * shortest augmenting paths (Jonker & Volgenant 1987, doi:10.1007/BF02278710) over the cells that
 * are not empty.
 *
 * Each row of the table also has a column of its own, whose cell is 0: with that it stays without a
 * partner. Invariant: row_price + column_price >= count for every cell, with equality for partners;
 * then no matching has a larger sum. */
#include "compare/compare.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* A column that a path reaches, at a distance that is a sum of reduced costs. */
typedef struct reached {
    int64_t distance;
    int32_t column;
} reached;

typedef struct matching {
    const km_cell *cells;
    int64_t n_a, n_b;
    int64_t *starts;                   /* [n_a + 1], the first cell of each row */
    int64_t *row_prices;               /* [n_a], as the next */
    int32_t *column_of;                /* the partner */
    int64_t *column_prices, *distance; /* [n_b + n_a], as the next; distance: -1 if not reached */
    int32_t *row_of, *from;            /* row_of: the partner; from: the row before on the path */
    int32_t *touched;                  /* [n_b + n_a], the columns reached */
    int64_t n_touched;
    reached *heap; /* [n_cells + n_a], the nearest first */
    int64_t n_heap;
} matching;

/* ---- heap ------------------------------------------------------------------------------------ */

static bool is_nearer(const reached *a, const reached *b)
{
    return a->distance < b->distance || (a->distance == b->distance && a->column < b->column);
}

static void push_column(matching *m, reached entry)
{
    int64_t at = m->n_heap++;
    for (; at > 0 && is_nearer(&entry, &m->heap[(at - 1) / 2]); at = (at - 1) / 2)
        m->heap[at] = m->heap[(at - 1) / 2];
    m->heap[at] = entry;
}

static reached pop_column(matching *m)
{
    const reached top = m->heap[0], last = m->heap[--m->n_heap];
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < m->n_heap; at = child) {
        if (child + 1 < m->n_heap && is_nearer(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (!is_nearer(&m->heap[child], &last))
            break;
        m->heap[at] = m->heap[child];
    }
    m->heap[at] = last;
    return top;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void reach_column(matching *m, int32_t row, int32_t column, int64_t count, int64_t distance)
{
    const int64_t d = distance + m->row_prices[row] + m->column_prices[column] - count;
    if (m->distance[column] >= 0 && m->distance[column] <= d)
        return;
    if (m->distance[column] < 0)
        m->touched[m->n_touched++] = column;
    m->distance[column] = d;
    m->from[column] = row;
    push_column(m, (reached){d, column});
}

/* All columns of a row, which is at this distance. */
static void leave_row(matching *m, int32_t row, int64_t distance)
{
    for (int64_t i = m->starts[row]; i < m->starts[row + 1]; i++)
        reach_column(m, row, m->cells[i].b, m->cells[i].count, distance);
    reach_column(m, row, (int32_t)(m->n_b + row), 0, distance);
}

/* The nearest column without a partner. */
static reached find_free_column(matching *m, int32_t row)
{
    m->n_heap = m->n_touched = 0;
    leave_row(m, row, 0);
    for (;;) {
        const reached next = pop_column(m); /* the row's own column is free, so there is one */
        if (m->row_of[next.column] < 0)
            return next;
        if (next.distance == m->distance[next.column]) /* else it was reached by a shorter way */
            leave_row(m, m->row_of[next.column], next.distance);
    }
}

/* Changes prices so that the path has reduced costs of 0, and the invariant holds. */
static void change_prices(matching *m, int32_t row, int64_t distance)
{
    m->row_prices[row] -= distance;
    for (int64_t i = 0; i < m->n_touched; i++) {
        const int32_t column = m->touched[i];
        const int64_t gain = distance - m->distance[column];
        if (gain > 0 && m->row_of[column] >= 0) {
            m->column_prices[column] += gain;
            m->row_prices[m->row_of[column]] -= gain;
        }
        m->distance[column] = -1;
    }
}

/* Gives each row of the path the column after it. */
static void take_path(matching *m, int32_t row, int32_t column)
{
    for (int32_t other = -1; other != row;) {
        other = m->from[column];
        const int32_t before = m->column_of[other];
        m->row_of[column] = other;
        m->column_of[other] = column;
        column = before;
    }
}

/* ---- all rows -------------------------------------------------------------------------------- */

static void match_row(matching *m, int32_t row)
{
    int64_t maximum = 0; /* of its cells, less the prices of their columns */
    for (int64_t i = m->starts[row]; i < m->starts[row + 1]; i++) {
        const int64_t gain = m->cells[i].count - m->column_prices[m->cells[i].b];
        maximum = gain > maximum ? gain : maximum;
    }
    m->row_prices[row] = maximum;
    const reached end = find_free_column(m, row);
    change_prices(m, row, end.distance);
    take_path(m, row, end.column);
}

static km_code prepare_matching(matching *m, int64_t n_cells, km_error *error)
{
    const char *what = "matching of labels";
    const int64_t n_columns = m->n_b + m->n_a;
    m->starts = km_allocate_zeroed(m->n_a + 1, sizeof *m->starts, what, error);
    m->row_prices = km_allocate_zeroed(m->n_a, sizeof *m->row_prices, what, error);
    m->column_prices = km_allocate_zeroed(n_columns, sizeof *m->column_prices, what, error);
    m->distance = km_allocate(n_columns, sizeof *m->distance, what, error);
    m->row_of = km_allocate(n_columns, sizeof *m->row_of, what, error);
    m->column_of = km_allocate(m->n_a, sizeof *m->column_of, what, error);
    m->from = km_allocate(n_columns, sizeof *m->from, what, error);
    m->touched = km_allocate(n_columns, sizeof *m->touched, what, error);
    m->heap = km_allocate(n_cells + m->n_a, sizeof *m->heap, what, error);
    if (error->code != KM_OK)
        return error->code;
    memset(m->distance, 0xff, (size_t)n_columns * sizeof *m->distance);
    memset(m->row_of, 0xff, (size_t)n_columns * sizeof *m->row_of);
    for (int64_t i = 0; i < n_cells; i++)
        m->starts[m->cells[i].a + 1]++;
    for (int64_t a = 0; a < m->n_a; a++)
        m->starts[a + 1] += m->starts[a];
    return KM_OK;
}

static void free_matching(matching *m)
{
    free(m->starts);
    free(m->row_prices);
    free(m->column_prices);
    free(m->distance);
    free(m->row_of);
    free(m->column_of);
    free(m->from);
    free(m->touched);
    free(m->heap);
}

km_code km_match_labels(const km_cell *cells, int64_t n_cells, int64_t n_a, int64_t n_b,
                        int32_t *partners, km_error *error)
{
    matching m = {.cells = cells, .n_a = n_a, .n_b = n_b};
    if (prepare_matching(&m, n_cells, error) == KM_OK) {
        for (int64_t a = 0; a < n_a; a++)
            match_row(&m, (int32_t)a);
        for (int64_t a = 0; a < n_a; a++)
            partners[a] = m.column_of[a] < n_b ? m.column_of[a] : -1;
    }
    free_matching(&m);
    return error->code;
}
