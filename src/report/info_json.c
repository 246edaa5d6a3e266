/* `info --json`: all that is known of a file. docs/info-json.md describes the members. */
#include "info.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

static void put_text_or_null(km_json *json, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        km_json_text(json, name, text);
    else
        km_json_null(json, name);
}

static void put_place(km_json *json, const char *name, const km_place *place)
{
    if (place->dataset[0] == '\0') {
        km_json_null(json, name);
        return;
    }
    km_json_open(json, name, '{');
    km_json_text(json, "dataset", place->dataset);
    put_text_or_null(json, "member", place->member);
    km_json_int(json, "position", place->position);
    km_json_int(json, "length", place->length);
    km_json_bool(json, "is_transposed", place->is_transposed);
    km_json_bool(json, "is_bitmap", place->is_bitmap);
    km_json_close(json, '}');
}

static bool declares_something(const km_convention *c)
{
    return c->is_unsigned || c->is_packed || c->is_biased || c->has_lowest || c->has_highest ||
           c->has_fill || c->n_missing > 0;
}

static void put_number_or_null(km_json *json, const char *name, bool has, long double value)
{
    if (has)
        km_json_long(json, name, value);
    else
        km_json_null(json, name);
}

static void put_convention(km_json *json, const km_convention *c, bool is_raw)
{
    if (is_raw || !declares_something(c)) {
        km_json_null(json, "convention");
        return;
    }
    km_json_open(json, "convention", '{');
    km_json_bool(json, "is_unsigned", c->is_unsigned);
    put_number_or_null(json, "factor", c->is_packed || c->is_biased, c->factor);
    put_number_or_null(json, "offset", c->is_packed || c->is_biased, c->offset);
    put_number_or_null(json, "lowest", c->has_lowest, c->lowest);
    put_number_or_null(json, "highest", c->has_highest, c->highest);
    put_number_or_null(json, "fill", c->has_fill, c->fill);
    km_json_open(json, "missing", '[');
    for (int64_t i = 0; i < c->n_missing; i++)
        km_json_long(json, NULL, c->missing[i]);
    km_json_close(json, ']');
    km_json_close(json, '}');
}

/* Cuts the text with all filters of a column at its commas, but not before "not available", which
 * belongs to the filter before it. */
static void put_filters(km_json *json, const km_column *column)
{
    char text[sizeof column->filters];
    snprintf(text, sizeof text, "%s", column->filters);
    km_json_open(json, "filters", '[');
    for (char *next = text; next != NULL && next[0] != '\0';) {
        char *filter = next, *comma = strstr(filter, ", ");
        if (comma != NULL && strncmp(comma, ", not available", 15) == 0)
            comma = strstr(comma + 2, ", ");
        if (comma != NULL)
            *comma = '\0';
        next = comma != NULL ? comma + 2 : NULL;
        km_json_text(json, NULL, filter);
    }
    km_json_close(json, ']');
}

static void put_remark(km_json *json, hid_t file, const km_column *column, const char *name)
{
    char remark[KM_REMARK_SIZE];
    km_remark_of_column(file, column, name, remark);
    put_text_or_null(json, name, remark);
}

/* All members of a column but its name. */
static void put_column(km_json *json, const km_findings_of_file *found, const km_column *column)
{
    km_json_int(json, "rows", column->n_rows);
    km_json_text(json, "type", column->type);
    km_json_bool(json, "is_numeric", column->is_numeric);
    km_json_bool(json, "is_floating", column->is_floating);
    km_json_bool(json, "is_text", column->is_text);
    km_json_bool(json, "is_category", column->is_category);
    put_text_or_null(json, "units", column->units);
    put_remark(json, found->file, column, "description");
    put_remark(json, found->file, column, "formula");
    put_place(json, "values", &column->values);
    put_place(json, "mask", &column->mask);
    km_json_bool(json, "has_bad_mask", column->has_bad_mask);
    km_json_text(json, "storage", column->storage);
    put_filters(json, column);
    km_json_bool(json, "lacks_filter", column->lacks_filter);
    put_convention(json, &column->convention, found->asked->is_raw);
}

static void put_table(km_json *json, const km_findings_of_file *found, const km_table *table)
{
    char where[KM_REMARK_SIZE];
    km_remark_of_table(found->file, table, "where", where);
    km_json_open(json, NULL, '{');
    km_json_text(json, "path", table->path);
    km_json_text(json, "layout", table->layout);
    km_json_bool(json, "is_array", table->is_array);
    km_json_bool(json, "is_on_request", table->is_on_request);
    km_json_int(json, "rows", table->n_rows);
    km_json_int(json, "n_columns", table->n_columns);
    put_text_or_null(json, "flaw", table->flaw);
    km_json_bool(json, "needs_columns", table->needs_columns);
    put_text_or_null(json, "writer", table->writer);
    put_text_or_null(json, "where", where);
    km_json_open(json, "columns", '[');
    for (int64_t i = 0; i < (table->is_array ? 1 : table->n_columns); i++) {
        km_json_open(json, NULL, '{');
        if (table->is_array)
            km_json_null(json, "name");
        else
            km_json_text(json, "name", table->columns[i].name);
        put_column(json, found, &table->columns[i]);
        km_json_close(json, '}');
    }
    km_json_close(json, ']');
    km_json_close(json, '}');
}

static void put_operations(km_json *json, const km_expression *expression)
{
    km_json_open(json, "operations", '[');
    for (int64_t o = 0; o < expression->n_operations; o++) {
        const km_operation *operation = &expression->operations[o];
        km_json_open(json, NULL, '{');
        km_json_text(json, "operator", km_operator_name(operation->code));
        km_json_int(json, "to", operation->to);
        if (operation->code == KM_NUMBER || km_takes_position(operation->code))
            km_json_real(json, "number", operation->number);
        if (operation->a != KM_NO_OPERAND)
            km_json_int(json, "a", operation->a);
        if (operation->b != KM_NO_OPERAND)
            km_json_int(json, "b", operation->b);
        km_json_close(json, '}');
    }
    km_json_close(json, ']');
}

/* How a column is computed, so that other programs need not parse expressions. */
static void put_computation(km_json *json, const km_selection *s, const km_column *column)
{
    if (column->expression == 0) {
        km_json_null(json, "computed");
        return;
    }
    const km_expression *expression = &s->expressions[column->expression - 1];
    km_json_open(json, "computed", '{');
    km_json_text(json, "expression", expression->text);
    put_operations(json, expression);
    km_json_int(json, "result", expression->result);
    km_json_close(json, '}');
}

/* A column of the selection, which may be in another file. */
static void put_selected(km_json *json, const km_findings_of_file *found, const km_column *column)
{
    const int64_t other = column->values.other;
    km_json_open(json, NULL, '{');
    km_json_text(json, "name", column->name);
    put_text_or_null(json, "file", other > 0 ? found->selection.others[other - 1] : NULL);
    put_column(json, found, column);
    put_computation(json, &found->selection, column);
    km_json_close(json, '}');
}

static void put_inputs_of_selection(km_json *json, const km_findings_of_file *found)
{
    const km_selection *s = &found->selection;
    km_json_open(json, "inputs", '[');
    for (int64_t i = s->n_features; i < s->n_columns; i++) /* there are no weights and ids here */
        put_selected(json, found, &s->columns[i]);
    km_json_close(json, ']');
}

static void put_selection(km_json *json, const km_findings_of_file *found)
{
    const km_selection *s = &found->selection;
    if (!found->has_selection) {
        km_json_null(json, "table");
        km_json_null(json, "selection");
        return;
    }
    km_json_text(json, "table", s->table);
    km_json_open(json, "selection", '[');
    for (int64_t j = 0; j < s->n_features; j++)
        put_selected(json, found, &s->columns[j]);
    km_json_close(json, ']');
    put_inputs_of_selection(json, found);
}

void km_info_print_json(const km_findings_of_file *found)
{
    km_json json = {.file = stdout, .is_first = true};
    const km_tables *tables = &found->tables;
    km_json_open(&json, NULL, '{');
    km_json_int(&json, "version", 1);
    km_json_text(&json, "file", found->asked->paths[0]);
    km_json_text(&json, "kind", found->is_result ? "result" : "catalogue");
    km_json_bool(&json, "is_transposed", found->asked->is_transposed);
    km_json_open(&json, "tables", '[');
    for (int64_t i = 0; i < tables->count; i++)
        put_table(&json, found, &tables->tables[i]);
    km_json_close(&json, ']');
    km_json_open(&json, "unusable", '[');
    for (int64_t i = 0; i < tables->n_unusable; i++) {
        km_json_open(&json, NULL, '{');
        km_json_text(&json, "path", tables->unusable[i].path);
        km_json_text(&json, "reason", tables->unusable[i].reason);
        km_json_close(&json, '}');
    }
    km_json_close(&json, ']');
    put_selection(&json, found);
    km_json_close(&json, '}');
    putchar('\n');
}
