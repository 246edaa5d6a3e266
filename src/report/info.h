/* What `info` found in a file, to be printed. */
#ifndef SKYMEANS_RESULT_INFO_H
#define SKYMEANS_RESULT_INFO_H

#include "base/error.h"
#include "catalogue/catalogue.h"
#include "report/report.h"

typedef struct km_findings_of_file {
    const km_catalogue_name *asked;
    hid_t file;
    km_tables tables;
    km_selection selection;
    bool has_selection, is_result;
} km_findings_of_file;

/* What an author says of an object: import.py leaves `description` and `formula` with the values of
 * a column, and `where` with a table. Empty if there is nothing, or the object is in another file.
 */
enum { KM_REMARK_SIZE = 4096 };
void km_remark_of_column(hid_t file, const km_column *column, const char *name, char *text);
void km_remark_of_table(hid_t file, const km_table *table, const char *name, char *text);

/* Is a file the result of a fit or of labelling? */
bool km_is_result(hid_t file);

/* To stdout, by one rank: a result; tables, for people, and for programs. */
km_code km_info_print_result(const char *path, hid_t file, km_error *error);
km_code km_info_print_tables(const km_findings_of_file *found, km_error *error);
void km_info_print_json(const km_findings_of_file *found);

#endif
