/* Another exchange of samples during a fit: those of the same clusters come to the same rank again,
 * as they did before the fit by guesses.
 *
 * Samples that change their cluster stay where they are, so a rank gets ever more clusters of which
 * it has a few samples, blocks of many labels, and more to compare. All samples of all ranks stand
 * in one line by their labels, which are in the method's order. It is cut into pieces of whole
 * blocks. The work of a piece is foretold from what samples of its labels cost last, and pieces are
 * dealt out so that each rank gets as many, and about the same work. */
#include "base/error.h"
#include "base/large.h"
#include "base/memory.h"
#include "order/order.h"
#include "steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct regrouping {
    running *run;
    int64_t n_pieces; /* that go to ranks whole */
    int64_t piece;
    int32_t *order;   /* [k], labels as they are in line */
    km_load *pieces;  /* [n_pieces] */
    km_load *ranks;   /* [n_ranks] */
    int32_t *owners;  /* [n_pieces] */
    uint32_t *codes;  /* [capacity + KM_BLOCK] */
    uint16_t *levels; /* [n_samples], of the method */
    int64_t *middles; /* [k], mean levels */
} regrouping;

enum {
    STANDINGS = 256, /* in a cluster, of 1/128 of a power of two of squared distances */
};

static km_code create_regrouping(regrouping *g, running *run, km_error *error)
{
    const char *what = "exchange of samples between ranks";
    const int n_ranks = km_comm_size(run->comm);
    const int64_t k = run->task->n_clusters;
    int64_t n_all = run->samples->n_samples;
    km_sum_int64(run->comm, &n_all, 1);
    run->n_all = n_all;
    *g = (regrouping){.run = run, .piece = km_choose_piece(n_all, n_ranks)};
    g->n_pieces = n_all / (g->piece * n_ranks) * n_ranks;
    g->order = km_allocate(k, sizeof *g->order, what, error);
    g->pieces = km_allocate_zeroed(g->n_pieces, sizeof *g->pieces, what, error);
    g->owners = km_allocate(g->n_pieces, sizeof *g->owners, what, error);
    g->ranks = km_allocate(n_ranks, sizeof *g->ranks, what, error);
    g->codes = km_allocate_large(run->samples->capacity + KM_BLOCK, sizeof *g->codes, what, error);
    g->levels = km_allocate_large(run->samples->n_samples, sizeof *g->levels, what, error);
    g->middles = km_allocate_zeroed(k, sizeof *g->middles, what, error);
    return km_agree(run->comm, error);
}

static void free_regrouping(regrouping *g)
{
    free(g->order);
    free(g->pieces);
    free(g->owners);
    free(g->ranks);
    km_free_large(g->codes);
    km_free_large(g->levels);
    free(g->middles);
}

/* The work of each piece, from the costs of the labels that are in it. */
static void foretell_work(regrouping *g)
{
    const int64_t *counts = g->run->totals.counts;
    int64_t at = 0;
    for (int64_t i = 0; i < g->run->task->n_clusters; i++) {
        const int64_t label = g->order[i], end = at + counts[label];
        while (at < end && at / g->piece < g->n_pieces) {
            const int64_t p = at / g->piece, next = (p + 1) * g->piece;
            const int64_t n = (end < next ? end : next) - at;
            g->pieces[p].work += n * g->run->label_costs[label];
            at += n;
        }
        at = end;
    }
    for (int64_t p = 0; p < g->n_pieces; p++)
        g->pieces[p].number = p;
}

static int most_work_first(const void *a, const void *b)
{
    const km_load *x = a, *y = b;
    return x->work != y->work ? (x->work > y->work ? -1 : 1)
                              : (x->number > y->number) - (x->number < y->number);
}

/* Round by round each rank gets a piece, the one that has least so far the largest. */
static void deal_pieces(regrouping *g)
{
    const int n_ranks = km_comm_size(g->run->comm);
    for (int r = 0; r < n_ranks; r++)
        g->ranks[r] = (km_load){0, r};
    qsort(g->pieces, (size_t)g->n_pieces, sizeof *g->pieces, most_work_first);
    for (int64_t p = 0; p < g->n_pieces; p++) {
        if (p % n_ranks == 0)
            qsort(g->ranks, (size_t)n_ranks, sizeof *g->ranks, km_by_load);
        g->owners[g->pieces[p].number] = (int32_t)g->ranks[p % n_ranks].number;
        g->ranks[p % n_ranks].work += g->pieces[p].work;
    }
}

/* The mean level of the samples of each label, on all ranks. */
static void find_middles(regrouping *g)
{
    const running *run = g->run;
    const int64_t k = run->task->n_clusters;
    for (int64_t i = 0; i < run->samples->n_samples; i++)
        g->middles[run->assigner.labels[i]] += g->levels[i];
    km_sum_int64(run->comm, g->middles, k);
    for (int64_t c = 0; c < k; c++)
        if (run->totals.counts[c] > 0)
            g->middles[c] /= run->totals.counts[c];
}

/* Where a sample stands among those of its label, from 0 to STANDINGS - 1. */
static int64_t standing_of(int64_t level, int64_t middle, int64_t place)
{
    const int64_t above = level - middle + STANDINGS * 5 / 8;
    const int64_t standing = above < 0 ? 0 : above < STANDINGS ? above : STANDINGS - 1;
    return place % 2 == 0 ? standing : STANDINGS - 1 - standing;
}

/* Codes of samples by the places of their labels in line, as far from each other as 32 bits allow,
 * and then by their levels, as they will be sorted: so blocks are those of a single rank. */
static km_code make_line_codes(regrouping *g, km_error *error)
{
    const int64_t k = g->run->task->n_clusters;
    const int32_t *labels = g->run->assigner.labels;
    int32_t *places = km_allocate(k, sizeof *places, "order of samples", error);
    if (km_agree(g->run->comm, error) != KM_OK) {
        free(places); /* another rank has no memory */
        return error->code;
    }
    find_middles(g);
    for (int64_t i = 0; i < k; i++)
        places[g->order[i]] = (int32_t)i;
#pragma omp parallel for
    for (int64_t i = 0; i < g->run->samples->n_samples; i++) {
        const int64_t place = places[labels[i]];
        const int64_t standing = standing_of(g->levels[i], g->middles[labels[i]], place);
        g->codes[i] = (uint32_t)(((uint64_t)(place * STANDINGS + standing) << 32) /
                                 (uint64_t)(k * STANDINGS));
    }
    free(places);
    return KM_OK;
}

static void exchange_by_labels(regrouping *g, km_error *error)
{
    running *run = g->run;
    km_assigner *assigner = &run->assigner;
    const km_dealing dealing = {g->piece, g->owners};
    run->method->order_labels(assigner, run->rounded, g->order, g->levels, error);
    if (km_agree(run->comm, error) != KM_OK)
        return;
    foretell_work(g);
    deal_pieces(g);
    make_line_codes(g, error);
    km_free_large(g->levels);
    g->levels = NULL;
    if (error->code != KM_OK ||
        km_samples_redistribute_by(run->samples, g->codes, &dealing, assigner->labels, run->comm,
                                   error) != KM_OK)
        return;
    uint32_t *old = (uint32_t *)assigner->labels;
    assigner->labels = (int32_t *)g->codes;
    g->codes = old;
    run->method->renew(assigner, 0, run->samples->n_blocks);
}

/* Or the first of all, also of those of a resumed fit. */
static bool is_first_since_exchange(const running *run)
{
    return run->regrouped == 0 || run->number == run->regrouped + 1;
}

/* Adds the last iteration to what has been done since the last exchange. */
static void note_iteration(running *run)
{
    const double distances = (double)run->totals.extras[KM_EXTRA_DISTANCES];
    const bool is_first = is_first_since_exchange(run);
    run->most_compared = is_first ? distances : fmax(run->most_compared, distances);
    if (is_first || distances < run->least_compared) {
        run->least_compared = distances;
        run->excess = 0;
    }
    run->compared += distances;
    run->excess += distances - run->least_compared;
    run->relabeled += (double)run->totals.extras[KM_EXTRA_RELABELED];
}

/* Have few samples changed their cluster, for the first time? */
static bool has_just_settled(running *run)
{
    const bool had_few = run->has_few_relabeled;
    run->has_few_relabeled = had_few || (double)run->totals.extras[KM_EXTRA_RELABELED] <
                                            KM_FEW_RELABELED * (double)run->n_all;
    return run->has_few_relabeled && !had_few;
}

/* Is it time to? After the first iteration, whose blocks are by guesses, and when few samples
 * change their cluster. Later if many have since the last exchange; if what is compared beyond the
 * best iteration since then adds up to what one takes; or if so much was compared that one is
 * cheap, and some have changed: blocks of a single cluster are skipped once it rests. With few
 * ranks an exchange takes longer, and saves less. */
static bool is_regrouping_due(running *run)
{
    enum { CHEAP = 10, FEW_RANKS = 2 };
    static const double SOME_RELABELED = 0.01;
    const int n_ranks = km_comm_size(run->comm);
    const double dear = (double)run->n_all * (1 + (double)FEW_RANKS / n_ranks);
    const bool is_first = run->regrouped == 0, has_settled = has_just_settled(run);
    note_iteration(run);
    return is_first || (has_settled && n_ranks <= FEW_RANKS) ||
           run->excess > KM_SORTING_COST * dear + run->most_compared - run->least_compared ||
           run->relabeled > KM_MANY_RELABELED * dear ||
           (run->compared > CHEAP * KM_SORTING_COST * dear &&
            run->relabeled > SOME_RELABELED * dear);
}

/* What a sample of each label cost, in parts of a distance, in the last assignment on all ranks.
 * Collective. */
static void find_label_costs(running *run)
{
    enum { PARTS = 64 };
    const int64_t k = run->task->n_clusters, *counts = run->totals.counts;
    memset(run->label_costs, 0, (size_t)k * sizeof *run->label_costs);
    for (int64_t i = 0; i < run->samples->n_samples; i++)
        run->label_costs[run->assigner.labels[i]] += run->assigner.work[i / KM_BLOCK];
    km_sum_int64(run->comm, run->label_costs, k);
    for (int64_t c = 0; c < k; c++)
        if (counts[c] > 0)
            run->label_costs[c] = run->label_costs[c] * PARTS / KM_BLOCK / counts[c];
}

/* Costs are those of the iteration after the last exchange: later ones also have what is compared
 * since samples are no longer with others of their clusters, which the next exchange ends. */
km_code km_regroup(running *run, km_error *error)
{
    regrouping g;
    if (is_first_since_exchange(run))
        find_label_costs(run);
    if (!is_regrouping_due(run))
        return km_even_out(run, error);
    const double start = km_now();
    run->regrouped = run->number;
    run->compared = run->excess = run->relabeled = 0;
    run->next_evening = run->number + 1;
    if (create_regrouping(&g, run, error) == KM_OK)
        exchange_by_labels(&g, error);
    free_regrouping(&g);
    const double took = km_timer_add(run->timers, KM_PHASE_ORDER, start) - start;
    run->pace->returning = fmax(took, run->pace->returning);
    return error->code;
}

/* Pieces of all ranks, ranks, and labels. Codes, levels, places and what is sent take no more than
 * sorting, which the method counts; the cells of a few samples may. */
double km_regroup_bytes(const km_shape *shape)
{
    const double n_all = (double)shape->n_rows, n = (double)shape->n_samples;
    const double n_pieces = n_all / (double)km_choose_piece(shape->n_rows, shape->n_ranks);
    const double of_label = 2 * sizeof(int64_t) + 2 * sizeof(int32_t);
    return n_pieces * (sizeof(km_load) + sizeof(int32_t)) +
           (double)shape->n_ranks * sizeof(km_load) + (double)shape->n_clusters * of_label +
           km_larger(0, km_deal_bytes(shape, n) - 6 * n);
}
