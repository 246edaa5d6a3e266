/* The functions of skymeans.h. Each checks its arguments, copies the communicator, sets the threads
 * and restores them at the end, and returns an error as code and text. */
#include "skymeans.h"

#include "base/memory.h"
#include "base/threads.h"
#include "base/version.h"
#include "cluster/cluster.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *skymeans_version(void)
{
    return KM_VERSION;
}

/* ---- begin and end of a call ----------------------------------------------------------------- */

/* What a collective call needs: its own communicator, its threads, its error. */
typedef struct entry {
    MPI_Comm comm;
    km_team team;
    km_error error;
} entry;

MPI_Comm skymeans_comm_alone(void)
{
    return km_comm_alone();
}

/* Without these, ranks can't even agree on an error. A process without MPI has no communicator,
 * but where MPI runs it is an error to have none. In the place there is nothing yet. Local. */
static km_code check_place_and_comm(void *place, MPI_Comm comm, km_error *error)
{
    void *const nothing = NULL;
    const char *wrong = NULL;
    if (place != NULL)
        memcpy(place, &nothing, sizeof nothing);
    if (place == NULL)
        wrong = "no place for what is made (NULL)";
    else if (comm == MPI_COMM_NULL && km_comm_alone() != MPI_COMM_NULL)
        wrong = "no communicator (MPI_COMM_NULL)";
    else if (km_comm_is_between_groups(comm))
        wrong = "an intercommunicator; merge its groups (MPI_Intercomm_merge)";
    return wrong != NULL ? km_fail(error, KM_USAGE, "bad argument: %s", wrong) : KM_OK;
}

static void check_not_null(const void *given, const char *name, km_error *error)
{
    if (given == NULL)
        km_fail(error, KM_USAGE, "bad argument: %s is NULL", name);
}

/* Copies the communicator and sets the threads. Before that it finds out how many can be made,
 * since OpenMP would end the process. Collective; errors are agreed. */
static km_code enter_call(entry *e, MPI_Comm comm, int64_t n_threads)
{
    km_trial trial;
    e->comm = km_comm_copy(comm);
    if (km_agree(e->comm, &e->error) == KM_OK) {
        km_trial_begin(&trial, (int)n_threads, &e->error);
        km_agree(e->comm, &e->error);
        km_trial_end(&trial);
        if (e->error.code == KM_OK)
            km_team_begin(&e->team, trial.n, &e->error);
    }
    return km_agree(e->comm, &e->error);
}

int km_tell(const km_error *from, skymeans_error *to)
{
    if (to != NULL) {
        to->code = (int)from->code;
        snprintf(to->text, sizeof to->text, "%s", from->text);
    }
    return (int)from->code;
}

static int leave_call(entry *e, skymeans_error *error)
{
    km_team_end(&e->team);
    km_comm_free(&e->comm);
    return km_tell(&e->error, error);
}

/* ---- samples --------------------------------------------------------------------------------- */

int skymeans_samples_create(skymeans_samples **samples, const skymeans_rows *rows, MPI_Comm comm,
                            skymeans_error *error)
{
    entry e = {.error = {0}};
    if (check_place_and_comm(samples, comm, &e.error) != KM_OK)
        return km_tell(&e.error, error);
    *samples = km_allocate_zeroed(1, sizeof **samples, "samples", &e.error);
    if (enter_call(&e, comm, 0) == KM_OK)
        km_cluster_collect(*samples, rows, e.comm, &e.error);
    if (e.error.code != KM_OK) {
        skymeans_samples_free(*samples);
        *samples = NULL;
    }
    return leave_call(&e, error);
}

void skymeans_samples_free(skymeans_samples *samples)
{
    if (samples != NULL)
        km_samples_clear(samples);
    free(samples);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void check_seconds(const char *name, double seconds, km_error *error)
{
    if (!(seconds >= 0))
        km_fail(error, KM_USAGE, "bad value (%s %g): it must be a number, and at least 0", name,
                seconds);
}

static void take_control(skymeans_control *control, const skymeans_control *given, km_error *error)
{
    const skymeans_control defaults = SKYMEANS_CONTROL;
    *control = defaults;
    if (given == NULL ||
        km_take_struct(control, sizeof *control, given, "SKYMEANS_CONTROL", error) != KM_OK)
        return;
    check_seconds("seconds", control->seconds, error);
    check_seconds("save_interval", control->save_interval, error);
}

/* Leaves a call; without an answer if it failed. */
static int leave_with_answer(entry *e, skymeans_answer **answer, skymeans_error *error)
{
    if (e->error.code != KM_OK) {
        skymeans_answer_free(*answer);
        *answer = NULL;
    }
    return leave_call(e, error);
}

int skymeans_fit(skymeans_answer **answer, const skymeans_problem *problem,
                 skymeans_samples *samples, const skymeans_manner *manner,
                 const skymeans_control *control, MPI_Comm comm, skymeans_error *error)
{
    entry e = {.error = {0}};
    skymeans_problem own_problem = {0};
    skymeans_manner own_manner = {0};
    skymeans_control own_control = {0};
    if (check_place_and_comm(answer, comm, &e.error) != KM_OK)
        return km_tell(&e.error, error);
    *answer = km_allocate_zeroed(1, sizeof **answer, "answer", &e.error);
    check_not_null(samples, "samples", &e.error);
    km_problem_check(&own_problem, problem, &e.error);
    km_manner_check(&own_manner, manner, &e.error);
    take_control(&own_control, control, &e.error);
    if (enter_call(&e, comm, own_manner.threads) == KM_OK)
        km_cluster_fit(*answer, &own_problem, samples, &own_manner, &own_control, e.comm, &e.error);
    return leave_with_answer(&e, answer, error);
}

int skymeans_predict(skymeans_answer **answer, const skymeans_answer *fitted,
                     skymeans_samples *samples, const skymeans_manner *manner, MPI_Comm comm,
                     skymeans_error *error)
{
    entry e = {.error = {0}};
    skymeans_manner own_manner = {0};
    if (check_place_and_comm(answer, comm, &e.error) != KM_OK)
        return km_tell(&e.error, error);
    *answer = km_allocate_zeroed(1, sizeof **answer, "answer", &e.error);
    check_not_null(samples, "samples", &e.error);
    check_not_null(fitted, "the fitted answer", &e.error);
    km_manner_check(&own_manner, manner, &e.error);
    if (enter_call(&e, comm, own_manner.threads) == KM_OK)
        km_cluster_predict(*answer, fitted, samples, &own_manner, e.comm, &e.error);
    return leave_with_answer(&e, answer, error);
}

void skymeans_answer_free(skymeans_answer *answer)
{
    if (answer != NULL)
        km_answer_clear(answer);
    free(answer);
}

void skymeans_summarize(const skymeans_answer *answer, skymeans_summary *summary)
{
    const size_t size = summary->size < sizeof *summary ? summary->size : sizeof *summary;
    const skymeans_summary full = {.size = summary->size,
                                   .n_clusters = answer->plan.shape.n_clusters,
                                   .n_features = km_answer_features(answer),
                                   .n_rows = answer->spread.n_rows,
                                   .n_used = answer->spread.n_used,
                                   .inertia = answer->fit.inertia,
                                   .n_iterations = answer->fit.n_iterations,
                                   .stop = (skymeans_stop)answer->stop,
                                   .n_fits = answer->restarts.count,
                                   .best = answer->restarts.best,
                                   .n_empty = answer->fit.n_empty,
                                   .checksum = answer->checksum,
                                   .is_complete = answer->is_complete};
    memcpy(summary, &full, size);
}

const double *skymeans_centers(const skymeans_answer *answer)
{
    return answer->centers;
}

const int64_t *skymeans_sizes(const skymeans_answer *answer)
{
    return answer->fit.sizes;
}

const double *skymeans_weights(const skymeans_answer *answer)
{
    return answer->fit.weights;
}

const int32_t *skymeans_labels(const skymeans_answer *answer)
{
    return answer->labels;
}

const skymeans_iteration *skymeans_history(const skymeans_answer *answer)
{
    return answer->fit.history;
}

int64_t skymeans_n_choices(const skymeans_answer *answer, int64_t *kept)
{
    const int64_t n = answer->is_complete ? answer->choice.n_done : 0;
    *kept = n > 0 ? answer->choice.best - km_choice_next(&answer->choice) - 1 : 0;
    return n;
}

void skymeans_choice_of(const skymeans_answer *answer, int64_t i, skymeans_choice *choice)
{
    const size_t size = choice->size < sizeof *choice ? choice->size : sizeof *choice;
    const km_choices *all = &answer->choice;
    if (i < 0 || i >= all->n_done || !answer->is_complete)
        return;
    const int64_t row = km_choice_next(all) + 1 + i;
    const km_criteria *of = &all->rows[row];
    const skymeans_choice full = {.size = choice->size,
                                  .n_clusters = of->n_clusters,
                                  .n_iterations = of->n_iterations,
                                  .inertia = of->inertia,
                                  .silhouette = of->silhouette,
                                  .calinski_harabasz = of->calinski_harabasz,
                                  .davies_bouldin = of->davies_bouldin,
                                  .stability = of->stability,
                                  .coincidence = of->coincidence,
                                  .bootstrap = of->bootstrap,
                                  .gap = of->gap,
                                  .gap_error = of->gap_error,
                                  .centers =
                                      all->centers + km_choice_first(all, row) * all->n_features};
    memcpy(choice, &full, size);
}

/* ---- models ---------------------------------------------------------------------------------- */

void skymeans_model_of(const skymeans_answer *answer, skymeans_model *model)
{
    const size_t size = model->size < sizeof *model ? model->size : sizeof *model;
    const skymeans_model full = {.size = model->size,
                                 .n_clusters = answer->plan.shape.n_clusters,
                                 .n_features = km_answer_features(answer),
                                 .working_centers = answer->plain,
                                 .prices = answer->prices,
                                 .numbers = answer->numbers,
                                 .offset = answer->transform.offset,
                                 .factor = answer->transform.factor,
                                 .exponent = answer->transform.exponent,
                                 .scale = km_scaling_name(answer->transform.scaling),
                                 .type = (skymeans_type)answer->precision};
    memcpy(model, &full, size);
}

static km_code check_model_struct(const skymeans_model *model, km_scaling *scaling, km_error *error)
{
    const char *wrong = NULL;
    if (model->n_clusters < 1 || model->n_clusters > INT32_MAX)
        wrong = "n_clusters must be 1 to 2^31 - 1";
    else if (model->n_features < 1 || model->n_features > INT32_MAX)
        wrong = "n_features must be 1 to 2^31 - 1";
    else if (model->working_centers == NULL)
        wrong = "it has no centers";
    else if (model->type != SKYMEANS_FLOAT32 && model->type != SKYMEANS_FLOAT64)
        wrong = "type must be SKYMEANS_FLOAT32 or SKYMEANS_FLOAT64";
    else if (!km_scaling_find(model->scale != NULL ? model->scale : "none", scaling))
        wrong = "scale must be 'none', 'standard', 'minmax' or 'robust'";
    else if (model->exponent < -KM_MAX_EXPONENT || model->exponent > KM_MAX_EXPONENT)
        wrong = "no fit has such an exponent";
    return wrong != NULL ? km_fail(error, KM_USAGE, "bad model: %s", wrong) : KM_OK;
}

static bool has_no_nan(const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (isnan(values[i]))
            return false;
    return true;
}

static km_code check_model_values(const skymeans_answer *answer, const skymeans_model *model,
                                  km_error *error)
{
    const int64_t k = model->n_clusters, d = model->n_features;
    if (!has_no_nan(model->working_centers, k * d) || !has_no_nan(answer->transform.offset, d) ||
        !has_no_nan(answer->transform.factor, d))
        return km_fail(error, KM_USAGE, "bad model: centers, offset and factor must not be NaN");
    for (int64_t c = 0; c < k && model->prices != NULL; c++)
        if (!(model->prices[c] >= 0) || isinf(model->prices[c]))
            return km_fail(error, KM_USAGE, "bad model: prices must be finite, and at least 0");
    if (answer->numbers != NULL && !km_is_order(answer->numbers, k, error) && error->code == KM_OK)
        return km_fail(error, KM_USAGE, "bad model: numbers must be 0 to k - 1, each once");
    return error->code;
}

/* A height is the root of its price. */
static void add_heights_of_prices(skymeans_answer *answer, const skymeans_model *model)
{
    const int64_t n = answer->plan.shape.n_features;
    km_add_heights(answer->fit.centers, model->n_clusters, model->n_features,
                   n - model->n_features);
    for (int64_t c = 0; c < model->n_clusters && model->prices != NULL; c++)
        answer->fit.centers[(c + 1) * n - 1] =
            sqrt(ldexp(model->prices[c], -2 * answer->transform.exponent));
}

static km_code fill_answer(skymeans_answer *answer, const skymeans_model *model, km_error *error)
{
    const int64_t k = model->n_clusters, d = model->n_features, n = answer->plan.shape.n_features;
    double *ones = km_allocate(2 * d, sizeof *ones, "model", error);
    answer->fit.centers = km_allocate(k * n, sizeof(double), "centers", error);
    if (model->numbers != NULL)
        answer->numbers = km_allocate(k, sizeof *answer->numbers, "model", error);
    answer->transform.offset = ones;
    if (error->code != KM_OK)
        return error->code;
    answer->transform.factor = ones + d;
    if (model->numbers != NULL)
        memcpy(answer->numbers, model->numbers, (size_t)k * sizeof *answer->numbers);
    for (int64_t j = 0; j < d; j++) {
        ones[j] = model->offset != NULL ? model->offset[j] : 0;
        ones[d + j] = model->factor != NULL ? model->factor[j] : 1;
    }
    if (check_model_values(answer, model, error) != KM_OK)
        return error->code;
    memcpy(answer->fit.centers, model->working_centers, (size_t)(k * d) * sizeof(double));
    add_heights_of_prices(answer, model);
    return km_answer_find_centers(answer, error);
}

int skymeans_answer_from_model(skymeans_answer **answer, const skymeans_model *given,
                               skymeans_error *error)
{
    skymeans_model model = SKYMEANS_MODEL;
    km_scaling scaling = KM_SCALE_NONE;
    km_error why = {0};
    fenv_t environment;
    if (check_place_and_comm(answer, km_comm_alone(), &why) != KM_OK)
        return km_tell(&why, error);
    fegetenv(&environment);
    fesetenv(FE_DFL_ENV);
    *answer = km_allocate_zeroed(1, sizeof **answer, "answer", &why);
    if (why.code == KM_OK &&
        km_take_struct(&model, sizeof model, given, "SKYMEANS_MODEL", &why) == KM_OK &&
        check_model_struct(&model, &scaling, &why) == KM_OK) {
        (*answer)->precision = (km_precision)model.type;
        (*answer)->plan.shape.n_clusters = model.n_clusters;
        (*answer)->plan.shape.n_heights = model.prices != NULL;
        (*answer)->plan.shape.n_features = model.n_features + (model.prices != NULL);
        (*answer)->transform = (km_transform){
            .n_features = model.n_features, .exponent = model.exponent, .scaling = scaling};
        fill_answer(*answer, &model, &why);
    }
    if (why.code != KM_OK) {
        skymeans_answer_free(*answer);
        *answer = NULL;
    }
    fesetenv(&environment);
    return km_tell(&why, error);
}
