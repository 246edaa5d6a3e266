/* windows.h - passes through samples that are larger than memory.
 *
 * A window is what a thread sees of them for a moment: some blocks, with values, labels and perhaps
 * the gaps of `bounds` in memory of its own. Each thread has three windows in turn: in one blocks
 * are assigned, for the next one their values are read, and for the one after that what decides
 * which values will be needed. So no page of the disk is read twice in a pass, and the system has
 * nothing to keep. */
#ifndef SKYMEANS_ASSIGN_WINDOWS_H
#define SKYMEANS_ASSIGN_WINDOWS_H

#include "assign/assign.h"
#include "base/view.h"

typedef struct km_window {
    km_assigner assigner; /* as that of all samples, but for what is seen */
    km_samples samples;
    km_view values, labels, gaps;
    int64_t first, count; /* blocks that are seen */
    int64_t at_once;      /* how many at most */
    void *queue;
    char *memory;
} km_window;

/* What happens in each window of a pass. */
typedef struct km_window_pass {
    bool has_labels;   /* those of all blocks are there before `want`, and gaps, if there are any */
    void *gaps;        /* of all blocks, of the size that windows were made for; NULL: none */
    bool are_gaps_new; /* `work` writes them all */
    /* Says which blocks will be needed, by km_window_want; NULL: all. */
    void (*want)(km_window *window, const void *centers);
    void (*work)(km_window *window, const void *centers);
} km_window_pass;

/* Windows for the threads of an assigner, which are not there if all is in memory. KM_MEMORY. */
km_code km_windows_create(km_assigner *assigner, int64_t gaps_size, km_error *error);
void km_windows_free(km_assigner *assigner);

/* Bytes of windows with gaps of this size of a block. */
double km_windows_bytes(const km_shape *shape, int64_t gaps_size);

/* Are passes by windows faster than in memory? */
bool km_windows_pay(const km_assigner *assigner);

/* Goes through all blocks, on all threads. */
void km_windows_pass(km_assigner *assigner, const km_window_pass *pass, const void *centers);

/* The values and the labels of a block will be needed. */
void km_window_want(km_window *window, int64_t block);

/* Before the values and labels of a block are read: has them read if they are not there. An
 * assigner of all samples has no window. */
void km_window_need(const km_assigner *assigner, int64_t block);

#endif
