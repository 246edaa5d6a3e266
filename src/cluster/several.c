/* The fits of several numbers of clusters, from the largest down: so the samples are put in order
 * once, and each number but the first can begin with the centers of the one before. */
#include "cluster/call.h"

#include "base/large.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Makes the fits of one number of clusters the next ones. Those done belong to a saved state, if
 * there are any. Collective; errors are agreed. */
static km_code begin_number(km_call *c, int64_t n_clusters, km_error *error)
{
    km_restarts *restarts = &c->answer->restarts;
    c->of_one = *c->asked;
    c->of_one.n_clusters = n_clusters;
    c->problem = &c->of_one;
    if (restarts->n_clusters != n_clusters) {
        km_restarts_free(restarts);
        km_restarts_create(restarts, c->asked->restarts, n_clusters, c->samples->memory.n_features,
                           error);
        if (km_agree(c->comm, error) != KM_OK)
            return error->code;
    }
    return km_call_prepare(c, error);
}

/* Keeps centers and weights of a number, and its fits, if it is the best so far. */
static void keep_number(km_choices *choice, skymeans_answer *answer, const km_criterion *criterion)
{
    const int64_t row = km_choice_next(choice), k = choice->rows[row].n_clusters;
    const int64_t first = km_choice_first(choice, row), d = choice->n_features;
    memcpy(choice->centers + first * d, answer->fit.centers, (size_t)(k * d) * sizeof(double));
    memcpy(choice->weights + first, answer->fit.weights, (size_t)k * sizeof(double));
    choice->n_done++;
    if (choice->n_done > 1 && !km_choice_is_better(choice, criterion, row, choice->best))
        return;
    km_restarts_free(&choice->restarts);
    km_fit_free(&choice->fit);
    choice->best = row;
    choice->restarts = answer->restarts;
    choice->fit = answer->fit;
    answer->restarts = (km_restarts){0};
    answer->fit = (km_fit){0};
}

/* What the fits are worth by fits of other rows, as far as that is asked for. The call may be
 * stopped then. Collective; errors are agreed. */
static km_code find_worth(km_call *c, km_criteria *criteria, km_error *error)
{
    if (c->asked->gap > 0 && km_call_gap(c, criteria, error) != KM_OK)
        return error->code;
    if (c->asked->bootstrap > 0 && !km_pace_is_stopped(&c->pace))
        km_call_bootstrap(c, &criteria->bootstrap, error);
    return error->code;
}

/* Finds the criteria of a number whose fits are done, and forgets its labels. Collective; errors
 * are agreed. */
static km_code end_number(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    km_choices *choice = &answer->choice;
    const double start = km_now();
    km_pace_phase(&c->pace, "comparing numbers of clusters");
    km_criteria *criteria = &choice->rows[km_choice_next(choice)];
    if (km_criteria_find(answer, c->samples, criteria, c->comm, error) != KM_OK ||
        find_worth(c, criteria, error) != KM_OK)
        return error->code;
    if (km_pace_is_stopped(&c->pace) && km_pace_can_save(&c->pace))
        return km_call_save(c, &c->state.next, error);
    km_free_large(answer->fit.labels); /* in an order that will change */
    answer->fit.labels = NULL;
    keep_number(choice, answer, km_criterion_of(c->asked));
    km_restarts_free(&answer->restarts);
    km_fit_free(&answer->fit);
    km_memory_return();
    km_timer_add(&answer->timers, KM_PHASE_ASSIGN, start);
    km_pace_phase(&c->pace, NULL);
    return KM_OK;
}

/* Makes the fits of the best number the answer. They are taken out of the choice, as they were when
 * they ended. Collective; errors are agreed. */
static km_code conclude_choice(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    km_choices *choice = &answer->choice;
    km_restarts_free(&answer->restarts);
    answer->restarts = choice->restarts;
    answer->fit = choice->fit;
    choice->restarts = (km_restarts){0};
    choice->fit = (km_fit){0};
    answer->problem.n_clusters = choice->rows[choice->best].n_clusters;
    if (begin_number(c, answer->problem.n_clusters, error) != KM_OK ||
        km_call_conclude(c, error) != KM_OK)
        return error->code;
    const int64_t first = km_choice_first(choice, km_choice_next(choice) + 1);
    const int64_t n = km_choice_first(choice, choice->count) - first;
    km_untransform_centers(&answer->transform, choice->centers + first * choice->n_features, n);
    return KM_OK;
}

/* A call that was stopped and saved shows the centers of the best fit so far: of the number that is
 * being fitted, or, if it has none yet, of the best number. Collective; errors are agreed. */
static km_code show_best_so_far(km_call *c, km_error *error)
{
    skymeans_answer *answer = c->answer;
    km_choices *choice = &answer->choice;
    if (answer->centers != NULL)
        return KM_OK;
    if (answer->fit.centers == NULL && choice->n_done > 0) {
        km_fit_free(&answer->fit);
        answer->fit = choice->fit;
        choice->fit = (km_fit){0};
        answer->plan.shape.n_clusters = choice->rows[choice->best].n_clusters;
    }
    km_answer_find_centers(answer, error);
    return km_agree(c->comm, error);
}

km_code km_call_run_several(km_call *c, km_error *error)
{
    km_choices *choice = &c->answer->choice;
    const bool can_save = km_pace_can_save(&c->pace);
    while (km_choice_next(choice) >= 0 && !km_pace_is_stopped(&c->pace)) {
        if (begin_number(c, choice->rows[km_choice_next(choice)].n_clusters, error) != KM_OK ||
            km_call_run_fits(c, error) != KM_OK)
            return error->code;
        if (km_pace_is_stopped(&c->pace) && can_save)
            break;
        if (c->answer->restarts.count > 0 && end_number(c, error) != KM_OK)
            return error->code;
    }
    if (km_pace_is_stopped(&c->pace) && can_save)
        return show_best_so_far(c, error);
    return choice->n_done > 0 ? conclude_choice(c, error) : KM_OK;
}
