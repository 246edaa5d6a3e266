/* info.h - what `info` finds in a file, and how it is printed. Local, by one rank. */
#ifndef SKYMEANS_REPORT_INFO_H
#define SKYMEANS_REPORT_INFO_H

#include "base/error.h"
#include "catalogue/catalogue.h"
#include "report/report.h"

typedef struct km_findings_of_file {
    const km_catalogue_name *asked;
    hid_t file;
    km_tables tables;       /* all, or those that -d names */
    km_selection selection; /* the columns that -c names, if has_selection */
    bool has_selection, is_result;
} km_findings_of_file;

/* Reads an attribute that says what a column or a table is: import.py writes `description` and
 * `formula` to columns, and `where` to tables. `text` has KM_REMARK_SIZE characters, and is empty
 * if there is no such attribute, or the column is in another file. */
enum { KM_REMARK_SIZE = 4096 };
void km_remark_of_column(hid_t file, const km_column *column, const char *name, char *text);
void km_remark_of_table(hid_t file, const km_table *table, const char *name, char *text);

/* Is the file a result, of `fit` or of `predict`? */
bool km_is_result(hid_t file);

/* Print to stdout: a result; the tables of a file for people; all of a file for programs. */
km_code km_info_print_result(const char *path, hid_t file, km_error *error);
/* All values of a dataset, of which there must be so many; NULL if not. */
double *km_info_read_values(hid_t group, const char *name, int64_t count, km_error *error);
/* Prints which clusters of a result run into each other, if it has that. */
km_code km_info_print_borders(const char *path, hid_t file, km_error *error);
/* Prints the class templates of a result, if it has any. */
km_code km_info_print_templates(const char *path, hid_t file, km_error *error);
/* Prints the numbers of clusters that a fit compared, if it did. */
km_code km_info_print_choices(const char *path, hid_t file, km_error *error);
km_code km_info_print_tables(const km_findings_of_file *found, km_error *error);
void km_info_print_json(const km_findings_of_file *found);

#endif
