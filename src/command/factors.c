/* The step that reads the values of --factor. */
#include "base/memory.h"
#include "base/text.h"
#include "command/command.h"

#include <stdlib.h>
#include <string.h>

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
    bool is_found = false, is_position = false;
    for (int64_t j = 0; j < c->n_features; j++)
        if (km_is_called(c->names[j], text, (size_t)length)) {
            s->factors[j] = factor;
            is_found = true;
            is_position = is_position || (s->options.sky != NULL && j < KM_SPHERE_FEATURES);
        }
    if (is_position)
        km_fail(&s->error, KM_USAGE,
                "bad value (--factor %s): positions stay on a sphere; weigh them as a whole with "
                "--sky-scale",
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
    s->factors = km_allocate(d, sizeof *s->factors, "factors of the features", &s->error);
    for (int64_t j = 0; j < d && s->factors != NULL; j++)
        s->factors[j] = 1;
    for (int64_t i = 0; i < asked->count && s->error.code == KM_OK; i++)
        take_factor(s, asked->texts[i]);
    s->options.problem.factors = s->factors;
    return km_agree(s->comm, &s->error);
}
