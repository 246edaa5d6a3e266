/* `info` of a catalogue: its tables, each with the command line that would use it. */
#include "base/error.h"
#include "base/text.h"
#include "info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_UNUSABLE = 20 }; /* that are printed */

/* A text from the file, padded to a width; bytes that are not printable are replaced. */
static void print_padded(const char *text, int width)
{
    char printable[KM_REMARK_SIZE];
    printf("%-*s", width, km_printable(text, printable, sizeof printable));
    if (width > 0) /* so that a longer text doesn't touch the next one */
        fputs("  ", stdout);
}

/* Adds a remark to the line, after a word that says what it is; nothing if it is empty. */
static void print_remark(const char *word, const char *remark)
{
    if (remark[0] == '\0')
        return;
    fputs(word, stdout);
    print_padded(remark, 0);
}

static void print_remarks(const km_column *column, hid_t file)
{
    char remark[KM_REMARK_SIZE];
    km_remark_of_column(file, column, "description", remark);
    print_remark(", description: ", remark);
    km_remark_of_column(file, column, "formula", remark);
    print_remark(", formula: ", remark);
}

static void print_column(const char *name, const km_column *column, const km_table *table,
                         const km_findings_of_file *found)
{
    char full[512];
    snprintf(full, sizeof full, "%s", name);
    if (!table->is_array && column->values.length > 1)
        snprintf(full, sizeof full, "%s[%lld]", name, (long long)column->values.length);
    fputs("    ", stdout);
    print_padded(full, 29);
    print_padded(column->type, 21);
    print_padded(column->units, 15);
    fputs(column->storage, stdout);
    if (column->filters[0] != '\0')
        fputs(", ", stdout);
    print_padded(column->filters, 0);
    fputs(column->mask.dataset[0] != '\0' ? ", with a mask" : "", stdout);
    fputs(column->is_category ? ", numbers of categories" : "", stdout);
    if (column->n_rows != table->n_rows)
        printf(", %lld row%s", (long long)column->n_rows, km_plural(column->n_rows));
    if (!found->asked->is_raw) {
        km_convention_text(&column->convention, full, sizeof full);
        fputs(full, stdout);
    }
    print_remarks(column, found->file);
    putchar('\n');
}

/* The command line that would use the table. */
static km_code print_command(const km_findings_of_file *found, const km_table *table,
                             km_error *error)
{
    char *columns = km_table_columns_text(table, error);
    if (columns == NULL)
        return error->code;
    fputs("    skymeans fit ", stdout);
    km_print_quoted(stdout, found->asked->paths[0]);
    if (found->tables.count > 1 || table->is_on_request || found->asked->table != NULL) {
        fputs(" -d ", stdout);
        km_print_quoted(stdout, table->path);
    }
    fputs(" -c ", stdout);
    km_print_quoted(stdout, columns);
    puts(found->asked->is_transposed ? " --transpose -k 8 -o result.h5\n" : " -k 8 -o result.h5\n");
    free(columns);
    return KM_OK;
}

/* Says if the array may have been written with samples as columns. */
static void print_transpose_hint(const km_findings_of_file *found, const km_table *table)
{
    if (table->is_array && table->writer[0] != '\0' && !found->asked->is_transposed)
        printf("    written by %s, which stores matrices the other way round: samples may be its "
               "columns; then use --transpose\n",
               table->writer);
}

/* Says which rows of another table these are, if this is a part of one. */
static void print_where(const km_findings_of_file *found, const km_table *table)
{
    char where[KM_REMARK_SIZE];
    km_remark_of_table(found->file, table, "where", where);
    if (where[0] != '\0') {
        print_remark("    only rows where ", where);
        putchar('\n');
    }
}

/* Are the values of a dataset in external storage still there, and those that a view described? */
static void check_storage(hid_t file, const char *dataset, km_error *why)
{
    char path[KM_PATH_SIZE] = "";
    km_h5_array array = {.dataset = H5Dopen2(file, dataset, H5P_DEFAULT), .is_external = true};
    if (array.dataset < 0)
        return;
    if (H5Fget_name(array.dataset, path, sizeof path) > 0)
        km_h5_check_unchanged(&array, path, dataset, why);
    H5Dclose(array.dataset);
}

/* Says it of the first dataset of which a fit would. */
static void print_storage(const km_findings_of_file *found, const km_table *table)
{
    km_error why = {0};
    const char *last = "";
    const int64_t n = table->is_array ? 1 : table->n_columns;
    for (int64_t i = 0; i < n && why.code == KM_OK; i++) {
        const km_place *place = &table->columns[i].values;
        if (table->columns[i].is_virtual && place->other == 0 && strcmp(place->dataset, last) != 0)
            check_storage(found->file, last = place->dataset, &why);
    }
    if (why.code == KM_OK)
        return;
    fputs("    can't be read: ", stdout);
    print_padded(why.text, 0);
    putchar('\n');
}

static void print_table(const km_findings_of_file *found, const km_table *table, km_error *error)
{
    fputs("  ", stdout);
    print_padded(table->path, 0);
    printf(": %s of %lld row%s, %lld column%s%s\n", table->is_array ? "array" : "table",
           (long long)table->n_rows, km_plural(table->n_rows), (long long)table->n_columns,
           km_plural(table->n_columns),
           table->is_on_request && !table->is_array ? ", complex numbers" : "");
    for (int64_t i = 0; i < (table->is_array ? 1 : table->n_columns); i++)
        print_column(table->is_array ? "every column" : table->columns[i].name, &table->columns[i],
                     table, found);
    print_where(found, table);
    print_transpose_hint(found, table);
    print_storage(found, table);
    if (table->flaw[0] != '\0') {
        fputs(table->needs_columns ? "    not without -c: " : "    can't be used: ", stdout);
        print_padded(table->flaw, 0);
        putchar('\n');
    }
    if (table->flaw[0] == '\0' || table->needs_columns)
        print_command(found, table, error);
    else
        putchar('\n');
}

static void print_unusable(const km_tables *tables)
{
    const int64_t shown = tables->n_unusable < MAX_UNUSABLE ? tables->n_unusable : MAX_UNUSABLE;
    if (shown > 0)
        puts("  can't be used:");
    for (int64_t i = 0; i < shown; i++) {
        fputs("    ", stdout);
        print_padded(tables->unusable[i].path, 0);
        fputs(": ", stdout);
        print_padded(tables->unusable[i].reason, 0);
        putchar('\n');
    }
    if (shown < tables->n_unusable)
        printf("    and %lld more\n", (long long)(tables->n_unusable - shown));
}

/* Where the columns that -c names are. */
static void print_selection(const km_findings_of_file *found)
{
    const km_selection *s = &found->selection;
    if (!found->has_selection || found->asked->columns == NULL)
        return;
    fputs("  -c means, in ", stdout);
    print_padded(s->table, 0);
    printf(", of %lld row%s:\n", (long long)s->n_rows, km_plural(s->n_rows));
    for (int64_t j = 0; j < s->n_features; j++) {
        const km_place *place = &s->columns[j].values;
        const int64_t expression = s->columns[j].expression;
        fputs("    ", stdout);
        print_padded(s->columns[j].name, 29);
        if (expression > 0) {
            fputs("= ", stdout);
            print_padded(s->expressions[expression - 1].text, 0);
            putchar('\n');
            continue;
        }
        if (place->other > 0) {
            print_padded(s->others[place->other - 1], 0);
            putchar(':');
        }
        print_padded(place->dataset, 0);
        fputs(place->member[0] != '\0' ? ", member " : "", stdout);
        print_padded(place->member, 0);
        printf(", value %lld\n", (long long)place->position);
    }
}

km_code km_info_print_tables(const km_findings_of_file *found, km_error *error)
{
    char printable[KM_PATH_SIZE];
    const km_tables *tables = &found->tables;
    const char *path = km_printable(found->asked->paths[0], printable, sizeof printable);
    if (tables->count == 0)
        printf("%s: an HDF5 file without a table: neither a two-dimensional array of numbers, nor "
               "a group of equally long columns, nor a dataset of compounds; look into it with "
               "h5ls -r\n",
               path);
    else
        printf("%s: %lld table%s\n\n", path, (long long)tables->count, km_plural(tables->count));
    for (int64_t i = 0; i < tables->count && error->code == KM_OK; i++)
        print_table(found, &tables->tables[i], error);
    print_selection(found);
    print_unusable(tables);
    return error->code;
}
