#include "links.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct listing {
    km_links *links;
    km_error *error;
} listing;

void km_links_add(km_links *links, const char *name, bool is_hard, km_error *error)
{
    const km_link link = {km_copy_text(name, "names of links", error), is_hard};
    const int64_t n_before = links->count;
    if (link.name != NULL)
        links->list = km_append(links->list, &links->count, sizeof link, &link, error);
    if (links->count == n_before)
        free(link.name);
}

/* Called by H5Literate, which stops if the result is not 0. */
static herr_t add_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    const listing *l = context;
    (void)group;
    km_links_add(l->links, name, info->type == H5L_TYPE_HARD, l->error);
    return l->error->code == KM_OK ? 0 : 1;
}

static bool tracks_order(hid_t group)
{
    unsigned flags = 0;
    const hid_t creation = H5Gget_create_plist(group);
    if (creation < 0)
        return false;
    const bool is_known = H5Pget_link_creation_order(creation, &flags) >= 0;
    H5Pclose(creation);
    return is_known && (flags & H5P_CRT_ORDER_TRACKED) != 0;
}

km_code km_links_list(hid_t group, km_links *links, km_error *error)
{
    *links = (km_links){0};
    listing l = {links, error};
    hsize_t at = 0;
    const bool is_listed = tracks_order(group) && H5Literate(group, H5_INDEX_CRT_ORDER, H5_ITER_INC,
                                                             &at, add_link, &l) >= 0;
    if (!is_listed && error->code == KM_OK) {
        km_links_free(links);
        at = 0;
        H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, add_link, &l);
    }
    return error->code;
}

void km_links_free(km_links *links)
{
    for (int64_t i = 0; i < links->count; i++)
        free(links->list[i].name);
    free(links->list);
    *links = (km_links){0};
}

/* Describes the target of a soft or external link. */
static void describe_target(hid_t group, const char *name, const H5L_info_t *info, char *target,
                            size_t size)
{
    char value[512] = "";
    const char *file = NULL, *path = NULL;
    target[0] = '\0';
    if (info->u.val_size >= sizeof value ||
        H5Lget_val(group, name, value, sizeof value - 1, H5P_DEFAULT) < 0)
        return;
    if (info->type == H5L_TYPE_SOFT)
        snprintf(target, size, "%.*s", (int)size - 1, value);
    else if (H5Lunpack_elink_val(value, info->u.val_size, NULL, &file, &path) >= 0)
        snprintf(target, size, "%.60s in the file %.60s", path, file);
}

void km_explain_link(hid_t group, const char *name, char *why, size_t size)
{
    H5L_info_t info;
    char target[144];
    km_h5_note(-1);
    snprintf(why, size, "it can't be opened: %s", km_h5_reason());
    if (H5Lget_info(group, name, &info, H5P_DEFAULT) < 0 || info.type == H5L_TYPE_HARD)
        return;
    describe_target(group, name, &info, target, sizeof target);
    if (target[0] != '\0')
        snprintf(why, size, "it is a link to %s, which can't be opened", target);
}
