/* The history of the iterations of a fit, and where it stands saved with it. */
#include "base/error.h"
#include "base/memory.h"
#include "steps.h"

void km_find_most_of_ranks(km_fit *fit, MPI_Comm comm)
{
    enum { AT_ONCE = 128 };
    double seconds[AT_ONCE];
    int64_t distances[AT_ONCE];
    for (int64_t first = 0; first < fit->n_iterations; first += AT_ONCE) {
        const int64_t left = fit->n_iterations - first, n = left < AT_ONCE ? left : AT_ONCE;
        km_iteration *history = fit->history + first;
        for (int64_t i = 0; i < n; i++) {
            seconds[i] = history[i].seconds;
            distances[i] = history[i].most_distances;
        }
        km_max_double(comm, seconds, n);
        km_max_int64(comm, distances, n);
        for (int64_t i = 0; i < n; i++) {
            history[i].seconds = seconds[i];
            history[i].most_distances = distances[i];
        }
    }
}

km_code km_append_iteration(km_fit *fit, const km_iteration *iteration, km_error *error)
{
    km_iteration *grown =
        km_grow(fit->history, fit->n_iterations, sizeof *grown, "history of the iterations", error);
    if (grown == NULL)
        return error->code;
    fit->history = grown;
    fit->history[fit->n_iterations++] = *iteration;
    return KM_OK;
}

km_code km_save_running(running *run, km_fit *fit, km_error *error)
{
    if (km_agree(run->comm, error) != KM_OK)
        return error->code;
    km_find_most_of_ranks(fit, run->comm);
    km_find_waiting(run);
    const km_fit_state state = {.n_iterations = fit->n_iterations,
                                .n_words = run->totals.n_words,
                                .used = run->used,
                                .centers = run->centers,
                                .history = fit->history};
    return run->task->save(run->task->context, &state, error);
}
