/* Which columns of a table are features: the list of -c, or the default. */
#include "skymeans/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A growing choice of columns. */
struct choice {
    const km_table *table;
    const char *file;
    km_column *columns;
    int64_t count;
    km_error *error;
};

/* Column i of the table; an array has one description for all of its columns. */
static km_column column_of(const km_table *table, int64_t i)
{
    if (!table->is_array)
        return table->columns[i];
    km_column column = table->columns[0];
    snprintf(column.name, sizeof column.name, "%lld", (long long)i);
    column.position = i;
    return column;
}

static void choose(struct choice *choice, int64_t i)
{
    km_column *grown = km_grow(choice->columns, choice->count, sizeof *choice->columns,
                               "list of features", choice->error);
    if (grown == NULL)
        return;
    choice->columns = grown;
    if (choice->table->columns[choice->table->is_array ? 0 : i].is_masked) {
        km_fail(choice->error, KM_DATA,
                "masked column (%s, %s, column %s): its mask of missing values can't be read yet; "
                "write it with NaN for them, or choose other columns",
                choice->file, choice->table->path, choice->table->columns[i].name);
        return;
    }
    choice->columns[choice->count++] = column_of(choice->table, i);
}

/* "0:7" or "3"; `last` is not included. */
static bool parse_range(const char *text, int64_t n_columns, int64_t *first, int64_t *last)
{
    char copy[64];
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    char *colon = strchr(copy, ':');
    if (colon == NULL) {
        *last = km_parse_int64(copy, first) && *first < INT64_MAX ? *first + 1 : -1;
    } else {
        *colon = '\0';
        if (!km_parse_int64(copy, first) || !km_parse_int64(colon + 1, last))
            return false;
    }
    return 0 <= *first && *first < *last && *last <= n_columns;
}

static void choose_numbers(struct choice *choice, const char *item)
{
    int64_t first, last;
    const km_table *table = choice->table;
    if (!parse_range(item, table->n_columns, &first, &last)) {
        km_fail(choice->error, KM_DATA,
                "no such column (%s, %s, column %s): the array has columns 0 to %lld; name them by "
                "number, features also by range, as in -c 0,2,5:7",
                choice->file, table->path, item, (long long)table->n_columns - 1);
        return;
    }
    for (int64_t i = first; i < last && choice->error->code == KM_OK; i++)
        choose(choice, i);
}

static const char *nearest_name(const km_table *table, const char *name)
{
    const char *nearest = table->columns[0].name;
    for (int64_t i = 1; i < table->n_columns; i++)
        if (km_edit_distance(table->columns[i].name, name) < km_edit_distance(nearest, name))
            nearest = table->columns[i].name;
    return nearest;
}

static void choose_name(struct choice *choice, const char *name)
{
    const km_table *table = choice->table;
    for (int64_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->columns[i].name, name) == 0) {
            if (table->columns[i].is_numeric)
                choose(choice, i);
            else
                km_fail(choice->error, KM_DATA,
                        "not a number (%s, %s, column %s): only numeric columns can be features "
                        "or weights; choose others",
                        choice->file, table->path, name);
            return;
        }
    km_fail(choice->error, KM_DATA,
            "no such column (%s, %s, column %s): the nearest name is '%s'; upper and lower case "
            "matter, and skymeans info lists all",
            choice->file, table->path, name, nearest_name(table, name));
}

/* Takes the braces off {b-v}. */
static char *without_braces(char *item)
{
    const size_t length = strlen(item);
    if (length < 2 || item[0] != '{' || item[length - 1] != '}')
        return item;
    item[length - 1] = '\0';
    return item + 1;
}

/* Cuts the next item off a list: up to a comma outside parentheses and braces. Between braces
 * stands a name, in which nothing else counts. */
static char *cut_item(char **rest)
{
    char *item = *rest, *c = item;
    bool is_name = false;
    for (int depth = 0; *c != '\0' && (*c != ',' || depth > 0 || is_name); c++) {
        is_name = is_name ? *c != '}' : *c == '{';
        if (!is_name)
            depth += (*c == '(') - (*c == ')');
    }
    *rest = *c == ',' ? c + 1 : NULL;
    *c = '\0';
    return item;
}

static void choose_list(struct choice *choice, char *list)
{
    for (char *rest = list; rest != NULL && choice->error->code == KM_OK;) {
        char *item = cut_item(&rest);
        if (*item == '\0')
            km_fail(choice->error, KM_USAGE,
                    "empty name in the list of columns (-c): names are separated by single commas");
        else if (choice->table->is_array)
            choose_numbers(choice, item);
        else
            choose_name(choice, without_braces(item));
    }
}

static void choose_default(struct choice *choice)
{
    const km_table *table = choice->table;
    for (int64_t i = 0; i < table->n_columns && choice->error->code == KM_OK; i++)
        if (table->is_array || table->columns[i].is_floating)
            choose(choice, i);
    if (choice->count == 0)
        km_fail(choice->error, KM_DATA,
                "no feature by default (%s, %s): the table has no floating-point column; name "
                "columns with -c",
                choice->file, table->path);
}

km_column *km_table_select(const km_table *table, const char *list, const char *file,
                           int64_t *count, km_error *error)
{
    struct choice choice = {.table = table, .file = file, .error = error};
    if (list == NULL) {
        choose_default(&choice);
    } else {
        char *copy = km_copy_text(list, "list of features", error);
        if (copy != NULL)
            choose_list(&choice, copy);
        free(copy);
    }
    if (error->code != KM_OK) {
        free(choice.columns);
        return NULL;
    }
    *count = choice.count;
    return choice.columns;
}

/* Appends a name as -c takes it, in braces if it could be read as something else. */
static char *append_name(char *end, bool is_first, const char *name)
{
    const bool is_plain = strpbrk(name, ",(){}+-*/^ <>=!&|[]") == NULL;
    end = stpcpy(end, is_first ? "" : ",");
    return stpcpy(stpcpy(stpcpy(end, is_plain ? "" : "{"), name), is_plain ? "" : "}");
}

static char *room_for_names(int64_t count, km_error *error)
{
    return km_allocate_zeroed(count, KM_NAME_SIZE + 3, "names of the features", error);
}

char *km_catalogue_columns_text(const km_catalogue *catalogue, km_error *error)
{
    char *text = room_for_names(catalogue->n_features, error), *end = text;
    for (int64_t j = 0; j < catalogue->n_features && text != NULL; j++)
        end = append_name(end, j == 0, catalogue->names[j]);
    return text;
}

static bool has_floating(const km_table *table)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].is_floating)
            return true;
    return false;
}

char *km_table_columns_text(const km_table *table, km_error *error)
{
    char *text = room_for_names(table->is_array ? 1 : table->n_columns, error), *end = text;
    if (text == NULL)
        return NULL;
    if (table->is_array) {
        snprintf(text, KM_NAME_SIZE, "0:%lld", (long long)table->n_columns);
        return text;
    }
    const bool has_any = has_floating(table);
    for (int64_t i = 0; i < table->n_columns; i++)
        if (has_any ? table->columns[i].is_floating : table->columns[i].is_numeric)
            end = append_name(end, end == text, table->columns[i].name);
    return text;
}
