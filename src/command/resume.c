/* Goes on from a checkpoint, and writes one. */
#include "command/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes the lock with which this run alone works on the checkpoint. Collective. */
static km_code lock_checkpoint(km_story *s)
{
    const double patience =
        60; /* seconds without a sign after which a run on another machine counts as ended */
    if (km_comm_rank(s->comm) == 0)
        km_lock_take(&s->lock, s->options.checkpoint, patience, &s->log, &s->error);
    return km_agree(s->comm, &s->error);
}

void km_unlock_checkpoint(km_story *s)
{
    if (s->options.checkpoint != NULL && km_comm_rank(s->comm) == 0)
        km_lock_release(&s->lock);
}

void km_forget_checkpoint(km_story *s)
{
    if (s->options.checkpoint != NULL && km_comm_rank(s->comm) == 0 && km_lock_is_mine(&s->lock))
        km_checkpoint_remove(s->options.checkpoint);
}

/* Turns the engine's "damaged state: its length ...; begin anew without it" into a message about
 * the checkpoint that has the state. */
static void say_checkpoint(const char *path, km_error *error)
{
    const km_error said = *error;
    const char *why = strstr(said.text, ": ");
    if (said.code != KM_DATA || why == NULL)
        return;
    why += strlen(": ");
    snprintf(error->text, sizeof error->text,
             "damaged checkpoint (%s): %.*s; remove it to begin anew", path, (int)strcspn(why, ";"),
             why);
}

/* Reads the state of the checkpoint: its fits, the iterations of the next fit, and the hash of its
 * features. By one rank, before the catalogue is read, so that a bad state is found at once. */
static void examine_state(km_story *s, int64_t *counts)
{
    const km_state_key key = {.problem = &s->options.problem,
                              .n_rows = s->catalogue.n_rows,
                              .n_features = s->catalogue.n_features};
    km_state state;
    if (km_state_read(&state, s->checkpoint.state, s->checkpoint.state_size, &key, &s->error) ==
        KM_OK) {
        counts[0] = state.choice.n_done * key.problem->restarts + state.restarts.count;
        counts[1] = state.next.n_iterations;
        counts[2] = (int64_t)state.features_hash;
    } else {
        say_checkpoint(s->options.checkpoint, &s->error);
    }
    km_state_free(&state);
}

static km_code take_over_checkpoint(km_story *s)
{
    int64_t counts[3] = {0};
    s->has_state = s->checkpoint.state_size > 0;
    if (s->has_state && km_comm_rank(s->comm) == 0)
        examine_state(s, counts);
    if (km_agree(s->comm, &s->error) != KM_OK)
        return s->error.code;
    km_broadcast(s->comm, 0, counts, sizeof counts);
    s->state_hash = (uint64_t)counts[2];
    s->first_started = s->checkpoint.started;
    s->n_goes = s->checkpoint.past.n_goes + 1;
    if (km_is_heard(s))
        fprintf(stderr, "skymeans: going on from %s: %lld fit%s done, then %lld iteration%s\n",
                s->options.checkpoint, (long long)counts[0], km_plural(counts[0]),
                (long long)counts[1], km_plural(counts[1]));
    return KM_OK;
}

km_code km_go_on(km_story *s)
{
    bool is_found = false;
    if (s->options.checkpoint == NULL)
        return KM_OK;
    if (km_comm_rank(s->comm) == 0 && (s->question = km_question_text(s)) == NULL)
        km_fail(&s->error, KM_MEMORY, "out of memory (checkpoint): use fewer clusters");
    if (km_agree(s->comm, &s->error) != KM_OK || lock_checkpoint(s) != KM_OK)
        return s->error.code;
    if (km_checkpoint_read(s->options.checkpoint, &s->checkpoint, s->question, &s->log, s->comm,
                           &is_found, &s->error) == KM_OK &&
        is_found)
        take_over_checkpoint(s);
    return s->error.code;
}

km_code km_save_state(km_story *s, const void *state, size_t size, km_error *error)
{
    const km_timers timers = km_all_timers(s);
    km_checkpoint checkpoint = {.started = s->first_started, .state_size = size};
    km_energy_read(&s->energy, 0);
    checkpoint.past = km_report_gather(&timers, &s->findings, &s->energy, s->started,
                                       &s->checkpoint.past, s->comm);
    if (km_comm_rank(s->comm) == 0) {
        checkpoint.state = (void *)(uintptr_t)state; /* only read */
        if (km_lock_check(&s->lock, error) == KM_OK)
            km_checkpoint_write(s->options.checkpoint, &checkpoint, s->question, error);
    }
    return km_agree(s->comm, error);
}
