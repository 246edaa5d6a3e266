/* memory.h - allocation; all functions are local. */
#ifndef SKYMEANS_BASE_MEMORY_H
#define SKYMEANS_BASE_MEMORY_H

#include "base/error.h"

/* An uninitialised array of `count` elements of `size` bytes, aligned for any vector unit; the
 * caller owns it and frees it with free(). NULL, and KM_MEMORY in `error`, if it can't be had;
 * `what` names the contents for the message. A count of 0 is not an error. */
void *km_allocate(int64_t count, size_t size, const char *what, km_error *error);

/* The same, filled with zero bytes. */
void *km_allocate_zeroed(int64_t count, size_t size, const char *what, km_error *error);

/* Makes place for one more element in an array from this function that holds `count` elements; the
 * array is NULL at first. Returns the array, which may have moved; NULL and KM_MEMORY, with `array`
 * left as it is, if there is no memory. */
void *km_grow(void *array, int64_t count, size_t size, const char *what, km_error *error);

/* Puts rows of `size` bytes into another order: order[i] is the one that becomes row i. `spare` has
 * place for all of them. */
void km_permute_rows(void *rows, void *spare, const int64_t *order, int64_t count, size_t size);

/* Has it each number from 0 to count - 1 once? False if there is no memory, which is KM_MEMORY. */
bool km_is_order(const int64_t *order, int64_t count, km_error *error);

/* Called after much memory was freed that will not be used again soon. It calls the function that
 * the program has set before it made threads, which returns the memory to the system; in a library
 * none is set, and nothing happens. */
void km_memory_return(void);
void km_memory_when_returned(void (*give_back)(void));

/* A copy of a text, which the caller frees; NULL and KM_MEMORY if there is no memory. */
char *km_copy_text(const char *text, const char *what, km_error *error);

#endif
