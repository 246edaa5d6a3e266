/* Ranks that have much to do swap pieces of samples with those that have little.
 *
 * How much a piece of samples has to be compared depends on where it is, and can't be foretold well
 * enough: at every size of pieces some have many times the work of others. So the methods count it
 * (km_assigner.work), and after the first iteration, and ever more rarely later, the ranks line up
 * by their work: the first pairs up with the last, the second with the last but one. The two of a
 * pair swap pieces, as many as they get, until they have about the same to do. That is done a few
 * times over. No rank needs to know more of the others than one number each.
 *
 * Totals stay where they are: a sample that another rank moves to another cluster is taken away
 * there where it never was added, which is right for the sum over the ranks, the only one that is
 * used; as it is for threads. */
#include "base/error.h"
#include "base/memory.h"
#include "order/order.h"
#include "steps.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ROUNDS = 4 };

/* Ranks are even if none has more than so many times the mean. */
static const double EVEN = 1.02;

typedef struct rank_load {
    km_load all; /* with samples in no whole piece; first, as it is sorted by */
    int64_t n_pieces;
} rank_load;

typedef struct evening {
    running *run;
    int64_t n_pieces, n_most; /* of this rank, and of the one that has most */
    int64_t blocks;           /* of a piece */
    rank_load *loads;         /* [n_ranks] */
    km_load *mine, *others;   /* [n_most], pieces of this rank, and of the other of the pair */
} evening;

static int64_t count_pieces(const km_samples *samples)
{
    return samples->piece > 0 ? samples->n_samples / samples->piece : 0;
}

/* Collective; errors are agreed. */
static km_code create_evening(evening *e, running *run, km_error *error)
{
    const char *what = "work of the ranks";
    *e = (evening){.run = run,
                   .n_pieces = count_pieces(run->samples),
                   .blocks = run->samples->piece / KM_BLOCK};
    e->n_most = e->n_pieces;
    km_max_int64(run->comm, &e->n_most, 1);
    e->loads = km_allocate(km_comm_size(run->comm), sizeof *e->loads, what, error);
    e->mine = km_allocate(e->n_most, sizeof *e->mine, what, error);
    e->others = km_allocate(e->n_most, sizeof *e->others, what, error);
    return km_agree(run->comm, error);
}

static void free_evening(evening *e)
{
    free(e->loads);
    free(e->mine);
    free(e->others);
}

int km_by_load(const void *a, const void *b)
{
    const km_load *x = a, *y = b;
    return x->work != y->work ? (x->work < y->work ? -1 : 1)
                              : (x->number > y->number) - (x->number < y->number);
}

static int64_t *work_of_piece(const evening *e, int64_t number)
{
    return e->run->assigner.work + number * e->blocks;
}

/* The work of this rank, also that in no whole piece, and of its pieces, which are sorted by it. */
static rank_load find_work(evening *e)
{
    rank_load mine = {{0, km_comm_rank(e->run->comm)}, e->n_pieces};
    for (int64_t p = 0; p < e->n_pieces; p++) {
        e->mine[p] = (km_load){0, p};
        for (int64_t i = 0; i < e->blocks; i++)
            e->mine[p].work += work_of_piece(e, p)[i];
    }
    for (int64_t i = 0; i < e->run->samples->n_blocks; i++)
        mine.all.work += e->run->assigner.work[i];
    qsort(e->mine, (size_t)e->n_pieces, sizeof *e->mine, km_by_load);
    return mine;
}

/* Lines up the ranks by their work. Are they even? Collective. */
static bool line_up(evening *e)
{
    const int n_ranks = km_comm_size(e->run->comm);
    const rank_load mine = find_work(e);
    double sum = 0;
    km_gather(e->run->comm, &mine, sizeof mine, e->loads);
    for (int r = 0; r < n_ranks; r++)
        sum += (double)e->loads[r].all.work;
    qsort(e->loads, (size_t)n_ranks, sizeof *e->loads, km_by_load);
    return (double)e->loads[n_ranks - 1].all.work * n_ranks <= EVEN * sum;
}

/* Gives away a piece, and gets another one in its place. */
static void swap_piece(evening *e, int64_t number, int64_t work, int other)
{
    running *run = e->run;
    const int64_t block = number * e->blocks;
    km_samples_swap(run->samples, run->assigner.labels, block, e->blocks, other, run->comm);
    for (int64_t i = 0; i < e->blocks; i++)
        work_of_piece(e, number)[i] = work / e->blocks;
    run->method->renew(&run->assigner, block, e->blocks);
}

/* The pair of a rank with much work and one with little: the largest pieces of the first go for the
 * smallest of the other as long as that is not too much. Both find the same. */
static void swap_pieces(evening *e, const rank_load *much, const rank_load *little)
{
    const bool has_much = much->all.number == km_comm_rank(e->run->comm);
    const km_load *large = has_much ? e->mine : e->others, *small = has_much ? e->others : e->mine;
    int64_t excess = (much->all.work - little->all.work) / 2, s = 0;
    for (int64_t l = much->n_pieces - 1; l >= 0 && s < little->n_pieces; l--) {
        const int64_t more = large[l].work - small[s].work;
        if (more <= 0)
            return;
        if (more > excess)
            continue;
        if (has_much)
            swap_piece(e, large[l].number, small[s].work, (int)little->all.number);
        else
            swap_piece(e, small[s].number, large[l].work, (int)much->all.number);
        excess -= more;
        s++;
    }
}

/* Finds the other of the pair, gets the work of its pieces, and swaps some. */
static void pair_up(evening *e)
{
    const int n_ranks = km_comm_size(e->run->comm), rank = km_comm_rank(e->run->comm);
    int at = 0;
    while (e->loads[at].all.number != rank)
        at++;
    const int low = at < n_ranks - 1 - at ? at : n_ranks - 1 - at, high = n_ranks - 1 - low;
    if (low == high)
        return;
    km_swap(e->run->comm, (int)e->loads[at == low ? high : low].all.number,
            memcpy(e->others, e->mine, (size_t)e->n_most * sizeof *e->mine),
            e->n_most * (int64_t)sizeof *e->others);
    swap_pieces(e, &e->loads[high], &e->loads[low]);
}

/* Work counts half as much with each iteration that has passed since. */
static void fade_work(running *run)
{
    for (int64_t i = 0; i < run->samples->n_blocks; i++)
        run->assigner.work[i] /= 2;
}

km_code km_even_out(running *run, km_error *error)
{
    evening e;
    if (run->number >= run->next_evening) {
        const double start = km_now();
        run->next_evening = run->number + run->number / 4 + 1;
        if (create_evening(&e, run, error) == KM_OK)
            for (int round = 0; round < MOST_ROUNDS && !line_up(&e); round++)
                pair_up(&e);
        free_evening(&e);
        km_timer_add(run->timers, KM_PHASE_ORDER, start);
    }
    fade_work(run);
    return error->code;
}

/* One number of each rank, and two of each piece of two ranks. */
double km_even_bytes(const km_shape *shape)
{
    const double n_pieces =
        (double)shape->n_samples / (double)km_choose_piece(shape->n_rows, shape->n_ranks);
    return shape->n_ranks * (double)sizeof(rank_load) + n_pieces * 2 * sizeof(km_load);
}
