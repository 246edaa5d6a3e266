/* The steps of `verify`, which checks a result again, anywhere and later. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "base/partition.h"
#include "command/command.h"
#include "report/verdict.h"

#include <stdlib.h>
#include <string.h>

km_code km_read_recorded(km_story *s)
{
    km_recorded *r = &s->recorded;
    km_catalogue_name *inputs = &s->options.inputs;
    if (km_recorded_read(r, s->options.model, &s->model, s->comm, &s->error) != KM_OK)
        return s->error.code;
    if (inputs->table == NULL)
        inputs->table = r->table;
    inputs->where = r->where;
    inputs->weights = r->weights;
    inputs->skips_other_missing = true; /* those of columns that were described only */
    for (int64_t m = 0; m < r->n_missing_values; m++)
        s->options.missing_values.texts[m] = r->missing_values + m * KM_RECORDED_TEXT_SIZE;
    s->options.missing_values.count = r->n_missing_values;
    inputs->is_transposed = r->is_transposed;
    s->options.verify = KM_VERIFY_ALL;
    return KM_OK;
}

/* Coordinates of centers that the result has otherwise than its model has them. */
static int64_t count_other_centers(const km_story *s)
{
    const int64_t n = s->model.n_clusters * s->model.n_features;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += s->answer->centers[i] != s->recorded.centers[i];
    return count;
}

/* Turns the prediction, whose labels were found just now, into the answer that the result has. The
 * answer owns the arrays that it gets. */
static km_code take_recorded(km_story *s)
{
    km_recorded *r = &s->recorded;
    skymeans_answer *answer = s->answer;
    const int64_t n = s->model.n_clusters * answer->plan.shape.n_features; /* with heights */
    km_free_large(answer->labels);
    free(answer->fit.sizes);
    answer->labels = r->labels;
    answer->fit.sizes = r->sizes;
    answer->fit.weights = r->cluster_weights;
    r->labels = NULL;
    r->sizes = NULL;
    r->cluster_weights = NULL;
    answer->is_fit = r->is_fit;
    answer->is_renumbered = answer->is_renumbered || r->is_renumbered;
    answer->fit.inertia = r->inertia;
    answer->problem.sky = r->is_sky ? s->model.transform.factor[0] : 0;
    if (r->has_settled) { /* then the last update moved no center */
        answer->fit.previous = km_allocate(n, sizeof(double), "centers", &s->error);
        if (answer->fit.previous != NULL)
            memcpy(answer->fit.previous, answer->fit.centers, (size_t)n * sizeof(double));
    }
    return km_agree(s->comm, &s->error);
}

static km_code compare_rows(km_story *s, km_verdict *verdict)
{
    if (km_samples_settle_weights(&s->samples, s->comm, &s->error) != KM_OK ||
        km_predict_samples(s) != KM_OK)
        return s->error.code;
    verdict->n_centers = count_other_centers(s);
    verdict->answer = s->answer;
    if (take_recorded(s) == KM_OK)
        km_answer_compare(&verdict->differences, s->answer, &s->samples, s->comm, &s->error);
    return s->error.code;
}

km_code km_check_result(km_story *s)
{
    char failed[128];
    km_verdict verdict = {.path = s->options.model,
                          .recorded = &s->recorded,
                          .catalogue = &s->catalogue,
                          .findings = &s->findings};
    verdict.values_hash = s->read_hash = km_hash_as_read(&s->samples.memory, 1, s->comm);
    if (s->catalogue.n_rows == s->recorded.n_rows &&
        (km_verify_reading(s) != KM_OK || compare_rows(s, &verdict) != KM_OK))
        return s->error.code;
    if (km_is_heard(s))
        km_verdict_print(&verdict);
    km_verdict_failed(&verdict, failed, sizeof failed);
    if (failed[0] != '\0')
        km_fail(&s->error, KM_INTERNAL,
                "verification FAILED (%s, %s): of what was checked these are others: %s; name the "
                "catalogue of the fit, in its order, unless it or the result has changed",
                s->options.model, s->catalogue.path, failed);
    return s->error.code;
}
