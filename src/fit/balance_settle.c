/* Prices that bring clusters of all rows to their targets while centers stand. The sample of rows
 * predicts what prices do, and the next assignment of all rows tells how far that was true, so that
 * errors shrink from pass to pass. Sizes are integers, and all ranks go the same way. */
#include "fit/balance.h"
#include "steps.h"

#include <math.h>
#include <string.h>

enum { MOST_VAIN_PASSES = 2, MOST_NUDGES = 64 };
static const double ENOUGH = 0.9; /* of what is allowed */

typedef struct settling {
    double *best;          /* [k], the prices with the least excess */
    double *lengths, *was; /* [k], of the next nudge; by how much sizes were off at the last one */
    double excess, least;
    int n_vain; /* passes since the excess became much less */
} settling;

/* The sizes by these prices, which become the best ones if they are. */
static km_code try_prices(running *run, settling *s, const double *prices, km_error *error)
{
    const double much = 0.7;
    km_balancing *b = run->balancing;
    km_balance_place_heights(b, prices, run->centers);
    if (km_assign_again(run, error) != KM_OK)
        return error->code;
    km_balance_take_sizes(run);
    s->excess = km_balance_excess(run);
    s->n_vain = s->excess < much * s->least ? 0 : s->n_vain + 1;
    if (s->excess < s->least) {
        s->least = s->excess;
        memcpy(s->best, prices, (size_t)b->k * sizeof *prices);
    }
    return KM_OK;
}

/* Passes by the sample, while they help. */
static km_code settle_by_sample(running *run, settling *s, km_error *error)
{
    km_balancing *b = run->balancing;
    const double far = 0.5;
    while (s->excess > ENOUGH && s->n_vain < MOST_VAIN_PASSES) {
        km_balance_look(b, run->used);
        km_balance_share(b);
        km_balance_measure_spreads(b);
        memcpy(b->wanted, b->targets, (size_t)b->k * sizeof *b->wanted);
        km_balance_scale_wanted(b); /* fields may have no cluster */
        if (km_balance_largest_deviation(b, b->sizes, b->targets) > far)
            km_balance_find_prices(b, run->centers);
        else
            km_balance_correct_standing(b, run->centers);
        if (try_prices(run, s, b->prices, error) != KM_OK)
            return error->code;
    }
    return KM_OK;
}

/* So far the sample thinks a price has to go; where it thinks nothing, a part of a temperature. */
static void begin_nudging(const running *run, settling *s)
{
    km_balancing *b = run->balancing;
    km_balance_diagonal(b, s->lengths);
    for (int64_t c = 0; c < b->k; c++) {
        const double least = 0.1 * b->targets[c] / b->soft.temperature;
        s->lengths[c] = fabs(b->sizes[c] - b->targets[c]) / fmax(s->lengths[c], least);
        s->was[c] = 0;
    }
}

/* The last of the way, where so few rows decide that the sample says nothing: each price whose
 * cluster is off goes by a step of its own, longer while that leads the same way, and shorter when
 * it turns (Riedmiller & Braun 1993, doi:10.1109/ICNN.1993.298623). */
static km_code nudge_prices(running *run, settling *s, km_error *error)
{
    const double longer = 1.6, shorter = 0.4, allowed = 0.5;
    km_balancing *b = run->balancing;
    begin_nudging(run, s);
    for (int i = 0; i < MOST_NUDGES && s->excess > ENOUGH; i++) {
        for (int64_t c = 0; c < b->k; c++) {
            const double off = b->sizes[c] - b->targets[c], turned = off * s->was[c];
            if (fabs(off) <= allowed * km_balance_allowed(run, c))
                continue;
            s->lengths[c] *= turned > 0 ? longer : turned < 0 ? shorter : 1;
            s->was[c] = off;
            b->prices[c] += off > 0 ? s->lengths[c] : -s->lengths[c];
        }
        if (try_prices(run, s, b->prices, error) != KM_OK)
            return error->code;
    }
    return KM_OK;
}

/* The best prices again, if the last ones were others. */
static km_code return_to_best(running *run, settling *s, km_error *error)
{
    km_balancing *b = run->balancing;
    memcpy(b->prices, s->best, (size_t)b->k * sizeof *b->prices);
    return s->excess > s->least ? try_prices(run, s, s->best, error) : KM_OK;
}

km_code km_balance_settle(running *run, km_error *error)
{
    km_balancing *b = run->balancing;
    settling s = {b->settling, b->settling + b->k, b->settling + 2 * b->k, 0, 0, 0};
    s.least = s.excess = km_balance_excess(run);
    km_balance_read_prices(b, run->used, s.best);
    if (settle_by_sample(run, &s, error) != KM_OK || return_to_best(run, &s, error) != KM_OK ||
        nudge_prices(run, &s, error) != KM_OK)
        return error->code;
    return return_to_best(run, &s, error);
}
