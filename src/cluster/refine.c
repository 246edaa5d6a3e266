/* `refined` (Bradley & Fayyad 1998, "Refining initial points for k-means clustering", with one
 * sample): Lloyd's iteration on a sample of rows moves the first centers to near their final
 * places, at the cost of a small part of the passes over all samples that this would take.
 *
 * The sample are the rows with the smallest random numbers, so it is the same for any number of
 * ranks, and its fit has the same bits as any fit has. If the sample represents all rows, the mean
 * inertia of a row is nearly the same in both. It is larger among all rows if the sample lacks rows
 * that matter, such as far outliers: then these centers are refused, and others drawn. */
#include "cluster/refine.h"

#include "base/random.h"
#include "base/timers.h"

#include <math.h>
#include <string.h>

/* The inertia of all rows with the best centers of m rows exceeds the best by about k / m, so a
 * sample has rows for 1/4000 of that, but not more than costs little: the fit of 1/12 of the rows
 * takes many iterations. With fewer than 2000 rows per cluster it hardly saves any. */
enum { ROWS_PER_CLUSTER = 4000, LEAST_PER_CLUSTER = 2000, LEAST_ROWS = 100000, LEAST_PART = 12 };

/* The mean inertia of all rows may be larger by this factor than that of the sample. */
static const double MAX_LOSS = 1.02;

int64_t km_refine_rows(const km_shape *shape, int64_t n_samples)
{
    const int64_t k = shape->n_clusters, part = n_samples / LEAST_PART;
    const int64_t drawn = shape->n_seeding_rows < LEAST_ROWS ? shape->n_seeding_rows : LEAST_ROWS;
    const int64_t wanted = drawn > ROWS_PER_CLUSTER * k ? drawn : ROWS_PER_CLUSTER * k;
    const int64_t least = drawn > LEAST_PER_CLUSTER * k ? drawn : LEAST_PER_CLUSTER * k;
    return part < least ? 0 : part < wanted ? part : wanted;
}

/* The shape of the fit of the sample. */
static km_shape shape_of_sample(const km_shape *shape)
{
    km_shape sample = *shape;
    sample.n_rows = km_refine_rows(shape, shape->n_rows);
    const double part = (double)sample.n_rows / (double)shape->n_rows;
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
    return km_larger(km_select_bytes(shape, n), km_samples_bytes(shape, n, shape->has_weights) +
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

/* Fits the sample from its first centers. Collective; errors are agreed. */
static km_code fit_sample(const km_refine_task *task, km_samples *sample, const km_facts *facts,
                          const double *centers, km_fit *fit, km_error *error)
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
                                 .radius = task->radius,
                                 .exponent = task->exponent,
                                 .facts = facts,
                                 .method = task->method,
                                 .kernel = seeding->kernel,
                                 .pace = &pace};
    km_timers timers = {0}; /* all of it is time of the seeding */
    if (km_fit_run(fit, &fitting, sample, centers, seeding->comm, &timers, error) == KM_OK)
        take_stop(seeding->pace, &pace);
    return error->code;
}

km_code km_refine_on(const km_refine_task *task, km_samples *sample, double *centers,
                     km_refined *refined, km_error *error)
{
    const size_t size = (size_t)(task->seeding->n_clusters * sample->n_features) * sizeof(double);
    km_pace *pace = task->seeding->pace;
    km_seeding_task drawing = *task->seeding;
    km_facts facts;
    km_fit fit;
    drawing.samples = sample;
    if (task->choose(&drawing, centers, error) != KM_OK || km_pace_is_stopped(pace))
        return error->code;
    km_pace_phase(pace, "seeding, the fit of a sample");
    if (km_facts_find_ranges(&facts, sample, drawing.comm, error) != KM_OK)
        return error->code;
    if (km_facts_find_moments(&facts, sample, NULL, drawing.comm, error) == KM_OK &&
        fit_sample(task, sample, &facts, centers, &fit, error) == KM_OK) {
        const double factor = (double)task->facts->weight / (double)facts.weight;
        memcpy(centers, fit.centers, size);
        *refined = (km_refined){.n_rows = facts.n_samples,
                                .n_iterations = fit.n_iterations,
                                .max_inertia = MAX_LOSS * factor * fit.inertia,
                                .inertia = fit.inertia};
        km_fit_free(&fit);
    }
    km_facts_free(&facts);
    return error->code;
}

/* The rows that `choose` would draw from are those with the smallest random numbers of the same
 * stream, so they are in the sample unless it is smaller. */
km_code km_refine(const km_refine_task *task, double *centers, km_refined *refined, km_error *error)
{
    const km_seeding_task *seeding = task->seeding;
    const km_choice choice = {task->n_rows, seeding->random_seed,
                              km_stream(KM_RANDOM_ROWS, 0, seeding->restart)};
    km_samples sample = {0};
    *refined = (km_refined){.max_inertia = INFINITY};
    if (km_select_samples(seeding->samples, &choice, seeding->comm, &sample, error) == KM_OK)
        km_refine_on(task, &sample, centers, refined, error);
    km_samples_free(&sample);
    return error->code;
}
