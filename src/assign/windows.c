/* Passes through samples that are larger than memory; see windows.h. */
#include "assign/windows.h"

#include "base/large.h"
#include "base/memory.h"
#include "base/threads.h"

#include <stdlib.h>

enum { N_WINDOWS = 3, FEWEST_BLOCKS = KM_SIBLINGS, MOST_BLOCKS = 2048 };

/* Blocks that a window sees: a power of two of them, so that the sets of the tree's boxes, and the
 * pages of the disk, are whole. */
static int64_t blocks_at_once(int64_t block_bytes, int64_t gaps_size)
{
    const km_large_place *place = km_large_in_use();
    const int64_t at_once = place != NULL ? place->at_once : KM_LARGE_AT_ONCE;
    int64_t n = FEWEST_BLOCKS;
    while (n < MOST_BLOCKS && (2 * n * block_bytes <= at_once || n * gaps_size % KM_DISK_PAGE != 0))
        n *= 2;
    return n;
}

static void create_window(km_window *w, const km_assigner *assigner, int64_t gaps_size,
                          km_error *error)
{
    const km_samples *samples = assigner->samples;
    const int64_t n = blocks_at_once(km_block_bytes(samples), gaps_size);
    const int64_t of_values = n * km_values_bytes(samples);
    const int64_t of_labels = n * KM_BLOCK_LABELS_BYTES;
    w->memory = km_allocate(of_values + of_labels + n * gaps_size + KM_DISK_PAGE, 1,
                            "blocks from a disk", error);
    if (w->memory == NULL)
        return;
    char *memory = w->memory + KM_DISK_PAGE - (uintptr_t)w->memory % KM_DISK_PAGE;
    w->values = km_view_create(samples->values, km_values_bytes(samples), memory, n);
    w->labels = km_view_create(assigner->labels, KM_BLOCK_LABELS_BYTES, memory + of_values, n);
    w->gaps = km_view_create(NULL, gaps_size > 0 ? gaps_size : KM_DISK_PAGE,
                             memory + of_values + of_labels, n);
    w->at_once = n;
    w->queue = km_large_in_use()->open_queue(error);
}

km_code km_windows_create(km_assigner *assigner, int64_t gaps_size, km_error *error)
{
    if (km_large_in_use() == NULL)
        return error->code;
    km_windows_free(assigner);
    const int64_t n = (int64_t)assigner->n_threads * N_WINDOWS;
    assigner->windows =
        km_allocate_zeroed(n, sizeof *assigner->windows, "blocks from a disk", error);
    for (int64_t i = 0; i < n && error->code == KM_OK; i++)
        create_window(&assigner->windows[i], assigner, gaps_size, error);
    return error->code;
}

void km_windows_free(km_assigner *assigner)
{
    for (int i = 0; assigner->windows != NULL && i < assigner->n_threads * N_WINDOWS; i++) {
        if (assigner->windows[i].queue != NULL)
            km_large_in_use()->close_queue(assigner->windows[i].queue);
        free(assigner->windows[i].memory);
    }
    free(assigner->windows);
    assigner->windows = NULL;
}

double km_windows_bytes(const km_shape *shape, int64_t gaps_size)
{
    const double lane = (double)shape->n_features * km_value_bytes(shape) + sizeof(int32_t);
    const int64_t n = blocks_at_once((int64_t)(KM_BLOCK * lane), gaps_size);
    return shape->counting == KM_COUNT_MEMORY
               ? 0
               : N_WINDOWS * shape->n_threads * (double)n * (KM_BLOCK * lane + (double)gaps_size);
}

bool km_windows_pay(const km_assigner *assigner)
{
    return assigner->windows != NULL && km_large_in_use()->is_beyond_memory();
}

/* ---- one thread's way ------------------------------------------------------------------------ */

void km_window_want(km_window *w, int64_t block)
{
    km_view_want(&w->values, block);
    km_view_want(&w->labels, block);
}

void km_window_need(const km_assigner *assigner, int64_t block)
{
    km_window *w = assigner->window;
    if (w == NULL)
        return;
    km_view_need(&w->values, w->queue, block);
    km_view_need(&w->labels, w->queue, block);
}

/* Begins to read what a pass needs of all blocks. */
static void begin_with(km_window *w, const km_window_pass *pass)
{
    if (pass->has_labels)
        km_view_want_all(&w->labels);
    if (pass->want == NULL)
        km_view_want_all(&w->values);
    if (pass->gaps != NULL && pass->are_gaps_new)
        km_view_renew_all(&w->gaps);
    else if (pass->gaps != NULL)
        km_view_want_all(&w->gaps);
    km_view_add_reading(&w->labels, w->queue);
    km_view_add_reading(&w->gaps, w->queue);
    km_view_add_reading(&w->values, w->queue);
    km_large_in_use()->start(w->queue);
}

/* Sees the next blocks that no thread has taken, and begins to read what the pass needs of each. */
static void open_window(km_window *w, const km_assigner *all, const km_window_pass *pass,
                        int64_t *next)
{
    const int64_t n_blocks = all->samples->n_blocks, n = w->at_once;
#pragma omp atomic capture
    {
        w->first = *next;
        *next += n;
    }
    w->count = w->first >= n_blocks ? 0 : n_blocks - w->first < n ? n_blocks - w->first : n;
    km_large_in_use()->finish(w->queue);
    km_view *views[] = {&w->values, &w->labels, &w->gaps};
    w->values.array = all->samples->values;
    w->labels.array = (char *)all->labels;
    w->gaps.array = pass->gaps;
    for (int v = 0; v < 3; v++)
        km_view_move(views[v], w->first, w->count);
    if (w->count > 0)
        begin_with(w, pass);
    w->assigner = *all;
    w->samples = *all->samples;
    w->samples.values = km_view_base(&w->values);
    w->assigner.samples = &w->samples;
    w->assigner.labels = km_view_base(&w->labels);
    w->assigner.window = w;
}

static void choose_blocks(km_window *w, const km_window_pass *pass, const void *centers)
{
    if (w->count == 0 || pass->want == NULL)
        return;
    km_large_in_use()->finish(w->queue);
    pass->want(w, centers);
    km_view_add_reading(&w->values, w->queue);
    km_view_add_reading(&w->labels, w->queue);
    km_large_in_use()->start(w->queue);
}

static void work_in_window(km_window *w, const km_window_pass *pass, const void *centers)
{
    if (w->count == 0)
        return;
    km_large_in_use()->finish(w->queue);
    pass->work(w, centers);
    km_view_add_writing(&w->labels, w->queue);
    if (pass->gaps != NULL)
        km_view_add_writing(&w->gaps, w->queue);
    km_large_in_use()->start(w->queue);
}

void km_windows_pass(km_assigner *assigner, const km_window_pass *pass, const void *centers)
{
    int64_t next = 0;
    km_large_in_use()->forget(assigner->samples->values);
    km_large_in_use()->forget(assigner->labels);
    if (pass->gaps != NULL)
        km_large_in_use()->forget(pass->gaps);
#pragma omp parallel
    {
        km_window *mine = assigner->windows + (int64_t)km_thread() * N_WINDOWS;
        bool is_more = true;
        for (int i = 0; i < N_WINDOWS; i++)
            mine[i].count = 0;
        for (int64_t turn = 0; is_more; turn++) {
            km_window *coming = &mine[turn % N_WINDOWS];
            km_window *chosen = &mine[(turn + 2) % N_WINDOWS], *now = &mine[(turn + 1) % N_WINDOWS];
            open_window(coming, assigner, pass, &next);
            choose_blocks(chosen, pass, centers);
            work_in_window(now, pass, centers);
            is_more = coming->count > 0 || chosen->count > 0;
        }
        for (int i = 0; i < N_WINDOWS; i++)
            km_large_in_use()->finish(mine[i].queue);
    }
}
