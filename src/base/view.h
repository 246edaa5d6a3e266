/* view.h - a part of a large array in the memory of a thread, for passes through arrays that are
 * larger than memory: pieces are read from the disk, and written there, past what the system keeps
 * of files. All functions are local. */
#ifndef SKYMEANS_BASE_VIEW_H
#define SKYMEANS_BASE_VIEW_H

#include "base/error.h"

enum { KM_VIEW_WORDS = 16, KM_DISK_PAGE = 4096 };

typedef struct km_view {
    char *array;          /* the large array */
    int64_t size;         /* bytes of an element */
    int64_t piece;        /* bytes that are read together: whole pages */
    char *memory;         /* of the elements that are seen, aligned to a page */
    int64_t first, count; /* elements that are seen, the first at the begin of a page */
    uint64_t is_wanted[KM_VIEW_WORDS], is_there[KM_VIEW_WORDS]; /* bits of pieces */
    uint64_t is_changed[KM_VIEW_WORDS];
} km_view;

/* A view of an array, of no element so far, and later of at most so many at a time. */
km_view km_view_create(void *array, int64_t size, char *memory, int64_t most);

/* Sees these elements from now on, of which none is there yet. */
void km_view_move(km_view *view, int64_t first, int64_t count);

/* An element will be needed; or all. */
void km_view_want(km_view *view, int64_t element);
void km_view_want_all(km_view *view);

/* All will be written, and need not be read. */
void km_view_renew_all(km_view *view);

/* Adds to a queue the reading of what is wanted, which is there when the queue has finished. To
 * read a little in vain takes less time than to begin anew, so pieces between may come, too. */
void km_view_add_reading(km_view *view, void *queue);

/* Reads an element now, if it is not there. Nothing of the queue may be under way. */
void km_view_need(km_view *view, void *queue, int64_t element);

/* An element that is there has changed. */
void km_view_change(km_view *view, int64_t element);

/* Adds to a queue the writing of what has changed. */
void km_view_add_writing(km_view *view, void *queue);

/* Where element 0 would be if the view saw it: from there elements are found as in the array. */
void *km_view_base(const km_view *view);

#endif
