/* large.h - arrays with an element for each sample of this rank: in memory, or where the program
 * has set, as on the disks of the node. All functions are local; only those that fetch, leave and
 * pass are for several threads at once. */
#ifndef SKYMEANS_BASE_LARGE_H
#define SKYMEANS_BASE_LARGE_H

#include "base/error.h"

enum { KM_LARGE_AT_ONCE = 1 << 21 }; /* bytes that a disk transfers as fast as more */

/* Where large arrays are if not in memory. */
typedef struct km_large_place {
    /* An uninitialised array, aligned to a page. NULL, and KM_SYSTEM or KM_MEMORY, if it can't be
     * had. */
    void *(*allocate)(int64_t count, size_t size, const char *what, km_error *error);
    bool (*free)(void *array); /* false: it is not from here */
    void (*fetch)(const void *first, size_t n_bytes);
    void (*leave)(const void *first, size_t n_bytes);
    int64_t (*count_read)(void);  /* bytes that this process has read from disks so far */
    int64_t (*count_reads)(void); /* and transfers of queues that read */
    /* Is there so much that views (base/view.h) are faster, which read past what the system keeps?
     */
    bool (*is_beyond_memory)(void);
    void (*forget)(const void *array); /* before transfers: nothing of it stays in memory */
    /* Transfers of a view, several at a time: `start` begins those that were added to a queue,
     * `finish` also waits for them. */
    void *(*open_queue)(km_error *error);
    void (*close_queue)(void *queue);
    void (*add)(void *queue, bool is_write, void *memory, char *place, size_t n_bytes);
    void (*start)(void *queue);
    void (*finish)(void *queue);
    int64_t at_once; /* bytes, about, of the parts that views should have */
    double memory;   /* bytes, about, that this rank may have in memory of all that is there */
} km_large_place;

/* Sets the place of all arrays to come; in a library none is set. NULL: memory. */
void km_large_use(const km_large_place *place);

/* NULL: large arrays are in memory. */
const km_large_place *km_large_in_use(void);

/* As km_allocate. km_free_large frees the array, and also arrays of km_allocate. */
void *km_allocate_large(int64_t count, size_t size, const char *what, km_error *error);
void km_free_large(void *array);

/* Says that so many bytes of a large array are needed soon: where arrays are on a disk, reading
 * begins. */
void km_fetch_large(const void *first, size_t n_bytes);

/* Bytes of one array that are fetched together: from those that are added in ascending order, until
 * the next are far away. One run for each array and thread, at first {0}, and at last flushed. */
typedef struct km_large_run {
    const char *first, *end;
} km_large_run;
void km_fetch_in_run(km_large_run *run, const void *first, size_t n_bytes);
void km_flush_run(km_large_run *run);

/* Says that so many bytes will not be used for a while: where arrays are on a disk, writing begins
 * what has changed in them, and their memory is the first to be taken. */
void km_leave_large(const void *first, size_t n_bytes);

/* For each element, or each of some of the same distance, of a pass through an array in order: now
 * and then fetches what comes next, and leaves what was passed, if all is more than a small part of
 * the memory. A hint, which may reach past the end of the array by less than an element. */
void km_pass_large(const void *array, int64_t element, int64_t n_elements, size_t size);

/* Bytes that this process has read from disks so far; 0 where large arrays are in memory. */
int64_t km_count_read_large(void);

/* Transfers of queues so far that read; 0 where large arrays are in memory. */
int64_t km_count_reads_large(void);

#endif
