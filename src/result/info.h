/* What `info` found in a file, to be printed. */
#ifndef SKYMEANS_RESULT_INFO_H
#define SKYMEANS_RESULT_INFO_H

#include "skymeans/catalogue.h"
#include "skymeans/result.h"

typedef struct km_findings_of_file {
    const km_options *options;
    km_tables tables;
    km_selection selection;
    bool has_selection, is_result;
} km_findings_of_file;

/* Is a file the result of a fit or of labelling? */
bool km_is_result(hid_t file);

/* To stdout, by one rank: a result; tables, for people, and for programs. */
km_code km_info_print_result(const char *path, hid_t file, km_error *error);
km_code km_info_print_tables(const km_findings_of_file *found, km_error *error);
void km_info_print_json(const km_findings_of_file *found);

#endif
