/* Lists of columns, as -c and other options take them: reading one, item by item, and writing
 * one. */
#include "base/memory.h"
#include "base/text.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading a list ------------------------------------------------------------------------- */

char *km_without_braces(char *item)
{
    char *end = item[0] == '{' ? strchr(item, '}') : NULL;
    if (end == NULL || end[1] != '\0')
        return item;
    *end = '\0';
    return item + 1;
}

char *km_without_blanks(char *item)
{
    item += strspn(item, " ");
    size_t length = strlen(item);
    while (length > 0 && item[length - 1] == ' ')
        item[--length] = '\0';
    return item;
}

/* An item ends at a comma outside parentheses and braces. Between braces is a name, in which
 * parentheses do not count. */
char *km_cut_item(char **rest)
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
    return km_without_blanks(item);
}

bool km_parse_range(const char *text, int64_t n_columns, int64_t *first, int64_t *last)
{
    char copy[64];
    if (strlen(text) >= sizeof copy)
        return false;
    const char *numbers = km_without_braces(strcpy(copy, text));
    char *colon = strchr(copy, ':');
    if (colon == NULL) {
        *last = km_parse_int64(numbers, first) && *first < INT64_MAX ? *first + 1 : -1;
    } else {
        *colon = '\0';
        if (!km_parse_int64(numbers, first) || !km_parse_int64(colon + 1, last))
            return false;
    }
    return 0 <= *first && *first < *last && *last <= n_columns;
}

/* ---- writing a list ------------------------------------------------------------------------- */

char *km_append_name(char *end, bool is_first, const char *name)
{
    const bool is_plain = name[0] != '\0' && strpbrk(name, ",(){}+-*/^ <>=!&|[]") == NULL;
    end = stpcpy(end, is_first ? "" : ",");
    return stpcpy(stpcpy(stpcpy(end, is_plain ? "" : "{"), name), is_plain ? "" : "}");
}

static char *allocate_names(int64_t count, km_error *error)
{
    return km_allocate_zeroed(count, KM_NAME_SIZE + 3, "names of the features", error);
}

/* How many features from j on are columns of an array, each the next of the one before. */
static int64_t count_run(const km_catalogue *catalogue, int64_t j, int64_t *first)
{
    int64_t n = 0, number;
    if (!catalogue->is_array || !km_parse_int64(catalogue->names[j], first))
        return 0;
    while (j + n < catalogue->n_features && km_parse_int64(catalogue->names[j + n], &number) &&
           number == *first + n)
        n++;
    return n;
}

char *km_catalogue_columns_text(const km_catalogue *catalogue, km_error *error)
{
    char *text = allocate_names(catalogue->n_features, error), *end = text;
    for (int64_t j = 0, n, first; j < catalogue->n_features && text != NULL; j += n) {
        n = count_run(catalogue, j, &first);
        if (n > 2) {
            end += sprintf(end, "%s%lld:%lld", j == 0 ? "" : ",", (long long)first,
                           (long long)(first + n));
        } else {
            end = km_append_name(end, j == 0, catalogue->names[j]);
            n = 1;
        }
    }
    return text;
}

/* The computed feature that an item names, in braces or not; -1 if it is none. */
static int64_t find_computed(const km_catalogue *catalogue, const char *item)
{
    for (int64_t j = 0; j < catalogue->n_features; j++) {
        char in_list[KM_NAME_SIZE + 3], in_braces[KM_NAME_SIZE + 3];
        km_append_name(in_list, true, catalogue->names[j]);
        snprintf(in_braces, sizeof in_braces, "{%s}", catalogue->names[j]);
        if (catalogue->columns[j].expression > 0 &&
            (strcmp(item, in_list) == 0 || strcmp(item, in_braces) == 0))
            return j;
    }
    return -1;
}

/* Writes an item of a list, expanded; returns the new end. */
static char *append_item(char *end, const km_catalogue *catalogue, const char *features,
                         const char *item)
{
    const int64_t j = find_computed(catalogue, item);
    if (strcmp(item, KM_ALL_FEATURES) == 0)
        return stpcpy(end, features);
    if (j < 0)
        return stpcpy(end, item);
    end = stpcpy(km_append_name(end, true, catalogue->names[j]), "=");
    return stpcpy(end, catalogue->expressions[catalogue->columns[j].expression - 1].text);
}

/* What an item and a comma may add to a list of columns when it is expanded. */
static int64_t max_item_bytes(const km_catalogue *catalogue, const char *features)
{
    int64_t longest = 0;
    for (int64_t e = 0; e < catalogue->n_expressions; e++)
        if (catalogue->expressions[e].text_size > longest)
            longest = catalogue->expressions[e].text_size;
    return (int64_t)strlen(features) + longest + KM_NAME_SIZE + 5;
}

/* Features that are taken by default are no expressions. */
static char *copy_features(const km_catalogue *catalogue, km_error *error)
{
    const char *asked = catalogue->asked.columns;
    return asked != NULL ? km_copy_text(asked, "list of features", error)
                         : km_catalogue_columns_text(catalogue, error);
}

static int64_t count_items(const char *list)
{
    int64_t count = 1;
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

char *km_catalogue_expand_list(const km_catalogue *catalogue, const char *list, km_error *error)
{
    char *features = copy_features(catalogue, error), *text = NULL;
    char *copy = km_copy_text(list, "list of columns", error);
    if (error->code == KM_OK)
        text = km_allocate((int64_t)strlen(list) + 1 +
                               count_items(list) * max_item_bytes(catalogue, features),
                           1, "list of columns", error);
    for (char *rest = copy, *end = text; text != NULL && rest != NULL;) {
        end = append_item(end, catalogue, features, km_cut_item(&rest));
        end = stpcpy(end, rest != NULL ? "," : "");
    }
    free(features);
    free(copy);
    return text;
}

static bool has_floating(const km_table *table)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        if (km_is_default_column(table, &table->columns[i], true))
            return true;
    return false;
}

char *km_table_columns_text(const km_table *table, km_error *error)
{
    char *text = allocate_names(table->is_array ? 1 : table->n_columns, error), *end = text;
    if (text == NULL)
        return NULL;
    if (table->is_array) {
        snprintf(text, KM_NAME_SIZE, "0:%lld", (long long)table->n_columns);
        return text;
    }
    const bool has_any = has_floating(table);
    for (int64_t i = 0; i < table->n_columns; i++)
        if (km_is_default_column(table, &table->columns[i], has_any))
            end = km_append_name(end, end == text, table->columns[i].name);
    return text;
}
