/* First centers from a result belong to features by their names, in any order. */
#include "catalogue/first_centers.h"

#include "base/error.h"
#include "base/memory.h"
#include "catalogue/catalogue.h"
#include "process/log.h"

#include <stdlib.h>
#include <string.h>

/* Are the names numbers, as of columns of an array? */
static bool are_column_numbers(const char *names, size_t stride, int64_t count)
{
    for (int64_t j = 0; j < count; j++) {
        const char *name = names + (size_t)j * stride;
        if (name[strspn(name, "0123456789")] != '\0')
            return false;
    }
    return true;
}

static bool is_feature(const km_first_centers *asked, int64_t j, const char *name,
                       const bool *is_taken)
{
    return j < asked->n_features && !is_taken[j] && strcmp(asked->features[j].name, name) == 0;
}

/* The feature of this fit with this name that has no place yet, where i is tried first; -1 if there
 * is none. */
static int64_t find_feature(const km_first_centers *asked, int64_t i, const char *name,
                            const bool *is_taken)
{
    if (is_feature(asked, i, name, is_taken))
        return i;
    for (int64_t j = 0; j < asked->n_features; j++)
        if (is_feature(asked, j, name, is_taken))
            return j;
    return -1;
}

/* The place of each feature of the file among those of this fit. KM_DATA if the features are not
 * the same. */
static km_code match_features(const km_first_centers *asked, const char *names, int64_t count,
                              int64_t *places, bool *is_taken, km_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        const char *name = names + (size_t)i * KM_NAME_SIZE;
        places[i] = find_feature(asked, i, name, is_taken);
        if (places[i] < 0)
            return km_fail(error, KM_DATA,
                           "first centers of other features (%s, feature %s): this fit has no "
                           "feature of that name; name those of the result with -c",
                           asked->file, name);
        is_taken[places[i]] = true;
    }
    for (int64_t j = 0; j < asked->n_features; j++)
        if (!is_taken[j])
            return km_fail(error, KM_DATA,
                           "first centers of other features (%s, feature %s): the result has none "
                           "of that name; name those of the result with -c",
                           asked->file, asked->features[j].name);
    return KM_OK;
}

static void warn_of_center_units(const km_first_centers *asked, const char *units, int64_t count,
                                 const int64_t *places)
{
    for (int64_t i = 0; i < count && asked->log != NULL; i++) {
        const km_column *feature = &asked->features[places[i]];
        const char *other = units + (size_t)i * KM_UNITS_SIZE;
        if (other[0] != '\0' && feature->units[0] != '\0' && strcmp(other, feature->units) != 0)
            km_warn(asked->log,
                    "other units (%s, feature %s): first centers in %s, and the catalogue in %s; "
                    "they are taken as they are, so choose a result of the same units",
                    asked->file, feature->name, other, feature->units);
    }
}

km_code km_first_centers_match(const km_first_centers *asked, hid_t dataset, int64_t count,
                               int64_t **places, km_error *error)
{
    const int64_t d = asked->n_features;
    const char *what = "features of the first centers";
    *places = NULL;
    if (asked->features == NULL ||
        are_column_numbers(asked->features[0].name, sizeof(km_column), d))
        return KM_OK;
    char *names = km_allocate_zeroed(count, KM_NAME_SIZE, what, error);
    char *units = km_allocate_zeroed(count, KM_UNITS_SIZE, what, error);
    bool *is_taken = km_allocate_zeroed(d, sizeof *is_taken, what, error);
    int64_t *found = km_allocate(count, sizeof *found, what, error);
    const bool has_names = error->code == KM_OK &&
                           km_h5_read_text_list(dataset, "features", count, KM_NAME_SIZE, names) &&
                           !are_column_numbers(names, KM_NAME_SIZE, count);
    if (has_names && match_features(asked, names, count, found, is_taken, error) == KM_OK) {
        if (km_h5_read_text_list(dataset, "units", count, KM_UNITS_SIZE, units))
            warn_of_center_units(asked, units, count, found);
        *places = found;
    } else {
        free(found);
    }
    free(names);
    free(units);
    free(is_taken);
    return error->code;
}

km_code km_first_centers_permute(double *centers, int64_t k, int64_t d, const int64_t *places,
                                 km_error *error)
{
    double *permuted = km_allocate(d, sizeof *permuted, "first centers", error);
    for (int64_t c = 0; c < k && permuted != NULL; c++) {
        double *center = centers + c * d;
        for (int64_t i = 0; i < d; i++)
            permuted[places[i]] = center[i];
        memcpy(center, permuted, (size_t)d * sizeof *center);
    }
    free(permuted);
    return error->code;
}
