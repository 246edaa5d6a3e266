/* Screens of the method `bounds`: of all features, and of coordinates on leading axes, where
 * samples lie so near a space of few dimensions that these leave little open. */
#include "axes.h"
#include "base/partition.h"
#include "base/threads.h"
#include "bounds.h"

#include <string.h>

enum {
    TRIED = 8,                /* blocks, to see which screen pays */
    FEWEST_PRODUCTS = 1 << 21 /* of samples and centers: with fewer, to find axes takes too long */
};

/* A screen of all features pays while it leaves open at most so many pairs, of a group of samples
 * and a center, of those of a block and a center. */
static const double MAX_OPEN = 0.5;

/* Axes are tried if they hold such a part of the variance, and used if they take at most such a
 * part of the steps. */
static const double MOST_OF_VARIANCE = 0.9, MAX_OF_STEPS = 0.9;

double km_bounds_compare_by_screen(km_assigner *assigner, const void *centers, int64_t block,
                                   int64_t n_chosen, int32_t *labels, double *gaps)
{
    const bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    bounds_workspace *w = &b->workspaces[km_thread()];
    screen_work *done = &w->screened[b->used == &b->on_axes];
    const int lanes = km_samples_lanes(samples, block);
    for (int l = 0; l < KM_BLOCK; l++)
        labels[l] = assigner->labels[block * KM_BLOCK + (l < lanes ? l : 0)];
    done->n_blocks++;
    done->n_centers += n_chosen;
    return assigner->kernel->screens->screened[samples->precision](
        km_samples_block(samples, block), centers, samples->n_features, &b->used->screen, w->chosen,
        n_chosen, w->work, labels, gaps, &done->n_pairs);
}

/* The work of all threads since the last call with one of the screens. */
static screen_work take_work(km_assigner *assigner, bool on_axes)
{
    bounds *b = assigner->state;
    screen_work all = {0};
    for (int i = 0; i < assigner->n_threads; i++) {
        screen_work *w = &b->workspaces[i].screened[on_axes];
        all.n_blocks += w->n_blocks;
        all.n_centers += w->n_centers;
        all.n_pairs += w->n_pairs;
        *w = (screen_work){0};
    }
    return all;
}

/* The steps, with vectors, of such work: to make whole numbers, to multiply them, and to measure
 * what is left open. */
static double count_steps(const km_owned_screen *screen, const screen_work *work)
{
    enum { GROUPS = 4, OF_FEATURE = 4, OF_COORDINATE = 2, OF_PAIR = 4 }; /* measured */
    const double d = (double)screen->n_features;
    const double making = d * (OF_FEATURE + OF_COORDINATE * (double)screen->screen.n_axes);
    return GROUPS * ((double)work->n_blocks * making +
                     (double)work->n_centers * (double)screen->screen.n_words) +
           (double)work->n_pairs * d * OF_PAIR;
}

void km_bounds_judge_screens(km_assigner *assigner)
{
    bounds *b = assigner->state;
    const screen_work plain = take_work(assigner, false), on_axes = take_work(assigner, true);
    const screen_work none_open = {on_axes.n_blocks, on_axes.n_centers, 0};
    b->has_screen = b->has_screen && (double)plain.n_pairs <= MAX_OPEN * (double)plain.n_centers;
    b->has_axes =
        b->has_axes && count_steps(&b->on_axes, &on_axes) <= count_steps(&b->screen, &none_open);
}

/* The steps of a screen for all centers and some blocks. */
static double try_screen(km_assigner *assigner, km_owned_screen *screen, const void *centers)
{
    bounds *b = assigner->state;
    const int64_t n_blocks = assigner->samples->n_blocks;
    int32_t labels[KM_BLOCK];
    km_screen_set(screen, assigner->samples->precision, centers);
    b->used = screen;
    for (int64_t c = 0; c < assigner->n_clusters; c++)
        b->workspaces[km_thread()].chosen[c] = (int32_t)c;
    for (int64_t i = 0; i < TRIED; i++)
        km_bounds_compare_by_screen(assigner, centers, i * n_blocks / TRIED, assigner->n_clusters,
                                    labels, NULL);
    const screen_work work = take_work(assigner, screen == &b->on_axes);
    return count_steps(screen, &work);
}

/* Which number of axes takes the fewest steps? */
static void try_axes(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    double least = MAX_OF_STEPS * try_screen(assigner, &b->screen, centers);
    int64_t best = 0;
    for (int64_t n = KM_SCREEN_AXES; n <= b->on_axes.most_axes; n *= 2) {
        km_screen_use_axes(&b->on_axes, n);
        const double steps = try_screen(assigner, &b->on_axes, centers);
        best = steps < least ? n : best;
        least = steps < least ? steps : least;
    }
    b->has_axes = best > 0;
    if (b->has_axes)
        km_screen_use_axes(&b->on_axes, best);
}

/* The centers of the first assignment show whether samples lie near a space of few dimensions. */
static void find_axes(km_assigner *assigner, const void *centers)
{
    bounds *b = assigner->state;
    const km_samples *samples = assigner->samples;
    const int64_t k = assigner->n_clusters, d = samples->n_features;
    km_error no_memory = {0};
    b->has_tried_axes = true;
    if (!b->has_screen || km_most_axes(d) == 0 || samples->n_samples < FEWEST_PRODUCTS / k)
        return;
    if (km_screen_create_on_axes(&b->on_axes, samples->precision, centers, k, d, &no_memory) ==
            KM_OK &&
        b->on_axes.share >= MOST_OF_VARIANCE)
        try_axes(assigner, centers);
    if (!b->has_axes)
        km_screen_free(&b->on_axes);
}

void km_bounds_set_screen(km_assigner *assigner, const void *centers, bool are_all)
{
    bounds *b = assigner->state;
    if (!b->has_tried_axes)
        find_axes(assigner, centers);
    km_owned_screen *screen = are_all && b->has_axes ? &b->on_axes : &b->screen;
    b->used = screen == &b->on_axes || b->has_screen ? screen : NULL;
    if (b->used != NULL)
        km_screen_set(screen, assigner->samples->precision, centers);
}
