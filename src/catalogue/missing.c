/* Values of --missing-value, which mean a missing one: -99 in all features, or b_v:-99 in one. */
#include "base/error.h"
#include "base/text.h"
#include "opened.h"
#include "tables.h"

#include <string.h>

bool km_is_called(const char *feature, const char *name, size_t length)
{
    size_t end = length; /* of the braces, behind which the position of a value may stand */
    while (end > 1 && name[0] == '{' && name[end - 1] != '}')
        end--;
    if (end > 1 && name[0] == '{') {
        const size_t n_inner = end - 2;
        return strncmp(feature, name + 1, n_inner) == 0 &&
               km_is_called(feature + n_inner, name + end, length - end);
    }
    return strncmp(feature, name, length) == 0 &&
           (feature[length] == '\0' || feature[length] == '[');
}

static void add_missing_value(km_catalogue *catalogue, int64_t column, double value,
                              km_error *error)
{
    const km_missing_value missing = {column, value};
    catalogue->missing_values = km_append(catalogue->missing_values, &catalogue->n_missing_values,
                                          sizeof missing, &missing, error);
}

static void parse_missing_value(km_catalogue *catalogue, int64_t number, km_error *error)
{
    double value;
    const char *text = catalogue->asked.missing_values[number];
    const char *colon = strrchr(text, ':');
    if (km_parse_double(text, &value)) {
        add_missing_value(catalogue, -1, value, error);
        catalogue->missing_found |= (uint64_t)1 << number;
        return;
    }
    if (colon == NULL || !km_parse_double(colon + 1, &value)) {
        km_fail(error, KM_USAGE,
                "bad value (--missing-value %s): it takes a number, or a feature and a number as "
                "in b_v:-99",
                text);
        return;
    }
    const int64_t n_before = catalogue->n_missing_values;
    for (int64_t c = 0; c < catalogue->n_columns; c++)
        if (km_may_be_missing(catalogue, c) &&
            km_is_called(catalogue->columns[c].name, text, (size_t)(colon - text)))
            add_missing_value(catalogue, c, value, error);
    if (catalogue->n_missing_values > n_before)
        catalogue->missing_found |= (uint64_t)1 << number;
    else if (!catalogue->asked.skips_other_missing)
        km_fail(error, KM_USAGE,
                "bad value (--missing-value %s): %.*s is none of the features, nor in an "
                "expression; name one of the columns that are",
                text, (int)(colon - text), text);
}

km_code km_missing_values_parse(km_catalogue *catalogue, MPI_Comm comm, km_error *error)
{
    for (int64_t i = 0; i < catalogue->asked.n_missing_values && error->code == KM_OK; i++)
        parse_missing_value(catalogue, i, error);
    return km_agree(comm, error);
}

km_convention km_convention_of(const km_catalogue *catalogue, const km_column *column)
{
    km_convention convention = column->convention;
    if (catalogue->asked.is_raw)
        convention = (km_convention){.has_fill = convention.has_fill, .fill = convention.fill};
    if (catalogue->asked.fill_is_missing && convention.has_fill) {
        convention.missing[convention.n_missing++] = convention.fill;
        convention.has_fill = false;
    }
    if (convention.fill == 0) /* many libraries set 0, which never means a missing value */
        convention.has_fill = false;
    return convention;
}
