/* From the catalogue to samples that can be fitted. */
#include "base/error.h"
#include "base/timers.h"
#include "command/command.h"
#include "order/order.h"
#include "process/heap.h"
#include "process/log.h"
#include "process/status.h"

/* -k counts the rows that have weight, since only they can be centers. */
static km_code check_clusters(km_story *s)
{
    if (s->facts.n_samples < s->options.clusters)
        return km_fail(&s->error, KM_DATA,
                       "more clusters than usable rows (%s, %s): -k asks for %lld clusters of %lld "
                       "rows without missing values and with weight; ask for fewer",
                       s->catalogue.path, s->catalogue.table, (long long)s->options.clusters,
                       (long long)s->facts.n_samples);
    return KM_OK;
}

static km_code count_rows(km_story *s)
{
    s->record.n_used = s->samples.n_samples;
    km_sum_int64(s->comm, &s->record.n_used, 1);
    s->record.n_missing = s->catalogue.n_rows - s->record.n_used;
    if (s->record.n_used == 0 && s->options.model == NULL)
        return km_fail(&s->error, KM_DATA,
                       "no usable row (%s, %s): every row misses a feature (NaN, infinity, masked "
                       "or a --missing-value); choose other columns with -c",
                       s->catalogue.path, s->catalogue.table);
    return KM_OK;
}

/* The file's author set a value for what was never written, and it occurs: perhaps it means that.
 */
static void warn_of_fill(const km_story *s)
{
    for (int64_t j = 0; j < s->catalogue.n_features; j++)
        if (s->findings.n_fill[j] > 0)
            km_warn(
                &s->log,
                "fill value among the numbers (%s, column %s): %lld row%s %Lg, which stands where "
                "nothing was written; if it means a missing value, use --fill-is-missing",
                s->catalogue.path, s->catalogue.names[j], (long long)s->findings.n_fill[j],
                s->findings.n_fill[j] == 1 ? " has" : "s have",
                s->catalogue.columns[j].convention.fill);
}

km_code km_read_samples(km_story *s)
{
    const double start = km_now();
    km_status_phase("reading");
    km_catalogue_read(&s->catalogue, (km_missing)s->options.missing, s->comm, &s->samples,
                      &s->findings, &s->error);
    km_status_phase(NULL);
    km_timer_add(&s->timers, KM_PHASE_READ, start);
    if (s->error.code != KM_OK || count_rows(s) != KM_OK)
        return s->error.code;
    warn_of_fill(s);
    return KM_OK;
}

static km_code settle_weights(km_story *s)
{
    km_error why = {0};
    if (s->samples.weights != NULL && km_weights_settle(&s->samples, s->comm, &why) != KM_OK)
        km_fail(&s->error, why.code,
                "bad weights (%s, %s, column %s): %s; choose another column with --weights",
                s->catalogue.path, s->catalogue.table, km_catalogue_weights(&s->catalogue)->name,
                why.text);
    return s->error.code;
}

bool km_shares_space(const km_story *s)
{
    return km_plan_redistributes(&s->plan, s->options.clusters, s->catalogue.n_rows,
                                 km_comm_size(s->comm));
}

km_code km_share_space(km_story *s)
{
    const double start = km_now();
    if (km_shares_space(s) && !s->samples.is_redistributed) {
        km_status_phase("exchanging samples between ranks");
        km_samples_redistribute(&s->samples, s->comm, &s->error);
        km_memory_return();
        km_status_phase(NULL);
    }
    s->sharing = km_timer_add(&s->timers, KM_PHASE_ORDER, start) - start;
    return s->error.code;
}

km_code km_go_home(km_story *s, int32_t **labels)
{
    const double start = km_now();
    if (s->samples.is_redistributed) {
        km_status_phase("returning samples to their ranks");
        km_samples_return(&s->samples, labels, s->comm, &s->error);
        km_memory_return();
        km_status_phase(NULL);
    }
    km_timer_add(&s->timers, KM_PHASE_ORDER, start);
    return s->error.code;
}

/* From values as they were read to working values in their order. */
static km_code scale_and_order(km_story *s)
{
    if (km_transform_apply(&s->transform, (km_scaling)s->options.scale, &s->samples,
                           s->catalogue.names, s->comm, &s->error) != KM_OK)
        return s->error.code;
    km_status_part(-1);
    if (km_plan_orders(&s->plan, s->options.clusters, s->catalogue.n_rows, s->record.n_used,
                       km_comm_size(s->comm)))
        km_samples_order(&s->samples, s->comm, &s->error);
    km_memory_return();
    km_status_part(-1);
    return s->error.code;
}

km_code km_prepare_samples(km_story *s)
{
    const double start = km_now();
    km_status_phase("ordering");
    s->record.features_hash = km_hash_samples(&s->samples, s->comm);
    if (s->options.verify != KM_VERIFY_NOTHING)
        s->record.read_hash = km_hash_as_read(&s->samples, km_verify_every(s), s->comm);
    km_status_part(-1);
    if (km_check_features(s) != KM_OK || settle_weights(s) != KM_OK ||
        km_warn_of_counters(s) != KM_OK || scale_and_order(s) != KM_OK)
        return s->error.code;
    if (km_facts_find_ranges(&s->facts, &s->samples, s->comm, &s->error) == KM_OK &&
        check_clusters(s) == KM_OK && km_warn_of_constants(s) == KM_OK) {
        km_status_part(-1);
        km_facts_find_moments(&s->facts, &s->samples, s->comm, &s->error);
    }
    km_status_phase(NULL);
    km_timer_add(&s->timers, KM_PHASE_ORDER, start);
    return s->error.code;
}
