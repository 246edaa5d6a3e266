/* Which columns of a table are features: the list of -c, or the default. */
#include "base/error.h"
#include "base/memory.h"
#include "choice.h"

#include <stdlib.h>
#include <string.h>

static void choose_list(km_choice *choice, const char *list)
{
    char *copy = km_copy_text(list, "list of features", choice->error);
    for (char *rest = copy; rest != NULL && choice->error->code == KM_OK;) {
        char *item = km_cut_item(&rest);
        if (*item == '\0')
            km_fail(choice->error, KM_USAGE,
                    "empty name in the list of columns (-c): names are separated by single commas, "
                    "and a list with blanks stands in quotes, -c 'a, b'");
        else
            km_choose_item(choice, item);
    }
    free(copy);
}

bool km_is_default_column(const km_table *table, const km_column *column, bool is_floating)
{
    return (is_floating ? column->is_floating : column->is_numeric) &&
           column->n_rows == table->n_rows && !column->has_bad_mask;
}

static void choose_default(km_choice *choice)
{
    const km_table *table = choice->table;
    const int64_t n = table->is_array ? 1 : table->n_columns;
    for (int64_t i = 0; i < n; i++)
        if (table->is_array || km_is_default_column(table, &table->columns[i], true))
            km_choose_all_values(choice, &table->columns[i]);
    if (choice->count == 0)
        km_fail(choice->error, KM_DATA,
                "no feature by default (%s, %s): the table has no floating-point column; name "
                "columns with -c",
                choice->scope->path, table->path);
}

/* ---- selecting ------------------------------------------------------------------------------ */

static void make_choice(km_choice *choice, const char *list)
{
    if (km_names_create(&choice->names, choice->table, choice->error) != KM_OK)
        return;
    if (list == NULL)
        choose_default(choice);
    else
        choose_list(choice, list);
    km_names_free(&choice->names);
}

km_column *km_scope_select(const km_scope *scope, const km_table *table, const char *list,
                           km_inputs *inputs, int64_t *count, km_error *error)
{
    km_choice choice = {
        .table = table, .scope = scope, .option = "-c", .inputs = inputs, .error = error};
    make_choice(&choice, list);
    *count = choice.count;
    if (error->code == KM_OK)
        return choice.columns;
    free(choice.columns);
    return NULL;
}

bool km_scope_select_one(const km_scope *scope, const km_table *table, const char *name,
                         const char *option, km_inputs *inputs, km_column *column, km_error *error)
{
    km_choice choice = {.table = table,
                        .scope = scope,
                        .option = option,
                        .inputs = inputs,
                        .may_be_text = inputs == NULL,
                        .error = error};
    make_choice(&choice, name);
    if (error->code == KM_OK && choice.count != 1)
        km_fail(error, KM_USAGE, "bad value (%s %s): it takes one column of one value per row",
                option, name);
    if (error->code == KM_OK)
        *column = choice.columns[0];
    free(choice.columns);
    return error->code == KM_OK;
}

void km_scope_add_condition(const km_scope *scope, const km_table *table, const char *text,
                            const char *option, km_inputs *inputs, km_error *error)
{
    km_choice choice = {
        .table = table, .scope = scope, .option = option, .inputs = inputs, .error = error};
    if (km_names_create(&choice.names, table, error) == KM_OK)
        km_choose_expression(&choice, text, false);
    km_names_free(&choice.names);
    free(choice.columns);
}
