/* Frames of pandas, which stores columns of one type together, in blocks.
 *
 * format='fixed': a group with the names in `axis0`, and for each block its names in `blockN_items`
 * and its values, a row each, in `blockN_values`.
 * format='table': a table of compounds with an array `values_block_N` a block, whose names are in
 * an attribute `values_block_N_kind`; all in the order of the frame in `non_index_axes` of its
 * group. Both are lists as Python pickles them (protocol 0). */
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of columns, `size` bytes each. */
typedef struct names {
    char *texts;
    int64_t count;
    size_t size;
} names;

static const char *name_at(const names *n, int64_t i)
{
    return n->texts + (size_t)i * n->size;
}

/* The columns called in this order come first, the others after them. */
static void put_in_order(km_table *table, const names *order, int64_t first)
{
    int64_t done = 0;
    for (int64_t n = first; n < order->count; n++)
        for (int64_t i = done; i < table->n_columns; i++)
            if (strcmp(table->columns[i].name, name_at(order, n)) == 0) {
                const km_column column = table->columns[i];
                memmove(&table->columns[done + 1], &table->columns[done],
                        (size_t)(i - done) * sizeof column);
                table->columns[done++] = column;
                break;
            }
}

static bool is_text(hid_t object, const char *attribute, const char *text)
{
    char found[32];
    km_h5_read_text(object, attribute, found, sizeof found);
    return strcmp(found, text) == 0;
}

/* ---- fixed -------------------------------------------------------------------------------------
 */

/* Where there are no rows pandas stores a value of padding, and beside it the type. */
static bool is_without_rows(hid_t dataset, km_column *column)
{
    char type[32];
    km_h5_read_text(dataset, "value_type", type, sizeof type);
    if (type[0] == '\0' || H5Aexists(dataset, "shape") <= 0)
        return false;
    column->is_floating = strncmp(type, "float", strlen("float")) == 0;
    column->fits_float32 = true; /* so that it does not make other files more precise */
    return true;
}

/* Columns with these names, of which a block holds the values, a row each. */
static void add_named(hid_t values, km_table *table, const names *n, const km_column *like,
                      const char *block, km_error *error)
{
    int64_t shape[2];
    km_column column = *like;
    const bool is_shaped = km_find_shape(values, shape) == 2 && column.values.length == 1;
    const bool has_rows = !is_without_rows(values, &column);
    const int64_t n_rows = has_rows ? shape[0] : 0;
    /* Objects of Python, as texts are, are one row for all. */
    if (!is_shaped || n->count == 0 || (has_rows && shape[1] != n->count))
        return;
    if (table->n_rows >= 0 && table->n_rows != n_rows)
        snprintf(table->flaw, sizeof table->flaw, "%s has %lld rows, and others %lld", block,
                 (long long)n_rows, (long long)table->n_rows);
    table->n_rows = n_rows;
    for (int64_t i = 0; i < n->count; i++) {
        snprintf(column.name, sizeof column.name, "%s", name_at(n, i));
        column.values.position = has_rows ? i : 0;
        km_add_column(table, &column, error);
    }
}

/* The columns of block b; false if there is none. */
static bool add_block(hid_t group, km_table *table, int b, km_error *error)
{
    char items[32], values[32], path[KM_DATASET_SIZE];
    names n = {0};
    km_column column = {0};
    snprintf(items, sizeof items, "block%d_items", b);
    snprintf(values, sizeof values, "block%d_values", b);
    if (H5Lexists(group, items, H5P_DEFAULT) <= 0 || H5Lexists(group, values, H5P_DEFAULT) <= 0 ||
        !km_join_path(path, table->path, values))
        return false;
    const hid_t dataset = H5Dopen2(group, values, H5P_DEFAULT);
    if (dataset < 0)
        return false;
    n.texts = km_h5_read_texts(group, items, &n.count, &n.size, error);
    const hid_t type = H5Dget_type(dataset);
    km_describe_type(type, &column);
    km_describe_dataset(dataset, path, &column);
    add_named(dataset, table, &n, &column, values, error);
    free(n.texts);
    H5Tclose(type);
    H5Dclose(dataset);
    return true;
}

bool km_find_frame(hid_t group, km_table *table, km_error *error)
{
    if (!is_text(group, "pandas_type", "frame"))
        return false;
    names order = {0};
    table->n_rows = -1;
    for (int b = 0; add_block(group, table, b, error) && error->code == KM_OK; b++)
        ;
    order.texts = km_h5_read_texts(group, "axis0", &order.count, &order.size, error);
    if (order.texts != NULL)
        put_in_order(table, &order, 0);
    free(order.texts);
    return true;
}

/* ---- table -------------------------------------------------------------------------------------
 */

/* Appends a character as UTF-8, if there is room for it. */
static void append_character(char *name, unsigned long c)
{
    static const unsigned long begins[] = {0, 0xc0, 0xe0, 0xf0};
    const int n_more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    const size_t length = strlen(name);
    char *to = name + length;
    if (length + (size_t)n_more + 1 >= KM_NAME_SIZE)
        return;
    *to++ = (char)(begins[n_more] | c >> 6 * n_more);
    for (int i = n_more - 1; i >= 0; i--)
        *to++ = (char)(0x80 | (c >> 6 * i & 0x3f));
    *to = '\0';
}

/* A text as Python pickles it: Latin-1, and other characters as \u03b1 or \U0001f600. */
static void decode(const char *text, size_t length, char *name)
{
    memset(name, 0, KM_NAME_SIZE);
    for (size_t i = 0; i < length; i++) {
        char digits[9] = "", *end = digits;
        const size_t n_digits = text[i] != '\\' || i + 1 == length ? 0
                                : text[i + 1] == 'u'               ? 4
                                : text[i + 1] == 'U'               ? 8
                                                                   : 0;
        if (n_digits > 0 && i + 1 + n_digits < length)
            memcpy(digits, text + i + 2, n_digits);
        const unsigned long code = strtoul(digits, &end, 16);
        const bool is_code = n_digits > 0 && end == digits + n_digits && code < 0x110000;
        append_character(name, is_code ? code : (unsigned char)text[i]);
        i += is_code ? n_digits + 1 : 0;
    }
}

/* The texts and whole numbers in a pickle: what follows a V or an I up to the end of the line,
 * where an opcode can be: after another one, or a line. */
static names read_pickle(hid_t object, const char *attribute, km_error *error)
{
    names n = {.size = KM_NAME_SIZE};
    char name[KM_NAME_SIZE];
    char *pickle = km_h5_read_long_text(object, attribute, error);
    for (const char *at = pickle; at != NULL && *at != '\0' && error->code == KM_OK;) {
        const size_t length = strcspn(at, "\n");
        if (*at == 'V' || *at == 'I') {
            decode(at + 1, length - 1, name);
            n.texts = km_append(n.texts, &n.count, sizeof name, name, error);
        }
        /* Marks, tuples and appends stand alone; what has an argument takes the line. */
        at += strchr("(at", *at) != NULL ? 1 : length + (at[length] == '\n');
    }
    free(pickle);
    return n;
}

/* Replaces an array column by as many columns as it has values, with these names. */
static void split_column(km_table *table, int64_t i, const names *n, km_error *error)
{
    const km_column whole = table->columns[i];
    for (int64_t v = 0; v < n->count; v++) {
        km_column column = whole;
        snprintf(column.name, sizeof column.name, "%s", name_at(n, v));
        column.values.position = v;
        column.values.length = 1;
        if (v == 0)
            table->columns[i] = column;
        else
            km_add_column(table, &column, error);
    }
}

void km_name_frame(hid_t group, hid_t dataset, km_table *table, km_error *error)
{
    if (!is_text(group, "pandas_type", "frame_table"))
        return;
    const int64_t n_columns = table->n_columns;
    for (int64_t i = 0; i < n_columns && error->code == KM_OK; i++) {
        char attribute[KM_NAME_SIZE + 8];
        snprintf(attribute, sizeof attribute, "%s_kind", table->columns[i].name);
        names n = read_pickle(dataset, attribute, error);
        if (n.count > 0 && n.count == table->columns[i].values.length)
            split_column(table, i, &n, error);
        free(n.texts);
    }
    const names order = read_pickle(group, "non_index_axes", error);
    put_in_order(table, &order, 1); /* the first is the number of the axis */
    free(order.texts);
}
