/* What an item of a list of columns means: a name, a number, a path or an expression. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A limit, so that what is kept for each of them, some kilobytes, fits into memory whatever a file
 * claims. */
enum { MAX_FEATURES = 1 << 17 };

void km_refuse_long_name(const char *file, const km_table *table, const char *name, km_error *error)
{
    km_fail(error, KM_DATA,
            "too long a name (%s, %s, column %s): names of columns have at most %d characters; "
            "rename it, or make a link to it with a shorter name",
            file, table->path, name, KM_NAME_SIZE - 1);
}

static void refuse_column(const km_choice *choice, const char *name, const char *reason)
{
    km_fail(choice->error, KM_DATA,
            "can't use a column (%s, %s, column %s): %s; choose another column",
            choice->scope->path, choice->table->path, name, reason);
}

/* Before any of them is made: a file may announce a billion values per row. */
static bool has_room_for_values(const km_choice *choice, int64_t n)
{
    if (n <= MAX_FEATURES - choice->count)
        return true;
    km_fail(choice->error, KM_DATA,
            "too many features (%s, %s): %d are the most; choose some with -c", choice->scope->path,
            choice->table->path, MAX_FEATURES);
    return false;
}

/* Chooses one value per row of a column. Values of array columns are called as in flux[2]. */
static void choose_value(km_choice *choice, const km_column *whole, int64_t position)
{
    km_column column = *whole;
    int length = (int)strlen(whole->name);
    if (!has_room_for_values(choice, 1))
        return;
    if (choice->table->is_array && whole == choice->table->columns)
        length = snprintf(column.name, sizeof column.name, "%lld", (long long)position);
    else if (whole->values.length > 1)
        length =
            snprintf(column.name, sizeof column.name, "%s[%lld]", whole->name, (long long)position);
    if (length >= (int)sizeof column.name) {
        km_refuse_long_name(choice->scope->path, choice->table, whole->name, choice->error);
        return;
    }
    if (column.mask.length > 1)
        column.mask.position += position;
    column.values.position += position;
    column.values.length = column.mask.length = 1;
    choice->columns =
        km_append(choice->columns, &choice->count, sizeof column, &column, choice->error);
}

/* Chooses a text that is stored letter by letter: all of them are one value. */
static void choose_letters(km_choice *choice, const km_column *column)
{
    choice->columns =
        km_append(choice->columns, &choice->count, sizeof *column, column, choice->error);
}

void km_choose_all_values(km_choice *choice, const km_column *column)
{
    if (!has_room_for_values(choice, column->values.length))
        return;
    for (int64_t i = 0; i < column->values.length && choice->error->code == KM_OK; i++)
        choose_value(choice, column, i);
}

/* How far a name is from what was asked for: the edits, and less than those if it begins like it.
 */
static int distance_of_name(const char *name, const char *asked)
{
    const size_t length = strlen(asked);
    const bool begins_alike = length > 1 && strncasecmp(name, asked, length) == 0;
    return begins_alike ? 1 : km_edit_distance(name, asked);
}

/* NULL if none is near: as many edits as there are letters make anything. */
static const char *nearest_name(const km_table *table, const char *asked)
{
    const char *nearest = table->columns[0].name;
    for (int64_t i = 1; i < table->n_columns; i++)
        if (distance_of_name(table->columns[i].name, asked) < distance_of_name(nearest, asked))
            nearest = table->columns[i].name;
    return 3 * distance_of_name(nearest, asked) <= 2 * (int)strlen(asked) ? nearest : NULL;
}

static const km_column *find_column(const km_names *names, const char *name)
{
    const int64_t i = km_names_find(names, name);
    return i >= 0 ? &names->table->columns[i] : NULL;
}

/* Cuts the position off flux[2], and the braces off {b-v}[2]. Returns the name, or NULL if there is
 * no position. */
static char *cut_number(char *item, int64_t *position)
{
    char *bracket = strrchr(item, '[');
    if (bracket == NULL || item[strlen(item) - 1] != ']')
        return NULL;
    bracket[0] = bracket[strlen(bracket) - 1] = '\0';
    return km_parse_int64(bracket + 1, position) ? km_without_braces(item) : NULL;
}

static bool has_position(const km_column *column, int64_t position)
{
    return position >= 0 && position < column->values.length;
}

/* Finds a column by its name, or by that in braces: what is between the first and the last, since a
 * name may have braces itself. */
static const km_column *find_whole_column(const km_names *names, char *item)
{
    const size_t length = strlen(item);
    if (length < 2 || item[0] != '{' || item[length - 1] != '}')
        return find_column(names, item);
    item[length - 1] = '\0';
    const km_column *column = find_column(names, item + 1);
    item[length - 1] = '}';
    return column;
}

const km_column *km_find_values(const km_names *names, char *item, int64_t *position)
{
    *position = -1;
    const km_column *column = find_whole_column(names, item);
    if (column != NULL)
        return column;
    const char *name = cut_number(km_without_braces(item), position);
    column = name != NULL ? find_column(names, name) : NULL;
    return column != NULL && has_position(column, *position) ? column : NULL;
}

/* The column whose value number flux[2] isn't there; NULL if `name` is none such. */
static const km_column *find_short_column(const km_choice *choice, const char *name)
{
    int64_t position;
    const km_column *column = NULL;
    char *copy = km_copy_text(name, "name of a column", choice->error);
    const char *whole = copy != NULL ? cut_number(copy, &position) : NULL;
    if (whole != NULL && !choice->table->is_array)
        column = find_column(&choice->names, whole);
    free(copy);
    return column;
}

static void refuse_unknown_column(const km_choice *choice, const char *name)
{
    char path[KM_DATASET_SIZE];
    const km_table *table = choice->table;
    const char *reason = km_join_path(path, table->path, name)
                             ? km_find_unusable(choice->scope->tables, path)
                             : NULL;
    const km_column *is_short = find_short_column(choice, name);
    if (reason != NULL)
        refuse_column(choice, name, reason);
    else if (table->is_array)
        km_fail(
            choice->error, KM_DATA,
            "no such column (%s, %s, column %s): the array has columns 0 to %lld; name them by "
            "number, features also by range, as in -c 0,2,5:7, and in expressions in braces, as "
            "in {0}-{1}",
            choice->scope->path, table->path, name, (long long)table->n_columns - 1);
    else if (is_short != NULL)
        km_fail(
            choice->error, KM_DATA,
            "no such column (%s, %s, column %s): %s has %lld values per row; the first is %s[0]",
            choice->scope->path, table->path, name, is_short->name,
            (long long)is_short->values.length, is_short->name);
    else if (nearest_name(table, name) == NULL)
        km_fail(choice->error, KM_DATA,
                "no such column (%s, %s, column %s): no name is near that; skymeans info lists all",
                choice->scope->path, table->path, name);
    else
        km_fail(choice->error, KM_DATA,
                "no such column (%s, %s, column %s): the nearest name is '%s'; upper and lower "
                "case matter, and skymeans info lists all",
                choice->scope->path, table->path, name, nearest_name(table, name));
}

static void refuse_as_ids(const km_choice *choice, const km_column *column)
{
    char reason[128];
    snprintf(reason, sizeof reason, "it is %s, and ids are numbers, or texts as HDF5 has them",
             column->type);
    refuse_column(choice, column->name, reason);
}

static bool is_allowed(const km_choice *choice, const km_column *column)
{
    if (column->has_bad_mask)
        refuse_column(choice, column->name,
                      "its mask has another length than its values, or holds no truth values");
    else if (column->convention.is_too_long)
        refuse_column(choice, column->name,
                      "it declares more missing values than are supported (64)");
    else if (choice->may_be_text && !column->is_numeric && !column->is_text)
        refuse_as_ids(choice, column);
    else if (!choice->may_be_text && !column->is_numeric)
        km_fail(choice->error, KM_DATA,
                "not a number (%s, %s, column %s): it is %s, and only numbers can be features or "
                "weights, or stand in expressions; choose others",
                choice->scope->path, choice->table->path, column->name, column->type);
    return choice->error->code == KM_OK;
}

/* Is each value one letter of a text, as netCDF stores them (NC_CHAR)? */
static bool is_in_letters(const km_column *column)
{
    return column->is_text && column->value_bytes == 1 && column->values.length > 1 &&
           !column->values.is_transposed;
}

static void choose_values(km_choice *choice, const km_column *column, int64_t position)
{
    if (!is_allowed(choice, column))
        return;
    if (position < 0 && is_in_letters(column))
        choose_letters(choice, column);
    else if (position >= 0)
        choose_value(choice, column, position);
    else
        km_choose_all_values(choice, column);
}

/* A column by its path from the table on, or one value of it, with its position. */
static bool find_path(km_choice *choice, const char *name, km_column *column, int64_t *position)
{
    char *copy = km_copy_text(name, "list of features", choice->error);
    *position = -1;
    bool is_there =
        copy != NULL && km_column_at(choice->scope, choice->table, name, column, choice->error);
    if (!is_there && choice->error->code == KM_OK) {
        const char *whole = cut_number(copy, position);
        is_there = whole != NULL &&
                   km_column_at(choice->scope, choice->table, whole, column, choice->error) &&
                   has_position(column, *position);
    }
    free(copy);
    return is_there;
}

/* Chooses by a path, or by an expression, which has signs outside of braces. */
static void choose_path(km_choice *choice, char *item)
{
    km_column column;
    int64_t position;
    const bool may_be_expression =
        choice->inputs != NULL && km_is_expression(item, choice->table->is_array);
    const char *name = km_without_braces(item);
    if (find_path(choice, name, &column, &position))
        choose_values(choice, &column, position);
    else if (choice->error->code != KM_OK || km_refuse_in_other(choice->scope, name, choice->error))
        return;
    else if (may_be_expression)
        km_choose_expression(choice, item, true);
    else if (!km_refuse_no_file(name, choice->error))
        refuse_unknown_column(choice, name);
}

static void choose_name(km_choice *choice, char *item)
{
    int64_t position;
    char *name = km_copy_text(item, "list of features", choice->error);
    if (name == NULL)
        return;
    /* {flux[2]} is flux[2], too, since names are printed that way. */
    const km_column *column = km_find_values(&choice->names, name, &position);
    if (column != NULL)
        choose_values(choice, column, position);
    else
        choose_path(choice, item);
    free(name);
}

/* Chooses columns of an array by number, and others by path. */
static void choose_numbers(km_choice *choice, char *item)
{
    int64_t first, last;
    const km_table *table = choice->table;
    if (!km_parse_range(item, table->n_columns, &first, &last)) {
        choose_path(choice, item);
        return;
    }
    for (int64_t i = first; i < last && choice->error->code == KM_OK; i++)
        choose_value(choice, &table->columns[0], i);
}

void km_choose_item(km_choice *choice, char *item)
{
    if (choice->table->is_array)
        choose_numbers(choice, item);
    else
        choose_name(choice, item);
}
