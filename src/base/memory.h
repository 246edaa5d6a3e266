/* memory.h - arrays that may not be had. */
#ifndef SKYMEANS_BASE_MEMORY_H
#define SKYMEANS_BASE_MEMORY_H

#include "base/error.h"

/* An uninitialised array of `count` elements of `size` bytes, aligned for any vector unit; the
 * caller owns it and frees it with free(). NULL, and KM_MEMORY in `error`, if it can't be had;
 * `what` names the contents for the message. A count of 0 is not an error. */
void *km_allocate(int64_t count, size_t size, const char *what, km_error *error);

/* The same, filled with zero bytes. */
void *km_allocate_zeroed(int64_t count, size_t size, const char *what, km_error *error);

/* Room for one more element in an array from realloc that holds `count` of them: the array itself,
 * or where it has moved; NULL, with `array` left as it is, if there is no memory. */
void *km_grow(void *array, int64_t count, size_t size, const char *what, km_error *error);

/* Says that much memory was freed whose place nothing else will take. What is done then is the
 * program's choice, made once before there are threads; a library does nothing. */
void km_memory_return(void);
void km_memory_when_returned(void (*give_back)(void));

/* A copy of a text, which the caller frees; NULL if there is no memory. */
char *km_copy_text(const char *text, const char *what, km_error *error);

#endif
