/* What the options choose in one file: a table, and columns of it and of other files. */
#include "base/error.h"
#include "base/memory.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

static bool is_same_place(const km_place *a, const km_place *b)
{
    return strcmp(a->dataset, b->dataset) == 0 && strcmp(a->member, b->member) == 0 &&
           a->position == b->position && a->other == b->other;
}

/* Removes a column with another role from the default features. */
static km_code leave_out(km_selection *choice, const km_column *other, const km_scope *scope,
                         km_error *error)
{
    int64_t kept = 0;
    for (int64_t j = 0; j < choice->n_features; j++)
        if (!is_same_place(&choice->columns[j].values, &other->values))
            choice->columns[kept++] = choice->columns[j];
    choice->n_features = kept;
    if (kept == 0)
        return km_fail(error, KM_DATA,
                       "no feature by default (%s, %s): its only column is that of the weights or "
                       "ids; name columns with -c",
                       scope->path, choice->table);
    return KM_OK;
}

/* Chooses the column of --weights or --id; it is then no feature by default, nor is what it is
 * computed from. */
static void choose_role(km_selection *choice, const km_scope *scope, const km_table *table,
                        const km_catalogue_name *name, const char *option, const char *text,
                        km_inputs *inputs, km_column *column, km_error *error)
{
    if (text == NULL || error->code != KM_OK ||
        !km_scope_select_one(scope, table, text, option, inputs, column, error) ||
        name->columns != NULL)
        return;
    if (column->expression == 0)
        leave_out(choice, column, scope, error);
    for (int64_t i = 0; column->expression > 0 && i < inputs->n_columns; i++)
        leave_out(choice, &inputs->columns[i], scope, error);
}

static void append_column(km_selection *choice, const char *text, const km_column *column,
                          km_error *error)
{
    if (text != NULL && error->code == KM_OK)
        choice->columns =
            km_append(choice->columns, &choice->n_columns, sizeof *column, column, error);
}

/* All columns must have the rows of the table; of one whose columns are not equally long, those of
 * the first that was chosen. */
static void check_column_lengths(km_selection *choice, const km_scope *scope, const km_table *table,
                                 km_error *error)
{
    const bool has_rows = table->flaw[0] == '\0';
    const char *whose = has_rows ? table->path : choice->columns->name;
    choice->n_rows = has_rows ? table->n_rows : choice->columns->n_rows;
    for (int64_t c = 0; c < choice->n_columns && error->code == KM_OK; c++)
        if (choice->columns[c].n_rows != choice->n_rows)
            km_fail(error, KM_DATA,
                    "columns are not equally long (%s, %s, column %s): it has %lld rows, and %s "
                    "has %lld; choose columns of the same rows",
                    scope->path, choice->table, choice->columns[c].name,
                    (long long)choice->columns[c].n_rows, whose, (long long)choice->n_rows);
}

static void append_inputs(km_selection *choice, km_inputs *inputs, km_error *error)
{
    for (int64_t i = 0; i < inputs->n_columns && error->code == KM_OK; i++)
        choice->columns = km_append(choice->columns, &choice->n_columns, sizeof *choice->columns,
                                    &inputs->columns[i], error);
    choice->n_expressions = inputs->n_expressions;
    choice->expressions = inputs->expressions;
    inputs->n_expressions = 0;
    inputs->expressions = NULL;
}

static void select_all_columns(km_selection *choice, const km_scope *scope, const km_table *table,
                               const km_catalogue_name *name, km_error *error)
{
    km_column weights, ids;
    km_inputs inputs = {.makes_features = true};
    const bool is_in_order = table->is_array && name->is_array_by_order;
    choice->columns = km_scope_select(scope, table, is_in_order ? NULL : name->columns, &inputs,
                                      &choice->n_features, error);
    for (int64_t j = 0; j < choice->n_features && choice->columns != NULL; j++)
        choice->columns[j].makes_feature = choice->columns[j].expression == 0;
    inputs.makes_features = false;
    choose_role(choice, scope, table, name, "--weights", name->weights, &inputs, &weights, error);
    choose_role(choice, scope, table, name, "--id", name->ids, NULL, &ids, error);
    if (name->where != NULL && error->code == KM_OK)
        km_scope_add_condition(scope, table, name->where, "--where", &inputs, error);
    choice->n_columns = choice->n_features;
    append_column(choice, name->weights, &weights, error);
    append_inputs(choice, &inputs, error);
    append_column(choice, name->ids, &ids, error);
    km_inputs_free(&inputs);
    if (error->code == KM_OK)
        check_column_lengths(choice, scope, table, error);
}

/* Moves the names of the other files, in the order of their numbers, to the selection. */
static void take_other_files(km_selection *choice, km_others *others, km_error *error)
{
    choice->others =
        km_allocate_zeroed(others->count, sizeof *choice->others, "list of files", error);
    for (int64_t i = 0; i < others->count && choice->others != NULL; i++) {
        choice->others[i] = others->list[i].path;
        others->list[i].path = NULL;
        choice->n_others++;
    }
}

km_code km_selection_make(km_selection *choice, hid_t file, const char *path, km_tables *tables,
                          const km_catalogue_name *name, km_error *error)
{
    km_others others = {.is_transposed = tables->is_transposed};
    const km_scope scope = {.file = file, .path = path, .tables = tables, .others = &others};
    memset(choice, 0, sizeof *choice);
    const km_table *table = km_scope_choose(&scope, name, error);
    if (table != NULL) {
        strcpy(choice->table, table->path);
        strcpy(choice->writer, table->writer);
        choice->is_array = table->is_array;
        choice->is_pattern = name->table != NULL && km_is_pattern(name->table) &&
                             km_tables_find_called(tables, name->table) == NULL;
        select_all_columns(choice, &scope, table, name, error);
        if (error->code == KM_OK)
            take_other_files(choice, &others, error);
    }
    km_others_free(&others);
    if (error->code != KM_OK)
        km_selection_free(choice);
    return error->code;
}

void km_selection_free(km_selection *choice)
{
    for (int64_t i = 0; i < choice->n_others; i++)
        free(choice->others[i]);
    free(choice->others);
    free(choice->columns);
    for (int64_t e = 0; e < choice->n_expressions; e++)
        km_expression_free(&choice->expressions[e]);
    free(choice->expressions);
    memset(choice, 0, sizeof *choice);
}
