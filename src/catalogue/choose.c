/* Which table of a file is meant, by its name or by the columns that are asked for. */
#include "base/error.h"
#include "base/memory.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- candidates ----------------------------------------------------------------------------- */

/* Tables that may be meant if there is no -d. */
typedef struct candidates {
    const km_tables *tables;
    bool *is_one; /* [count] */
    int64_t count;
    const km_table *only; /* the last of them */
} candidates;

static void count_candidates(candidates *c)
{
    c->count = 0;
    for (int64_t i = 0; i < c->tables->count; i++)
        if (c->is_one[i]) {
            c->only = &c->tables->tables[i];
            c->count++;
        }
}

static bool is_usable(const km_table *table, bool names_columns)
{
    return table->flaw[0] == '\0' || (names_columns && table->needs_columns);
}

static km_code find_candidate_tables(candidates *c, const km_tables *tables, bool names_columns,
                                     km_error *error)
{
    *c = (candidates){.tables = tables};
    c->is_one = km_allocate(tables->count, sizeof *c->is_one, "list of tables", error);
    if (c->is_one == NULL)
        return error->code;
    for (int64_t i = 0; i < tables->count; i++)
        c->is_one[i] =
            is_usable(&tables->tables[i], names_columns) && !tables->tables[i].is_on_request;
    count_candidates(c);
    return KM_OK;
}

/* "/a (100 rows, 3 columns), /b (...)" as far as it fits. */
static void list_candidates(const candidates *c, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < c->tables->count && used < size; i++) {
        const km_table *t = &c->tables->tables[i];
        if (c->is_one[i])
            used += (size_t)snprintf(text + used, size - used, "%s%s (%lld rows, %lld columns)",
                                     used > 0 ? ", " : "", t->path, (long long)t->n_rows,
                                     (long long)t->n_columns);
    }
    if (used >= size)
        memcpy(text + size - 5, " ...", 5);
}

/* ---- refusing ------------------------------------------------------------------------------- */

static const km_table *refuse_table(const char *path, const char *name, const char *reason,
                                    bool needs_columns, km_error *error)
{
    km_fail(error, KM_DATA, "not a table (%s, dataset %s): %s; %s", path, name, reason,
            needs_columns ? "name columns with -c, or another table with -d"
                          : "choose another with -d");
    return NULL;
}

static const km_table *refuse_flawed(const km_table *table, const char *path, km_error *error)
{
    return refuse_table(path, table->path, table->flaw, table->needs_columns, error);
}

static const km_table *refuse_no_table(const km_tables *tables, const char *path, km_error *error)
{
    for (int64_t i = 0; i < tables->count; i++)
        if (tables->tables[i].flaw[0] != '\0')
            return refuse_flawed(&tables->tables[i], path, error);
    if (tables->count > 0)
        km_fail(error, KM_DATA,
                "no table by default (%s): %s (%s) is taken only by its name; choose it with -d",
                path, tables->tables[0].path, tables->tables[0].layout);
    else if (tables->n_unusable > 0)
        km_fail(error, KM_DATA,
                "no table in the file (%s): %s can't be used: %s; skymeans info %s lists all", path,
                tables->unusable[0].path, tables->unusable[0].reason, path);
    else
        km_fail(error, KM_DATA,
                "no table in the file (%s): it has neither a two-dimensional array of numbers, nor "
                "a group of equally long columns, nor a dataset of compounds; look into it with "
                "h5ls -r",
                path);
    return NULL;
}

static const km_table *refuse_several_tables(const candidates *c, const char *path, km_error *error)
{
    char list[512];
    list_candidates(c, list, sizeof list);
    km_fail(error, KM_DATA, "which table (%s): there are several; choose one with -d: %s", path,
            list);
    return NULL;
}

static const km_table *refuse_unknown(const km_tables *tables, const char *name, const char *path,
                                      km_error *error)
{
    char list[512];
    candidates c;
    const char *reason = km_find_unusable_called(tables, name);
    if (reason != NULL)
        return refuse_table(path, name, reason, false, error);
    if (find_candidate_tables(&c, tables, true, error) != KM_OK)
        return NULL;
    list_candidates(&c, list, sizeof list);
    free(c.is_one);
    if (tables->count == 0)
        return refuse_no_table(tables, path, error);
    km_fail(error, KM_DATA, "no such table (%s, dataset %s): choose one of these with -d: %s", path,
            name, list);
    return NULL;
}

/* ---- without columns ------------------------------------------------------------------------ */

static const km_table *choose_only(const km_tables *tables, const char *path, km_error *error)
{
    candidates c;
    if (find_candidate_tables(&c, tables, false, error) != KM_OK)
        return NULL;
    const km_table *table = c.count == 1   ? c.only
                            : c.count == 0 ? refuse_no_table(tables, path, error)
                                           : refuse_several_tables(&c, path, error);
    free(c.is_one);
    return table;
}

/* ---- by columns ----------------------------------------------------------------------------- */

/* Counts names in an expression, and those among them that are columns of a table. */
struct own_names {
    const km_table *table;
    const km_names *names;
    int64_t n_names, n_own;
};

static bool is_own_name(const km_table *table, const km_names *names, char *name)
{
    int64_t position, first, last;
    return table->is_array ? km_parse_range(name, table->n_columns, &first, &last)
                           : km_find_values(names, name, &position) != NULL;
}

static void count_own_name(void *context, char *name)
{
    struct own_names *own = context;
    own->n_names++;
    own->n_own += is_own_name(own->table, own->names, name);
}

/* Is an item a column of a table, or an expression of such? */
static bool is_own_item(const km_table *table, const km_names *names, char *item, km_error *error)
{
    struct own_names own = {.table = table, .names = names};
    char *copy = km_copy_text(item, "list of features", error), *rest = copy;
    bool is_own = is_own_name(table, names, item);
    if (!is_own && copy != NULL && km_is_expression(copy, table->is_array)) {
        km_cut_name(&rest);
        is_own =
            (km_expression_list_names(rest, count_own_name, &own) && own.n_own == own.n_names) ||
            is_own_name(table, names, rest);
    }
    free(copy);
    return is_own;
}

/* How many items of a list are columns of a table; -1 if an item is neither that nor a path. */
static int64_t count_own_items(const km_table *table, const char *list, km_error *error)
{
    km_names names;
    int64_t own = 0;
    char *copy = km_copy_text(list, "list of features", error);
    if (copy == NULL || km_names_create(&names, table, error) != KM_OK) {
        free(copy);
        return -1;
    }
    for (char *rest = copy; rest != NULL && own >= 0;) {
        char *item = km_cut_item(&rest);
        const bool may_be_path = strchr(item, '/') != NULL;
        own = is_own_item(table, &names, item, error) ? own + 1 : may_be_path ? own : -1;
    }
    km_names_free(&names);
    free(copy);
    return own;
}

static bool has_item(const km_table *table, const char *item, km_error *error)
{
    km_names names;
    char *copy = km_copy_text(item, "list of features", error);
    const bool is_own = copy != NULL && km_names_create(&names, table, error) == KM_OK &&
                        is_own_item(table, &names, copy, error);
    if (copy != NULL)
        km_names_free(&names);
    free(copy);
    return is_own;
}

/* Refuses an expression that can't be understood. */
static void check_expression(const char *item, km_error *error)
{
    char *copy = km_copy_text(item, "list of features", error), *rest = copy;
    if (copy != NULL && km_is_expression(copy, false)) {
        km_cut_name(&rest);
        km_expression_check(rest, "-c", error);
    }
    free(copy);
}

/* Refuses an item that none of the candidates has, and that is no path; or that is wrong. */
static void check_item(const candidates *c, const char *path, const char *item, km_error *error)
{
    bool is_own = false;
    for (int64_t i = 0; i < c->tables->count && !is_own && error->code == KM_OK; i++)
        is_own = c->is_one[i] && has_item(&c->tables->tables[i], item, error);
    if (!is_own && error->code == KM_OK)
        check_expression(item, error);
    if (!is_own && error->code == KM_OK && strchr(item, '/') == NULL)
        km_fail(error, KM_DATA,
                "no such column (%s, column %s): no table has it, or all that it is computed from; "
                "skymeans info %s lists all",
                path, item, path);
}

static void check_items(const candidates *c, const char *path, const char *list, km_error *error)
{
    char *copy = km_copy_text(list, "list of features", error);
    for (char *rest = copy; rest != NULL && error->code == KM_OK;)
        check_item(c, path, km_cut_item(&rest), error);
    free(copy);
}

/* Keeps the candidates that have some columns of a list, and all those that are no paths; tells
 * whether there are any. Else all candidates stay. */
static bool keep_if_any(candidates *c, const char *list, km_error *error)
{
    bool has_any = false;
    bool *has = km_allocate_zeroed(c->tables->count, sizeof *has, "list of tables", error);
    for (int64_t i = 0; i < c->tables->count && error->code == KM_OK; i++) {
        has[i] = c->is_one[i] && count_own_items(&c->tables->tables[i], list, error) > 0;
        has_any = has_any || has[i];
    }
    if (has_any && error->code == KM_OK)
        memcpy(c->is_one, has, (size_t)c->tables->count * sizeof *has);
    free(has);
    count_candidates(c);
    return has_any;
}

/* The table with the first column of a list of paths; NULL if that is no path. */
static const km_table *table_of_first(const km_scope *scope, const char *list, km_error *error)
{
    char *copy = km_copy_text(list, "list of features", error), *rest = copy;
    const km_table *table = NULL;
    if (copy == NULL)
        return NULL;
    char *item = km_without_braces(km_cut_item(&rest));
    while (table == NULL && strrchr(item, '/') != NULL && error->code == KM_OK) {
        *strrchr(item, '/') = '\0';
        table = km_scope_find_table(scope, item[0] != '\0' ? item : "/", error);
    }
    free(copy);
    return table;
}

/* Keeps the candidates with the columns; tables that are chosen only on request if no other has
 * them. */
static bool keep_with_columns(candidates *c, const char *list, km_error *error)
{
    if (keep_if_any(c, list, error) || error->code != KM_OK)
        return true;
    bool *before = km_allocate(c->tables->count, sizeof *before, "list of tables", error);
    if (before == NULL)
        return false;
    memcpy(before, c->is_one, (size_t)c->tables->count * sizeof *before);
    for (int64_t i = 0; i < c->tables->count; i++)
        c->is_one[i] = is_usable(&c->tables->tables[i], true);
    const bool has_any = keep_if_any(c, list, error);
    if (!has_any)
        memcpy(c->is_one, before, (size_t)c->tables->count * sizeof *before);
    free(before);
    count_candidates(c);
    return has_any;
}

static const km_table *choose_by_columns(const km_scope *scope, candidates *c,
                                         const km_catalogue_name *name, km_error *error)
{
    if (!keep_with_columns(c, name->columns, error) && error->code == KM_OK) {
        const km_table *first = table_of_first(scope, name->columns, error);
        if (first != NULL || error->code != KM_OK)
            return first;
        if (name->is_array_by_order)
            return choose_only(scope->tables, scope->path, error);
        if (c->count > 1)
            check_items(c, scope->path, name->columns, error);
    }
    if (c->count > 1 && name->weights != NULL)
        keep_if_any(c, name->weights, error);
    if (c->count > 1 && name->ids != NULL)
        keep_if_any(c, name->ids, error);
    if (c->count > 1 && name->where != NULL)
        keep_if_any(c, name->where, error);
    if (error->code != KM_OK)
        return NULL;
    return c->count == 1   ? c->only /* if it lacks the columns, choosing them says so */
           : c->count == 0 ? refuse_no_table(c->tables, scope->path, error)
                           : refuse_several_tables(c, scope->path, error);
}

static const km_table *choose_without_name(const km_scope *scope, const km_catalogue_name *name,
                                           km_error *error)
{
    candidates c;
    if (name->columns == NULL)
        return choose_only(scope->tables, scope->path, error);
    if (find_candidate_tables(&c, scope->tables, true, error) != KM_OK)
        return NULL;
    const km_table *table = choose_by_columns(scope, &c, name, error);
    free(c.is_one);
    return table;
}

const km_table *km_scope_choose(const km_scope *scope, const km_catalogue_name *name,
                                km_error *error)
{
    if (name->table == NULL)
        return choose_without_name(scope, name, error);
    const km_table *table = km_scope_find_table(scope, name->table, error);
    for (int64_t i = 0; i < scope->tables->count && table == NULL && km_is_pattern(name->table);
         i++)
        if (km_is_called_like(&scope->tables->tables[i], name->table))
            table = &scope->tables->tables[i];
    if (error->code != KM_OK)
        return NULL;
    if (table == NULL)
        return refuse_unknown(scope->tables, name->table, scope->path, error);
    return is_usable(table, name->columns != NULL) ? table
                                                   : refuse_flawed(table, scope->path, error);
}

km_code km_tables_keep(km_tables *tables, hid_t file, const char *path, const char *name,
                       km_error *error)
{
    const km_scope scope = {.file = file, .path = path, .tables = tables};
    const km_table *table = km_scope_find_table(&scope, name, error);
    const int64_t one = table != NULL ? table - tables->tables : -1;
    int64_t kept = 0;
    for (int64_t i = 0; i < tables->count; i++)
        kept += one >= 0 ? i == one : km_is_called_like(&tables->tables[i], name);
    if (kept == 0 && error->code == KM_OK)
        refuse_unknown(tables, name, path, error);
    if (error->code != KM_OK)
        return error->code;
    kept = 0;
    for (int64_t i = 0; i < tables->count; i++) {
        if (one >= 0 ? i == one : km_is_called_like(&tables->tables[i], name))
            tables->tables[kept++] = tables->tables[i];
        else
            free(tables->tables[i].columns);
    }
    tables->count = kept;
    return error->code;
}
