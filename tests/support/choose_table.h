/* Which table -d means, for tests of tables without an open file. */
#ifndef SKYMEANS_TESTS_CHOOSE_TABLE_H
#define SKYMEANS_TESTS_CHOOSE_TABLE_H

#include "base/error.h"
#include "catalogue/tables.h"

/* The table that -d would mean, by the tables alone: no file is open. */
static const km_table *choose_table(const km_tables *tables, const char *name, const char *path,
                                    km_error *error)
{
    km_tables some = *tables;
    const km_scope scope = {.file = H5I_INVALID_HID, .path = path, .tables = &some};
    const km_catalogue_name asked = {.table = name};
    return km_scope_choose(&scope, &asked, error);
}

#endif
