/* A call's state: saved by a function of the caller, and taken up again. */
#include "base/memory.h"
#include "cluster/call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static km_state_key key_of(const km_call *c)
{
    return (km_state_key){.problem = c->asked,
                          .n_rows = c->answer->spread.n_rows,
                          .n_features = km_samples_features(c->samples)};
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* Records the error that the caller's function reports. */
static void take_error(const skymeans_error *from, int code, km_error *error)
{
    if (code != SKYMEANS_OK)
        km_fail(error, from->code != SKYMEANS_OK ? (km_code)from->code : KM_SYSTEM, "%s",
                from->text[0] != '\0' ? from->text : "the state can't be saved");
}

km_code km_call_save(void *context, const km_fit_state *next, km_error *error)
{
    km_call *c = context;
    const skymeans_control *control = c->pace.control;
    const double start = km_now();
    const km_state_key key = key_of(c);
    const km_state state = {.features_hash = c->samples->features_hash,
                            .next = *next,
                            .restarts = c->answer->restarts,
                            .best = c->answer->fit,
                            .choice = c->answer->choice};
    size_t size = 0;
    char *bytes = NULL;
    if (km_comm_rank(c->comm) == 0)
        bytes = km_state_write(&state, &key, &size, error);
    if (km_agree(c->comm, error) == KM_OK) {
        skymeans_error why = {0};
        take_error(&why, control->save(control->context, bytes, size, &why), error);
    }
    free(bytes);
    c->pace.saved = km_timer_add(&c->answer->timers, KM_PHASE_CHECKPOINT, start);
    c->pace.saving = fmax(c->pace.saving, c->pace.saved - start);
    return km_agree(c->comm, error);
}

/* ---- going on -------------------------------------------------------------------------------- */

km_code km_call_resume(km_call *c, km_error *error)
{
    const skymeans_control *control = c->pace.control;
    const km_state_key key = key_of(c);
    int64_t size = control->resume != NULL ? (int64_t)control->resume_size : -1;
    km_broadcast(c->comm, 0, &size, sizeof size);
    if (size < 0)
        return KM_OK;
    char *bytes = km_allocate(size, 1, "saved state", error);
    if (km_agree(c->comm, error) == KM_OK) {
        if (km_comm_rank(c->comm) == 0)
            memcpy(bytes, control->resume, (size_t)size);
        km_broadcast(c->comm, 0, bytes, size);
        km_state_read(&c->state, bytes, (size_t)size, &key, error);
    }
    free(bytes);
    if (km_agree(c->comm, error) != KM_OK)
        return error->code;
    km_restarts_free(&c->answer->restarts);
    km_choice_free(&c->answer->choice);
    c->answer->choice = c->state.choice;
    c->answer->restarts = c->state.restarts;
    c->state.choice = (km_choices){0};
    c->answer->fit = c->state.best;
    c->state.restarts = (km_restarts){0};
    c->state.best = (km_fit){0};
    return KM_OK;
}

km_code km_call_check_features(const km_call *c, km_error *error)
{
    const bool is_resumed = km_answer_fits_done(c->answer) > 0 || c->state.next.n_iterations > 0;
    if (is_resumed && c->state.features_hash != c->samples->features_hash)
        return km_fail(error, KM_DATA,
                       "rows have changed: their values are not those of the saved state; begin "
                       "anew without it");
    return KM_OK;
}
