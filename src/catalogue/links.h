/* links.h - the links of a group, listed at once; asking HDF5 for each by its number would take
 * quadratic time. */
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

/* Lists links in the order of their creation if the group tracks that, else by name. Links that
 * can't be listed are left out; the only error is KM_MEMORY. To be freed even then. */
km_code km_links_list(hid_t group, km_links *links, km_error *error);
void km_links_add(km_links *links, const char *name, bool is_hard, km_error *error);
void km_links_free(km_links *links);

#endif
