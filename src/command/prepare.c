/* The steps of a fit from reading the rows to the answer. */
#include "command/command.h"

#include "base/memory.h"

#include <string.h>

static km_code check_usable_rows(km_story *s)
{
    const km_spread spread = km_samples_find_spread(&s->samples, s->comm);
    if (spread.n_used == 0 && s->options.model == NULL && s->options.inputs.where != NULL)
        return km_fail(
            &s->error, KM_DATA,
            "no usable row (%s, %s): of %lld rows --where is not true for %lld and "
            "undecided for %lld, and the others miss a feature; choose a wider condition, "
            "or other columns",
            s->catalogue.path, s->catalogue.table, (long long)s->catalogue.n_rows,
            (long long)s->findings.n_excluded, (long long)s->findings.n_undecided);
    if (spread.n_used == 0 && s->options.model == NULL)
        return km_fail(&s->error, KM_DATA,
                       "no usable row (%s, %s): every row misses a feature (NaN, infinity, masked "
                       "or a --missing-value); choose other columns with -c",
                       s->catalogue.path, s->catalogue.table);
    return KM_OK;
}

/* The author of the file set a fill value of HDF5, and it occurs: perhaps it means a missing value.
 */
static void warn_of_fill(const km_story *s)
{
    for (int64_t c = 0; c < s->catalogue.n_columns; c++)
        if (s->findings.n_fill[c] > 0)
            km_warn(
                &s->log,
                "fill value among the numbers (%s, column %s): %lld row%s %Lg, which stands where "
                "nothing was written; if it means a missing value, use --fill-is-missing",
                s->catalogue.path, km_name_of_column(&s->catalogue, c),
                (long long)s->findings.n_fill[c], s->findings.n_fill[c] == 1 ? " has" : "s have",
                s->catalogue.columns[c].convention.fill);
}

/* Positions are seldom missing; parts in the wrong order are beyond the poles. */
static void warn_of_positions(const km_story *s)
{
    if (s->options.sky != NULL && s->findings.n_missing[0] > 0)
        km_warn(&s->log,
                "rows without a position (%s, %lld rows): a part is missing, or beyond -360 to 720 "
                "degrees of right ascension and -90 to 90 of declination; if there are many, see "
                "that --sky %s has right ascension first, and both in degrees",
                s->catalogue.path, (long long)s->findings.n_missing[0], s->options.sky);
}

km_code km_read_samples(km_story *s)
{
    const double start = km_now();
    const bool is_strict = strcmp(s->options.problem.missing, "error") == 0;
    s->pace = km_pace_start(&s->control);
    km_pace_phase(&s->pace, "reading");
    km_catalogue_read(&s->catalogue, is_strict ? KM_MISSING_ERROR : KM_MISSING_DROP, &s->pace,
                      s->comm, &s->samples.memory, &s->findings, &s->error);
    km_pace_phase(&s->pace, NULL);
    km_timer_add(&s->timers, KM_PHASE_READ, start);
    if (s->error.code != KM_OK || km_is_stopped_early(s) || check_usable_rows(s) != KM_OK)
        return s->error.code;
    s->samples.names = s->catalogue.names;
    s->samples.n_left_out = s->findings.n_excluded + s->findings.n_undecided;
    if (s->catalogue.has_weights)
        s->samples.weights_name = km_catalogue_weights(&s->catalogue)->name;
    warn_of_fill(s);
    warn_of_positions(s);
    return KM_OK;
}

/* Checks that must come before the engine scales the values: are they those of the checkpoint, what
 * is their hash for --verify, do any of them count rows? */
static km_code check_values_as_read(km_story *s)
{
    const double start = km_now();
    const uint64_t hash = km_samples_find_hash(&s->samples, s->comm);
    if (s->has_state && hash != s->state_hash)
        return km_fail(&s->error, KM_DATA,
                       "the catalogue has changed (%s): its values are not those of the checkpoint "
                       "%s; remove that to begin anew",
                       s->catalogue.path, s->options.checkpoint);
    if (s->options.verify != KM_VERIFY_NOTHING)
        s->read_hash = km_hash_as_read(&s->samples.memory, km_verify_every(s), s->comm);
    s->values_hash =
        s->catalogue.has_weights ? km_hash_as_read(&s->samples.memory, 1, s->comm) : hash;
    km_warn_of_counters(s);
    km_timer_add(&s->timers, KM_PHASE_ORDER, start);
    return s->error.code;
}

km_code km_fit_samples(km_story *s)
{
    skymeans_error why;
    if (check_values_as_read(s) != KM_OK)
        return s->error.code;
    km_prepare_control(s);
    skymeans_fit(&s->answer, &s->options.problem, &s->samples, &s->options.manner, &s->control,
                 s->comm, &why);
    if (why.code != SKYMEANS_OK) {
        km_fail(&s->error, (km_code)why.code, "%s", why.text);
        if (why.code == SKYMEANS_DATA)
            km_say_place(&s->error, s->catalogue.path, s->catalogue.table);
        return s->error.code;
    }
    km_is_stopped_early(s);
    return s->error.code;
}

km_timers km_all_timers(const km_story *s)
{
    km_timers all = s->timers;
    if (s->answer != NULL)
        km_timers_add_up(&all, &s->answer->timers);
    return all;
}
