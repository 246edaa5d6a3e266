/* Fits of rows that are not those of the call, which tell what its own fits are worth. */
#include "cluster/call.h"

km_code km_call_fit_rows(km_call *c, int64_t number, km_samples *rows, double *centers,
                         double *inertia, km_error *error)
{
    const km_plan *plan = &c->answer->plan;
    const km_seeding_task seeding = {.samples = rows,
                                     .kernel = plan->kernel,
                                     .n_clusters = c->problem->n_clusters,
                                     .n_rows = plan->shape.n_seeding_rows,
                                     .random_seed = c->asked->random_seed,
                                     .restart = c->asked->restarts + number,
                                     .pace = &c->pace,
                                     .comm = c->comm};
    const km_refine_task task = {.seeding = &seeding,
                                 .choose = plan->seeding->choose,
                                 .facts = &c->samples->facts,
                                 .method = plan->method,
                                 .tolerance = c->asked->tolerance,
                                 .max_iterations = c->asked->max_iterations,
                                 .radius = c->task.radius,
                                 .exponent = c->task.exponent};
    km_refined refined = {0};
    if (km_refine_on(&task, rows, centers, &refined, error) == KM_OK)
        *inertia = refined.inertia;
    if (km_pace_is_stopped(&c->pace))
        km_call_note_stop(c, 0);
    return error->code;
}
