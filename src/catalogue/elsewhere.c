/* Values in other files than the catalogue: by external storage, links or virtual datasets. A file
 * from a stranger may name any file there, so plain files must be below its folder; and none of
 * them may be an output. */
#include "base/error.h"
#include "base/text.h"
#include "opened.h"
#include "process/output.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct context {
    const km_catalogue *catalogue;
    const char *file, *dataset;
};

/* Is `path` in the folder of a file, or below it? A file that does not exist is harmless. */
static bool is_below(const char *file, const char *path)
{
    char copy[KM_PATH_SIZE], folder[PATH_MAX], target[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", file);
    if (realpath(path, target) == NULL)
        return errno == ENOENT;
    if (realpath(dirname(copy), folder) == NULL)
        return false;
    const size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(target, folder, length) == 0 && target[length] == '/';
}

/* The visitor of km_h5_check_virtual. Virtual datasets take values from HDF5 files only, which may
 * be anywhere. */
static km_code check_place(void *context, const char *path, bool is_plain, km_error *error)
{
    const struct context *c = context;
    const km_catalogue_name *asked = &c->catalogue->asked;
    for (int64_t i = 0; i < asked->n_outputs; i++)
        km_output_check_input(asked->outputs[i], path, error);
    if (is_plain && !asked->follows_external && error->code == KM_OK && !is_below(c->file, path))
        km_fail(error, KM_DATA,
                "values elsewhere (%s, %s): they are in %s, which is not below the folder of the "
                "file; if you trust the file, say --follow-external",
                c->file, c->dataset, path);
    return error->code;
}

/* A dataset behind an external link is in the file that the link leads to. */
static void check_linked_file(struct context *context, const km_source *source, km_error *error)
{
    char home[KM_PATH_SIZE] = "";
    if (H5Fget_name(source->array.dataset, home, sizeof home) > 0 &&
        !km_is_same_file(home, context->file))
        check_place(context, home, true, error);
}

km_code km_opened_check_places(const km_opened_file *opened, const km_catalogue *catalogue,
                               km_error *error)
{
    for (int64_t s = 0; s < opened->n_sources && error->code == KM_OK; s++) {
        const km_source *source = &opened->sources[s];
        struct context context = {catalogue, opened->path, source->dataset};
        if (source->other > 0)
            context.file = catalogue->others[source->other - 1];
        check_linked_file(&context, source, error);
        km_h5_check_virtual(&source->array, context.file, source->dataset, check_place, &context,
                            error);
    }
    for (int64_t i = 0; i < catalogue->n_others; i++)
        for (int64_t o = 0; o < catalogue->asked.n_outputs; o++)
            km_output_check_input(catalogue->asked.outputs[o], catalogue->others[i], error);
    return error->code;
}
