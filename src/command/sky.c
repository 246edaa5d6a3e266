/* The step that turns --sky into features: expressions for the parts of a unit vector. */
#include "base/memory.h"
#include "base/text.h"
#include "catalogue/tables.h"
#include "command/command.h"
#include "expression/expression.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static km_code bad_sky(const char *text, km_error *error)
{
    return km_fail(error, KM_USAGE,
                   "bad value (--sky %s): a position has two parts; name columns or expressions of "
                   "right ascension and declination, as in ra,dec",
                   text);
}

/* Is it the path of a column, as coord/ra? Nobody divides a right ascension by a column. */
static bool is_path_of_column(const char *item)
{
    const char *name = strrchr(item, '/');
    return name != NULL && km_is_letter(name[1]) && strpbrk(item, "+-*^()<>=!&|{}[], ") == NULL;
}

/* A part of a position as expressions take it: columns that are called by number, by a word that
 * begins with a digit, or by a path, stand in braces. */
static char *append_position(char *to, const char *item)
{
    const size_t length = strcspn(item, "+-*/^()<>=!&|{}[], .");
    const bool is_odd =
        (item[length] == '\0' && isdigit((unsigned char)item[0])) || is_path_of_column(item);
    return stpcpy(stpcpy(stpcpy(to, is_odd ? "{" : ""), item), is_odd ? "}" : "");
}

/* The list of features as -c takes it; `position` is cut into its parts. */
static char *list_sky_features(const char *asked, char *position, const char *further,
                               km_error *error)
{
    static const char *const names[KM_SPHERE_FEATURES] = {"sky_x", "sky_y", "sky_z"};
    char *rest = position;
    const char *ra = km_cut_item(&rest), *dec = rest != NULL ? km_cut_item(&rest) : "";
    if (ra[0] == '\0' || dec[0] == '\0' || rest != NULL) {
        bad_sky(asked, error);
        return NULL;
    }
    const size_t size = 3 * (strlen(asked) + 32) + (further != NULL ? strlen(further) : 0) + 2;
    char *list = km_allocate((int64_t)size, 1, "list of features", error), *end = list;
    for (int j = 0; j < KM_SPHERE_FEATURES && list != NULL; j++) {
        end = stpcpy(stpcpy(stpcpy(stpcpy(end, names[j]), "="), names[j]), "(");
        end = stpcpy(append_position(end, ra), ",");
        end = stpcpy(append_position(end, dec), j + 1 < KM_SPHERE_FEATURES ? ")," : ")");
    }
    if (list != NULL && further != NULL)
        stpcpy(stpcpy(end, ","), further);
    return list;
}

km_code km_take_sky(km_story *s)
{
    km_options *options = &s->options;
    if (options->sky == NULL && options->sky_scale != 1)
        km_fail(&s->error, KM_USAGE,
                "contradiction (--sky-scale %g): it is the scale of positions; name these with "
                "--sky RA,DEC",
                options->sky_scale);
    else if (!(options->sky_scale >= KM_MIN_FACTOR && options->sky_scale <= KM_MAX_FACTOR))
        km_fail(&s->error, KM_USAGE,
                "bad value (--sky-scale %g): it is not from 1e-100 to 1e100; with 1 a radian "
                "counts as a "
                "unit of -c",
                options->sky_scale);
    if (options->sky == NULL || s->error.code != KM_OK)
        return s->error.code;
    char *position = km_copy_text(options->sky, "list of features", &s->error);
    if (position != NULL)
        s->columns = list_sky_features(options->sky, position, options->inputs.columns, &s->error);
    free(position);
    options->inputs.columns = s->columns;
    options->problem.sky = options->sky_scale;
    return km_agree(s->comm, &s->error);
}
