/* unpack.h - makes values of stored numbers. */
#ifndef SKYMEANS_CATALOGUE_UNPACK_H
#define SKYMEANS_CATALOGUE_UNPACK_H

#include "base/precision.h"
#include "catalogue/catalogue.h"

/* A stored number for comparisons: of signed integers, unsigned ones, or floating-point ones. */
typedef union km_code_number {
    int64_t i;
    uint64_t u;
    double f;
} km_code_number;

/* A convention prepared for the type of a column. Numbers that the type can't hold are left out. */
typedef struct km_codes {
    bool is_plain;  /* it declares nothing */
    bool is_packed; /* value = stored * factor + offset */
    bool is_biased; /* the highest bit is the other one */
    bool is_empty;  /* no number of the type is valid */
    bool has_fill;  /* values that are `fill` are counted */
    int n_missing;
    km_code_number missing[KM_MAX_CODES + 1], lowest, highest, fill;
    double factor, offset;
} km_codes;

/* Prepares a convention for numbers that are not odd. Gives *number a sign or takes it if the
 * convention says so. */
km_codes km_codes_prepare(const km_convention *convention, km_h5_number *number);

/* Unpacks `count` numbers, `stride` bytes apart, to contiguous values in a precision, NaN where one
 * is missing. Computed in double and rounded once. Returns how many of the values that are not
 * missing are the fill value. */
int64_t km_unpack(const km_h5_number *number, const km_codes *codes, const char *from,
                  int64_t stride, int64_t count, km_precision precision, void *values);

#endif
