/* The links of a group, listed in one go: asking HDF5 for them by number takes quadratic time. */
#ifndef SKYMEANS_CATALOGUE_LINKS_H
#define SKYMEANS_CATALOGUE_LINKS_H

#include "base/error.h"
#include "tables.h"

typedef struct km_link {
    char *name;
    bool is_hard;
} km_link;

typedef struct km_links {
    int64_t count;
    km_link *list;
} km_links;

/* In the order in which they were created if the group tracks that, else by name. Memory is the
 * only error; what can't be listed is not there. To be freed even then. */
km_code km_links_list(hid_t group, km_links *links, km_error *error);
void km_links_add(km_links *links, const char *name, bool is_hard, km_error *error);
void km_links_free(km_links *links);

#endif
