/* Steps that go by names of features: none is given twice, and the values of --factor. */
#include "base/memory.h"
#include "base/text.h"
#include "command/command.h"

#include <stdlib.h>
#include <string.h>

static const char *expression_text(const km_catalogue *c, const km_column *column)
{
    return column->expression > 0 ? c->expressions[column->expression - 1].text : "";
}

/* A column that is named twice is the same, and worth a warning only. */
km_code km_check_names(const km_catalogue *c, const char *option, km_error *error)
{
    for (int64_t i = 0; i < c->n_features; i++)
        for (int64_t j = 0; c->columns[i].expression > 0 && j < c->n_features; j++)
            if (strcmp(c->names[i], c->names[j]) == 0 &&
                strcmp(expression_text(c, &c->columns[i]), expression_text(c, &c->columns[j])) != 0)
                return km_fail(error, KM_USAGE,
                               "a name twice (%s, %s): it is given to two different columns, so "
                               "that nothing could tell them apart; choose another NAME in "
                               "NAME=EXPRESSION",
                               option, c->names[i]);
    return KM_OK;
}

/* Finds the feature of a value of --factor, NAME:F, and its factor. */
static void take_factor(km_story *s, const char *text)
{
    const km_catalogue *c = &s->catalogue;
    const char *colon = strrchr(text, ':');
    double factor = 0;
    if (colon == NULL || !km_parse_double(colon + 1, &factor) ||
        !(factor >= KM_MIN_FACTOR && factor <= KM_MAX_FACTOR)) {
        km_fail(
            &s->error, KM_USAGE,
            "bad value (--factor %s): it takes a feature and a number from 1e-100 to 1e100, as in "
            "b_v:2",
            text);
        return;
    }
    const int length = (int)(colon - text);
    bool is_found = false, is_position = false, is_given = false;
    for (int64_t j = 0; j < c->n_features; j++)
        if (km_is_called(c->names[j], text, (size_t)length)) {
            is_given = is_given || s->factors[j] > 0;
            s->factors[j] = factor;
            is_found = true;
            is_position = is_position || (s->options.sky != NULL && j < KM_SPHERE_FEATURES);
        }
    if (is_position)
        km_fail(&s->error, KM_USAGE,
                "bad value (--factor %s): positions stay on a sphere; weigh them as a whole with "
                "--sky-scale",
                text);
    else if (is_given)
        km_fail(&s->error, KM_USAGE,
                "bad value (--factor %s): %.*s has a factor already; give it one", text, length,
                text);
    if (is_found)
        return;
    km_fail(&s->error, KM_USAGE,
            "bad value (--factor %s): %.*s is none of the features; name one of those that -c "
            "lists",
            text, length, text);
}

km_code km_take_factors(km_story *s)
{
    const km_texts *asked = &s->options.factors;
    const int64_t d = s->catalogue.n_features;
    if (asked->count == 0)
        return KM_OK;
    s->factors = km_allocate_zeroed(d, sizeof *s->factors, "factors of the features", &s->error);
    for (int64_t i = 0; i < asked->count && s->error.code == KM_OK; i++)
        take_factor(s, asked->texts[i]);
    for (int64_t j = 0; j < d && s->factors != NULL; j++)
        s->factors[j] = s->factors[j] > 0 ? s->factors[j] : 1;
    s->options.problem.factors = s->factors;
    return km_agree(s->comm, &s->error);
}
