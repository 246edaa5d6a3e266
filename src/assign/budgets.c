/* Budgets of the method `tree`: late in a fit centers move little, so a leaf knows how far they may
 * still move before a label in it can change, and is skipped until then.
 *
 * When a leaf is assigned with a margin, each of its samples is nearer to its center than to any
 * other center by at least the gap: the margin, or less if the kernel found less. So the labels
 * stand until some center has moved by half of the gap. Which centers matter is known from the
 * filters, which run in every assignment: only candidates of the group can win in it. `group_drift`
 * sums, over the assignments, the maximum movement of the group's candidates. The budget of a leaf
 * is the group drift at the time of its assignment plus half the gap; the leaf is skipped while the
 * group drift is within the budget.
 *
 * Invariant: since the group was last assigned as a whole, group_drift has grown by at least as
 * much as any of its candidates of today has moved. A center that was no candidate then has moved
 * unseen: when it becomes one, its whole drift since then is added. One that ceases to be a
 * candidate is counted for the last time; while the budget holds, filter and leaf agree that it is
 * not the nearest of any sample.
 *
 * The margin is a few times the latest movement. It makes the filters keep more candidates, so it
 * is used only where it is small against the radius of the leaves. (Ideas: Hamerly & Drake 2015,
 * doi:10.1007/978-3-319-09259-1_2, for samples; Kanungo et al. 2002 for boxes.) */
#include "base/error.h"
#include "base/memory.h"
#include "base/precision.h"
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REMEMBERED = 32,     /* assignments */
    MAX_FOLLOWED = 256,  /* candidates of a group */
    MAX_FEATURES = 1000, /* for which KM_FILTER_SLACK leaves room for budgets, see budget_of_gap */
};

/* Measured: a margin of 4 times the movement, on leaves whose radius is at least 7 times that. */
static const double MARGIN = 4, SMALL = 0.15;

struct budgets {
    const km_samples *samples;
    int64_t k, n_groups;
    int64_t n_columns;   /* of `followed`: no more than k candidates, and MAX_FOLLOWED */
    int64_t assignment;  /* number of the one that runs */
    bool is_known;       /* `before` holds centers */
    void *before;        /* [k][d], centers of the last assignment, in working precision */
    double *moved;       /* [k], how far they moved since then, rounded up */
    double *drift;       /* [REMEMBERED][k], of centers: sums of `moved`, rounded up */
    int64_t *n_followed; /* [groups], candidates of the last assignment; UNKNOWN: too many */
    int32_t *followed;   /* [groups][n_columns] */
    double *radius;      /* [groups], mean of the leaves */
    double *margin;      /* [groups], of this assignment; 0: none */
    double *group_drift; /* [groups], NOTHING: leaves have no budgets */
    int64_t *renewed;    /* [groups], the last assignment of all leaves */
    double *of_group;    /* [groups], the minimum of its leaves */
    double *of_leaf;     /* [leaves], or NOTHING; of groups with budgets only */
};

enum { UNKNOWN = -1 };
static const double NOTHING = -1;

void km_budgets_renew(struct budgets *b, const tree *t, int64_t group)
{
    const int64_t first = group * KM_SIBLINGS, left = t->n_nodes[LEAVES] - first;
    const int64_t n = left < KM_SIBLINGS ? left : KM_SIBLINGS;
    b->radius[group] = 0;
    for (int64_t leaf = first; leaf < first + n; leaf++)
        b->radius[group] += km_tree_radius(t, b->samples, leaf) / (double)n;
    b->n_followed[group] = UNKNOWN;
}

static int64_t most_followed(int64_t k)
{
    return k < MAX_FOLLOWED ? k : MAX_FOLLOWED;
}

km_code km_budgets_create(tree *t, const km_samples *samples, int64_t k, km_error *error)
{
    const char *what = "budgets of boxes";
    const int64_t d = samples->n_features, n_groups = t->n_nodes[GROUPS];
    struct budgets *b = km_allocate_zeroed(1, sizeof *b, what, error);
    if (b == NULL)
        return error->code;
    t->budgets = b;
    b->samples = samples;
    b->k = k;
    b->n_groups = n_groups;
    b->n_columns = most_followed(k);
    b->before = km_allocate(k * d, km_precision_size(samples->precision), what, error);
    b->moved = km_allocate_zeroed(k, sizeof *b->moved, what, error);
    b->drift = km_allocate_zeroed(REMEMBERED * k, sizeof *b->drift, what, error);
    b->n_followed = km_allocate(n_groups, sizeof *b->n_followed, what, error);
    b->followed = km_allocate(n_groups * b->n_columns, sizeof *b->followed, what, error);
    b->radius = km_allocate_zeroed(n_groups, sizeof *b->radius, what, error);
    b->margin = km_allocate_zeroed(n_groups, sizeof *b->margin, what, error);
    b->group_drift = km_allocate_zeroed(n_groups, sizeof *b->group_drift, what, error);
    b->renewed = km_allocate_zeroed(n_groups, sizeof *b->renewed, what, error);
    b->of_group = km_allocate(n_groups, sizeof *b->of_group, what, error);
    b->of_leaf = km_allocate(t->n_nodes[LEAVES], sizeof *b->of_leaf, what, error);
    if (error->code != KM_OK)
        return error->code;
    for (int64_t g = 0; g < n_groups; g++)
        km_budgets_renew(b, t, g);
    km_budgets_forget(b);
    return KM_OK;
}

void km_budgets_free(struct budgets *b)
{
    if (b == NULL)
        return;
    free(b->before);
    free(b->moved);
    free(b->drift);
    free(b->n_followed);
    free(b->followed);
    free(b->radius);
    free(b->margin);
    free(b->group_drift);
    free(b->renewed);
    free(b->of_group);
    free(b->of_leaf);
    free(b);
}

void km_budgets_forget(struct budgets *b)
{
    b->is_known = false;
    for (int64_t g = 0; g < b->n_groups; g++)
        b->n_followed[g] = UNKNOWN;
}

/* a + b, rounded up; just a if b is 0. */
static double add_rounded_up(double a, double b)
{
    return b > 0 ? nextafter(a + b, INFINITY) : a;
}

/* ---- movement ------------------------------------------------------------------------------- */

static void note_center_drifts(struct budgets *b, const void *centers)
{
    const int64_t k = b->k, d = b->samples->n_features;
    const double *last = b->drift + b->assignment % REMEMBERED * k;
    double *drift = b->drift + ++b->assignment % REMEMBERED * k;
    for (int64_t c = 0; c < k; c++) {
        b->moved[c] = b->is_known ? km_center_movement(b->samples, b->before, centers, c) : 0;
        drift[c] = add_rounded_up(last[c], b->moved[c]);
    }
    memcpy(b->before, centers, (size_t)(k * d) * km_precision_size(b->samples->precision));
}

static void choose_margin(struct budgets *b, int64_t group)
{
    const int32_t *followed = b->followed + group * b->n_columns;
    double maximum = 0;
    b->margin[group] = 0;
    if (!b->is_known || b->n_followed[group] == UNKNOWN || b->samples->n_features > MAX_FEATURES)
        return;
    for (int64_t i = 0; i < b->n_followed[group]; i++)
        maximum = km_larger(maximum, b->moved[followed[i]]);
    if (MARGIN * maximum < SMALL * b->radius[group])
        b->margin[group] = km_larger(MARGIN * maximum, 1e-25);
}

void km_budgets_begin(struct budgets *b, const tree *t, const void *centers)
{
    note_center_drifts(b, centers);
#pragma omp parallel for
    for (int64_t g = 0; g < t->n_nodes[GROUPS]; g++)
        choose_margin(b, g);
    b->is_known = true;
}

bool km_budgets_group_margins(const struct budgets *b, const tree *t, int64_t super,
                              double *margins)
{
    const int64_t first = super * KM_SIBLINGS;
    bool has_any = false;
    for (int64_t g = first; g < first + KM_SIBLINGS; g++) {
        margins[g - first] = g < t->n_nodes[GROUPS] ? b->margin[g] : 0;
        has_any = has_any || margins[g - first] > 0;
    }
    return has_any;
}

bool km_budgets_super_margins(const struct budgets *b, const tree *t, int64_t top, double *margins)
{
    bool has_any = false;
    for (int64_t s = 0; s < KM_SIBLINGS; s++) {
        double of_groups[KM_SIBLINGS];
        margins[s] = 0;
        if (km_budgets_group_margins(b, t, top * KM_SIBLINGS + s, of_groups))
            for (int g = 0; g < KM_SIBLINGS; g++)
                margins[s] = km_larger(margins[s], of_groups[g]);
        has_any = has_any || margins[s] > 0;
    }
    return has_any;
}

/* ---- following the candidates of a group ---------------------------------------------------- */

/* The maximum movement of old and new candidates: in this assignment, and for new candidates since
 * the group was renewed. Both lists ascend. */
static double movement_of_candidates(const struct budgets *b, int64_t group, const candidates *now)
{
    const int32_t *old = b->followed + group * b->n_columns;
    const double *drift = b->drift + b->assignment % REMEMBERED * b->k;
    const double *drift_then = b->drift + b->renewed[group] % REMEMBERED * b->k;
    double maximum = 0, maximum_new = 0;
    int64_t i = 0;
    for (int64_t n = 0; n < now->count; n++) {
        const int32_t c = now->numbers[n];
        for (; i < b->n_followed[group] && old[i] < c; i++)
            maximum = km_larger(maximum, b->moved[old[i]]);
        if (i < b->n_followed[group] && old[i] == c)
            maximum = km_larger(maximum, b->moved[old[i++]]);
        else if (drift[c] > drift_then[c])
            maximum_new = km_larger(maximum_new, drift[c] - drift_then[c] + drift[c] * 0x1p-50);
    }
    for (; i < b->n_followed[group]; i++)
        maximum = km_larger(maximum, b->moved[old[i]]);
    return add_rounded_up(maximum, maximum_new);
}

static void remember_candidates(struct budgets *b, int64_t group, const candidates *now)
{
    b->n_followed[group] = now->count <= MAX_FOLLOWED ? now->count : UNKNOWN;
    if (now->count <= MAX_FOLLOWED)
        memcpy(b->followed + group * b->n_columns, now->numbers,
               (size_t)now->count * sizeof *now->numbers);
}

bool km_budgets_follow(struct budgets *b, int64_t group, const candidates *now)
{
    const bool has_budget = b->margin[group] > 0 && b->group_drift[group] >= 0 &&
                            b->assignment - b->renewed[group] < REMEMBERED;
    if (has_budget)
        b->group_drift[group] =
            add_rounded_up(b->group_drift[group], movement_of_candidates(b, group, now));
    remember_candidates(b, group, now);
    if (has_budget)
        return b->of_group[group] >= b->group_drift[group];
    const bool can_have = b->margin[group] > 0 && b->n_followed[group] != UNKNOWN;
    const int64_t first = group * KM_SIBLINGS, left = b->samples->n_blocks - first;
    for (int64_t i = 0; can_have && i < KM_SIBLINGS && i < left; i++)
        b->of_leaf[first + i] = NOTHING;
    b->group_drift[group] = can_have ? 0 : NOTHING;
    return false;
}

bool km_budgets_hold(const struct budgets *b, int64_t leaf)
{
    return b->group_drift[leaf / KM_SIBLINGS] >= 0 &&
           b->of_leaf[leaf] >= b->group_drift[leaf / KM_SIBLINGS];
}

bool km_budgets_expect_change(const struct budgets *b, int64_t leaf)
{
    const int64_t group = leaf / KM_SIBLINGS;
    return !(b->margin[group] > 0) || b->group_drift[group] < 0 ||
           b->of_leaf[leaf] < b->group_drift[group] + b->margin[group] / MARGIN;
}

/* Half of the gap, minus the rounding of group_drift and of distances. 0 if its sum with the drift
 * would be mostly rounding, or if the gap is so small that it may be mostly what kernels add to a
 * margin. */
static double budget_of_gap(double gap, double group_drift)
{
    return gap > group_drift * 0x1p-30 && gap >= 1e-24 ? 0.4999 * gap : 0;
}

void km_budgets_set(struct budgets *b, int64_t leaf, double gap)
{
    const int64_t group = leaf / KM_SIBLINGS;
    const double group_drift = b->group_drift[group];
    if (group_drift >= 0)
        b->of_leaf[leaf] =
            group_drift + budget_of_gap(km_smaller(gap, b->margin[group]), group_drift);
}

void km_budgets_end_group(struct budgets *b, const tree *t, int64_t group, bool are_all_new)
{
    const int64_t first = group * KM_SIBLINGS;
    double minimum = INFINITY;
    if (b->group_drift[group] < 0)
        return;
    for (int64_t leaf = first; leaf < first + KM_SIBLINGS && leaf < t->n_nodes[LEAVES]; leaf++)
        minimum = km_smaller(minimum, b->of_leaf[leaf]);
    b->of_group[group] = minimum;
    if (are_all_new)
        b->renewed[group] = b->assignment;
}

/* Of each group the candidates that it follows, and six numbers; of each leaf one; and the ways of
 * the centers in the assignments that are remembered. */
double km_budgets_bytes(const km_shape *shape)
{
    const double k = (double)shape->n_clusters;
    const double followed = (double)most_followed(shape->n_clusters) * sizeof(int32_t);
    const double of_group = followed + 6 * sizeof(double);
    return (double)shape->n_samples / KM_BLOCK * (sizeof(double) + of_group / KM_SIBLINGS) +
           k * (REMEMBERED + 1) * sizeof(double) + km_rounded_bytes(shape);
}
