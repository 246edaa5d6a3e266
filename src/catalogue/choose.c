/* Which of the tables of a file is meant. */
#include "skymeans/catalogue.h"

#include <stdio.h>
#include <string.h>

/* Does -d NAME mean this table, whose path ends with `suffix`? With or without slashes around. */
static bool is_called(const km_table *table, const char *name, const char *suffix)
{
    while (*name == '/')
        name++;
    size_t length = strlen(name);
    while (length > 0 && name[length - 1] == '/')
        length--;
    const char *path = table->path + 1; /* all begin with a slash */
    return strncmp(path, name, length) == 0 && strcmp(path + length, suffix) == 0;
}

static bool is_candidate(const km_table *table)
{
    return table->flaw[0] == '\0';
}

/* "/a (100 rows, 3 columns), /b (...)" as far as it fits. */
static void list_tables(const km_tables *tables, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < tables->count && used < size; i++) {
        const km_table *t = &tables->tables[i];
        if (is_candidate(t))
            used += (size_t)snprintf(text + used, size - used, "%s%s (%lld rows, %lld columns)",
                                     used > 0 ? ", " : "", t->path, (long long)t->n_rows,
                                     (long long)t->n_columns);
    }
    if (used >= size)
        memcpy(text + size - 5, " ...", 5);
}

static const km_table *refuse_flawed(const km_table *table, const char *file, km_error *error)
{
    km_fail(error, KM_DATA, "not a table (%s, dataset %s): %s; correct the file, or choose another",
            file, table->path, table->flaw);
    return NULL;
}

static const km_table *choose_only(const km_tables *tables, const char *file, km_error *error)
{
    const km_table *only = NULL;
    char candidates[512];
    int64_t count = 0;
    for (int64_t i = 0; i < tables->count; i++)
        if (is_candidate(&tables->tables[i])) {
            only = &tables->tables[i];
            count++;
        }
    if (count == 1)
        return only;
    if (count == 0 && tables->count > 0)
        return refuse_flawed(&tables->tables[0], file, error);
    list_tables(tables, candidates, sizeof candidates);
    if (count == 0)
        km_fail(error, KM_DATA,
                "no table in the file (%s): it has neither a two-dimensional array of numbers, nor "
                "a group of equally long columns, nor a dataset of compounds; look into it with "
                "h5ls -r",
                file);
    else
        km_fail(error, KM_DATA, "which table (%s): there are several; choose one with -d: %s", file,
                candidates);
    return NULL;
}

const km_table *km_tables_choose(const km_tables *tables, const char *name, const char *file,
                                 km_error *error)
{
    char candidates[512];
    if (name == NULL || tables->count == 0)
        return choose_only(tables, file, error);
    /* Its own name first; then that of the group whose part it is: /table for vaex, the name of
     * the frame for pandas. */
    static const char *const suffixes[] = {"", "/columns", "/table"};
    for (size_t s = 0; s < sizeof suffixes / sizeof *suffixes; s++)
        for (int64_t i = 0; i < tables->count; i++)
            if (is_called(&tables->tables[i], name, suffixes[s]))
                return is_candidate(&tables->tables[i])
                           ? &tables->tables[i]
                           : refuse_flawed(&tables->tables[i], file, error);
    list_tables(tables, candidates, sizeof candidates);
    km_fail(error, KM_DATA, "no such table (%s, dataset %s): choose one of these with -d: %s", file,
            name, candidates);
    return NULL;
}
