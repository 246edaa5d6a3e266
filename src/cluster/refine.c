/* `refined` (Bradley & Fayyad 1998, "Refining initial points for k-means clustering", with one
 * sample): Lloyd's iteration on a sample of rows moves the first centers to near their final
 * places, at the cost of a small part of the passes over all samples that this would take.
 *
 * The sample are the rows with the smallest random numbers, so it is the same for any number of
 * ranks, and its fit has the same bits as any fit has. If the sample represents all rows, the mean
 * inertia of a row is nearly the same in both. It is larger among all rows if the sample lacks rows
 * that matter, such as far outliers: then these centers are refused. */
#include "cluster/refine.h"

#include "base/random.h"
#include "base/timers.h"

#include <math.h>
#include <string.h>

/* A sample of m rows moves the final centers by about sqrt(k / m) of the width of a cluster. It
 * must be at most this fraction of all rows, or its fit would cost more than it saves. */
enum { SAMPLE_PER_CLUSTER = 4000, MIN_PART = 16 };

/* The mean inertia of all rows may be larger by this factor than that of the sample. */
static const double MAX_LOSS = 1.02;

int64_t km_refine_rows(const km_shape *shape)
{
    const int64_t by_k = SAMPLE_PER_CLUSTER * shape->n_clusters;
    const int64_t wanted = shape->n_seeding_rows > by_k ? shape->n_seeding_rows : by_k;
    return wanted <= shape->n_rows / MIN_PART ? wanted : 0;
}

/* The shape of the fit of the sample. */
static km_shape shape_of_sample(const km_shape *shape)
{
    km_shape sample = *shape;
    const double part = (double)km_refine_rows(shape) / (double)shape->n_rows;
    sample.n_rows = km_refine_rows(shape);
    sample.n_samples = (int64_t)ceil((double)shape->n_samples * part);
    return sample;
}

const km_method *km_refine_method(const char *algorithm, const km_shape *shape)
{
    const km_shape sample = shape_of_sample(shape);
    return km_method_choose(algorithm, &sample);
}

/* The maximum of copying the sample, and of drawing from the copy and fitting it. */
double km_refine_bytes(const km_shape *shape, const km_seeding *seeding, const km_method *method)
{
    const km_shape sample = shape_of_sample(shape);
    const double n = (double)sample.n_samples;
    const double fitting = km_labels_bytes(&sample) + km_fit_bytes(&sample, method);
    return km_centers_bytes(shape) +
           km_larger(km_select_bytes(shape, n), km_samples_bytes(shape, n, shape->has_weights) +
                                                    km_larger(seeding->bytes(&sample), fitting));
}

/* ---- the fit of the sample ------------------------------------------------------------------- */

/* What the fit of the sample calls, with the pace of the whole call: its iterations are progress of
 * the seeding. */
static void tell_progress(void *context, const skymeans_event *event)
{
    if (event->kind == SKYMEANS_ITERATED)
        km_pace_part(context, -1);
}

static int ask_to_stop(void *context)
{
    const km_pace *pace = context;
    const skymeans_control *control = pace->control;
    return control->wants_stop != NULL && control->wants_stop(control->context);
}

/* Takes over why the fit of the sample was stopped. If the time is up and there is nothing to keep,
 * the call goes on, since the next iteration of all samples gives it something. */
static void take_stop(km_pace *pace, const km_pace *of_sample)
{
    if (pace != NULL && !(of_sample->stop == KM_WISH_TIME && pace->has_nothing))
        km_pace_stop(pace, of_sample->stop);
}

/* Fits the sample from the drawn centers. Collective; errors are agreed. */
static km_code fit_sample(const km_refine_task *task, km_samples *sample, const km_facts *facts,
                          const double *drawn, km_fit *fit, km_error *error)
{
    const km_seeding_task *seeding = task->seeding;
    skymeans_control control = SKYMEANS_CONTROL;
    km_pace pace = km_pace_start(&control);
    if (seeding->pace != NULL) {
        control.context = seeding->pace;
        control.observe = tell_progress;
        control.wants_stop = ask_to_stop;
        pace.deadline = seeding->pace->deadline;
        pace.returning = seeding->pace->returning;
    }
    const km_fit_task fitting = {.n_clusters = seeding->n_clusters,
                                 .tolerance = task->tolerance,
                                 .max_iterations = task->max_iterations,
                                 .exponent = task->exponent,
                                 .facts = facts,
                                 .method = task->method,
                                 .kernel = seeding->kernel,
                                 .pace = &pace};
    km_timers timers = {0}; /* all of it is time of the seeding */
    if (km_fit_run(fit, &fitting, sample, drawn, seeding->comm, &timers, error) == KM_OK)
        take_stop(seeding->pace, &pace);
    return error->code;
}

/* Draws centers from the sample, and fits it. Collective; errors are agreed. */
static km_code refine_on(const km_refine_task *task, km_samples *sample, double *centers,
                         double *drawn, double *max_inertia, km_error *error)
{
    const size_t size = (size_t)(task->seeding->n_clusters * sample->n_features) * sizeof(double);
    km_pace *pace = task->seeding->pace;
    km_seeding_task drawing = *task->seeding;
    km_facts facts;
    km_fit fit;
    drawing.samples = sample;
    if (task->choose(&drawing, drawn, error) != KM_OK || km_pace_is_stopped(pace))
        return error->code;
    km_pace_phase(pace, "seeding, the fit of a sample");
    if (km_facts_find_ranges(&facts, sample, drawing.comm, error) != KM_OK)
        return error->code;
    if (km_facts_find_moments(&facts, sample, drawing.comm, error) == KM_OK &&
        fit_sample(task, sample, &facts, drawn, &fit, error) == KM_OK) {
        const double factor = (double)task->facts->weight / (double)facts.weight;
        memcpy(centers, fit.centers, size);
        *max_inertia = MAX_LOSS * factor * fit.inertia;
        km_fit_free(&fit);
    }
    km_facts_free(&facts);
    return error->code;
}

/* The rows that `choose` draws from are those with the smallest random numbers of the same stream,
 * so they are in the sample, and it draws the same centers from the sample as from all rows. */
km_code km_refine(const km_refine_task *task, double *centers, double *drawn, double *max_inertia,
                  km_error *error)
{
    const km_seeding_task *seeding = task->seeding;
    const km_shape shape = {.n_rows = task->facts->n_samples,
                            .n_clusters = seeding->n_clusters,
                            .n_seeding_rows = seeding->n_rows};
    const km_choice choice = {km_refine_rows(&shape), seeding->random_seed,
                              km_stream(KM_RANDOM_ROWS, 0, seeding->restart)};
    const size_t size =
        (size_t)(seeding->n_clusters * seeding->samples->n_features) * sizeof(double);
    km_samples sample = {0};
    *max_inertia = INFINITY;
    if (choice.n_wanted == 0) {
        if (task->choose(seeding, drawn, error) == KM_OK)
            memcpy(centers, drawn, size);
        return error->code;
    }
    if (km_select_samples(seeding->samples, &choice, seeding->comm, &sample, error) == KM_OK)
        refine_on(task, &sample, centers, drawn, max_inertia, error);
    km_samples_free(&sample);
    return error->code;
}
