/* Groups whose datasets are columns, /group/NAME, or whose groups are, /group/NAME/data: as h5py,
 * netCDF-4, simulations, vaex, AnnData, MATLAB and many others write them. */
#include "base/error.h"
#include "base/memory.h"
#include "links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A group while its columns are collected. */
typedef struct collection {
    km_finder *finder;
    const km_object *group;
    km_table *table;
    int64_t n_arrays;
    struct array_column {
        int64_t column, table; /* that is a table, too; -1: not found under this name */
    } * arrays;
    char why_none[160];
} collection;

/* ---- indexes -------------------------------------------------------------------------------- */

/* Groups in which PyTables keeps its indexes; they hold no tables. */
bool km_find_index(km_finder *finder, const km_object *object, km_table *table)
{
    char class[16];
    (void)finder;
    (void)table;
    if (!object->is_group)
        return false;
    km_h5_read_text(object->id, "CLASS", class, sizeof class);
    return strcmp(class, "TINDEX") == 0 || strcmp(class, "INDEX") == 0;
}

/* ---- links ---------------------------------------------------------------------------------- */

static void add_to_collection(collection *c, const km_column *column, int64_t array_table)
{
    const struct array_column array = {c->table->n_columns, array_table};
    km_add_column(c->table, column, c->finder->error);
    if (array_table >= 0)
        c->arrays = km_append(c->arrays, &c->n_arrays, sizeof array, &array, c->finder->error);
}

/* Visits an object as a table by itself. Returns the number of that table; -1 if it is none, or is
 * visited later. */
static int64_t visit_as_table(collection *c, const km_object *object, bool is_hard)
{
    const int64_t n_before = c->finder->found->count;
    if (c->finder->is_shallow)
        return -1;
    if (!is_hard) {
        km_finder_visit_later(c->finder, object->path);
        return -1;
    }
    km_finder_visit(c->finder, object);
    return c->finder->found->count == n_before + 1 ? n_before : -1;
}

static bool may_be_table(const km_object *object)
{
    int64_t shape[2];
    if (object->is_group)
        return true;
    const int n = km_find_shape(object->id, shape);
    return n == 2 || (n == 1 && km_holds_compounds(object->id));
}

static void visit_object(collection *c, const km_object *object, bool is_hard)
{
    km_column column;
    char why[sizeof c->why_none];
    const bool is_column =
        km_describe_object(c->finder->file, object->id, object->name, object->path,
                           c->finder->found->is_transposed, &column, why, sizeof why);
    if (why[0] != '\0')
        km_add_unusable(c->finder, object->path, why);
    /* A group that is a column contains no tables, unless it is a matrix of Octave. */
    const bool is_column_group = object->is_group && is_column &&
                                 (!column.is_matrix || km_ends_with(c->group->path, "/columns"));
    const int64_t table =
        !is_column_group && may_be_table(object) ? visit_as_table(c, object, is_hard) : -1;
    if (is_column)
        add_to_collection(c, &column, table);
}

/* What astropy and others store beside their tables. */
static bool is_companion(const char *name)
{
    return km_ends_with(name, ".__table_column_meta__") || strcmp(name, "__categories") == 0;
}

static void visit_link(collection *c, const km_link *link)
{
    char path[KM_DATASET_SIZE], why[sizeof c->why_none];
    if (is_companion(link->name))
        return;
    if (!km_join_path(path, c->group->path, link->name)) {
        km_add_unusable(c->finder, c->group->path, "the path of an object in it is too long");
        return;
    }
    const hid_t id = H5Oopen(c->group->id, link->name, H5P_DEFAULT);
    if (id < 0) {
        km_explain_link(c->group->id, link->name, why, sizeof why);
        km_add_unusable(c->finder, path, why);
        return;
    }
    const H5I_type_t type = H5Iget_type(id);
    const bool is_truth_of_mock = c->finder->is_mock && strcmp(path, "/truth") == 0;
    if ((type == H5I_DATASET || type == H5I_GROUP) && !is_truth_of_mock)
        visit_object(c,
                     &(km_object){.id = id,
                                  .parent = c->group->id,
                                  .name = link->name,
                                  .path = path,
                                  .is_group = type == H5I_GROUP,
                                  .depth = c->group->depth + 1},
                     link->is_hard);
    H5Oclose(id);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool decides_rows(const km_column *column, bool is_floating)
{
    return column->is_numeric && !column->is_matrix && (column->is_floating || !is_floating);
}

static int compare_lengths(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The most frequent length, the longest of several; -1 if there is none. */
static int64_t most_frequent(int64_t *lengths, int64_t count)
{
    int64_t best = -1, maximum = 0, first = 0;
    qsort(lengths, (size_t)count, sizeof *lengths, compare_lengths);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && lengths[i] != lengths[i - 1])
            first = i;
        if (i - first + 1 >= maximum) {
            maximum = i - first + 1;
            best = lengths[i];
        }
    }
    return best;
}

/* The number of rows of a table, which its default features decide: floating-point columns, or if
 * there are none, all numbers. -1: there are none. */
static int64_t count_rows_of_columns(const km_table *table, bool is_floating, km_error *error)
{
    int64_t count = 0;
    int64_t *lengths = km_allocate(table->n_columns, sizeof *lengths, "list of columns", error);
    for (int64_t i = 0; i < table->n_columns && lengths != NULL; i++)
        if (decides_rows(&table->columns[i], is_floating))
            lengths[count++] = table->columns[i].n_rows;
    const int64_t n_rows = lengths != NULL ? most_frequent(lengths, count) : -1;
    free(lengths);
    return n_rows;
}

/* Notes flaws that do not matter if columns are named. */
static void note_flaws(km_table *table, bool is_floating)
{
    const km_column *first = NULL;
    for (int64_t i = 0; i < table->n_columns && table->flaw[0] == '\0'; i++) {
        const km_column *column = &table->columns[i];
        if (column->has_bad_mask && column->is_numeric && (column->is_floating || !is_floating))
            snprintf(table->flaw, sizeof table->flaw,
                     "the mask of column %.64s has another length than its values, or holds no "
                     "truth values",
                     column->name);
        if (!decides_rows(column, is_floating))
            continue;
        if (first != NULL && column->n_rows != first->n_rows)
            snprintf(table->flaw, sizeof table->flaw,
                     "its columns are not equally long: %.64s has %lld rows, %.64s has %lld",
                     first->name, (long long)first->n_rows, column->name,
                     (long long)column->n_rows);
        first = first != NULL ? first : column;
    }
    table->needs_columns = table->flaw[0] != '\0';
}

/* ---- the table ------------------------------------------------------------------------------ */

/* A group is a table if it has a one-dimensional column of numbers, or several datasets of two
 * dimensions that are vectors; a single one of these is a table by itself. */
static bool is_group_table(const collection *c)
{
    int64_t n_plain = 0, n_vectors = 0;
    for (int64_t i = 0; i < c->table->n_columns; i++)
        n_plain += decides_rows(&c->table->columns[i], false);
    for (int64_t a = 0; a < c->n_arrays; a++)
        n_vectors += decides_rows(&c->table->columns[c->arrays[a].column], false);
    return n_plain > n_vectors || n_vectors > 1;
}

/* Datasets of two dimensions that are columns of this table are chosen by themselves only on
 * request. */
static void claim_arrays(const collection *c)
{
    for (int64_t a = 0; a < c->n_arrays; a++) {
        const struct array_column *array = &c->arrays[a];
        km_table *table = &c->finder->found->tables[array->table];
        if (table->is_array && c->table->columns[array->column].n_rows == c->table->n_rows)
            table->is_on_request = true;
    }
}

static void refuse_without_numbers(const collection *c)
{
    const km_table *table = c->table;
    for (int64_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].is_numeric)
            return;
    if (table->n_columns > 0)
        km_refuse_table(c->finder, table);
}

/* A dataset of one row beside columns of one row is an array column, not a transposed column. */
static void turn_single_rows(km_table *table)
{
    bool has_one_row = false;
    for (int64_t i = 0; i < table->n_columns; i++)
        has_one_row = has_one_row ||
                      (table->columns[i].is_numeric && !table->columns[i].values.is_transposed &&
                       table->columns[i].n_rows == 1);
    for (int64_t i = 0; i < table->n_columns && has_one_row; i++) {
        km_column *column = &table->columns[i];
        if (!column->values.is_transposed || column->values.length != 1)
            continue;
        column->values.is_transposed = false;
        column->values.length = column->n_rows;
        column->n_rows = 1;
        column->is_matrix = true;
    }
}

static void complete_table(collection *c)
{
    km_table *table = c->table;
    km_error *error = c->finder->error;
    if (!c->finder->found->is_transposed)
        turn_single_rows(table);
    if (c->finder->wanted == NULL && !is_group_table(c)) {
        refuse_without_numbers(c);
        free(table->columns);
        table->columns = NULL;
        table->n_columns = 0;
        return;
    }
    const bool is_floating = count_rows_of_columns(table, true, error) >= 0;
    table->n_rows = count_rows_of_columns(table, is_floating, error);
    note_flaws(table, is_floating);
    claim_arrays(c);
}

/* Lists only the links to wanted columns, by the paths of these. */
static void list_wanted(const km_finder *finder, km_links *links)
{
    char name[KM_DATASET_SIZE];
    const km_wanted *wanted = finder->wanted;
    const size_t length = strcmp(wanted->table, "/") == 0 ? 0 : strlen(wanted->table);
    *links = (km_links){0};
    for (int64_t i = 0; i < wanted->count && finder->error->code == KM_OK; i++) {
        const char *dataset = wanted->columns[i].values.dataset;
        if (strncmp(dataset, wanted->table, length) != 0 || dataset[length] != '/')
            continue;
        snprintf(name, sizeof name, "%s", dataset + length + 1);
        name[strcspn(name, "/")] = '\0';
        if (links->count == 0 || strcmp(links->list[links->count - 1].name, name) != 0)
            km_links_add(links, name, true, finder->error);
    }
}

bool km_find_columns(km_finder *finder, const km_object *object, km_table *table)
{
    collection c = {.finder = finder, .group = object, .table = table};
    km_links links;
    if (!object->is_group)
        return false;
    if (finder->wanted != NULL)
        list_wanted(finder, &links);
    else
        km_links_list(object->id, &links, finder->error);
    km_find_writer(object->id, table->writer, sizeof table->writer);
    for (int64_t i = 0; i < links.count && finder->error->code == KM_OK; i++)
        visit_link(&c, &links.list[i]);
    km_links_free(&links);
    if (finder->error->code == KM_OK)
        complete_table(&c);
    free(c.arrays);
    return true;
}
