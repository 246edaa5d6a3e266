/* expression.h - arithmetic on columns: an expression is parsed once to a list of operations, each
 * of which is then done for many rows.
 *
 * All numbers are doubles, and each operation is one of IEEE 754, or a function of the C library,
 * in the order in which it is written. What is not finite is a missing value; so is a result that
 * is not finite (a division by zero, the logarithm of a negative number) is one, too. What has a
 * missing operand is missing, and a comparison then is neither true (1) nor false (0). This room
 * does not know where columns are stored. All is local. */
#ifndef SKYMEANS_EXPRESSION_H
#define SKYMEANS_EXPRESSION_H

#include "base/error.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>

/* Limits: characters (without plus signs before them), values that wait for another operand,
 * parentheses and signs within each other; and the maximum of rows that are computed at once, which
 * stay in cache. */
enum {
    KM_EXPRESSION_SIZE = 4096,
    KM_EXPRESSION_REGISTERS = 32,
    KM_EXPRESSION_DEPTH = 100,
    KM_EXPRESSION_ROWS = 512
};

typedef enum km_operator {
    KM_NUMBER,
    KM_NEGATE,
    KM_NOT,
    KM_ADD,
    KM_SUBTRACT,
    KM_MULTIPLY,
    KM_DIVIDE,
    KM_POWER,
    KM_LESS,
    KM_AT_MOST,
    KM_GREATER,
    KM_AT_LEAST,
    KM_EQUAL,
    KM_DIFFERENT,
    KM_AND,
    KM_OR,
    KM_LOG10,
    KM_LN,
    KM_EXP,
    KM_SQRT,
    KM_ABS,
    KM_MIN,
    KM_MAX,
    KM_SIN,
    KM_COS,
    KM_SKY_X, /* of a position: of the unit vector of a right ascension and a declination */
    KM_SKY_Y,
    KM_SKY_Z,
    KM_N_OPERATORS
} km_operator;

/* One step: register[to] = a OP b. Operands are registers, or from -1 down inputs: -1 is the first.
 * Functions and signs have no b. Without pointers, so that it can be broadcast. */
enum { KM_NO_OPERAND = INT32_MIN };
typedef struct km_operation {
    int32_t code; /* km_operator */
    int32_t to, a, b;
    double number; /* of KM_NUMBER; of positions the degrees in a unit of their columns */
} km_operation;

/* A parsed expression. */
typedef struct km_expression {
    int64_t n_operations;
    km_operation *operations;
    int32_t n_registers;
    int32_t result;    /* a register, or an input as above */
    int64_t text_size; /* with the zero byte at the end */
    char *text;        /* as it was written */
} km_expression;

/* May a name that is not in braces begin with this byte? */
static inline bool km_is_letter(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static inline int64_t km_input_of(int32_t operand)
{
    return -1 - (int64_t)operand;
}

/* Finds the input that a name means, as it is written: flux, flux[2], {odd name}, {odd name}[2].
 * Negative, and the error is set, if there is none. */
typedef int64_t km_find_input(void *context, const char *name, km_error *error);

/* Parses an expression of columns; `option` is what the user wrote it behind, for messages.
 * KM_USAGE if it can't be understood, saying where; KM_MEMORY; or what `find` fails with. Free with
 * km_expression_free, also after an error. */
km_code km_expression_parse(km_expression *expression, const char *text, const char *option,
                            km_find_input *find, void *context, km_error *error);
void km_expression_free(km_expression *expression);

/* What an operator is called in an expression; "number" for KM_NUMBER. */
const char *km_operator_name(int32_t code);

/* Does an operator take a position? */
static inline bool km_takes_position(int32_t code)
{
    return code >= KM_SKY_X && code <= KM_SKY_Z;
}

/* Computes `count` rows, at most KM_EXPRESSION_ROWS. Input i has its values at inputs[i];
 * registers: [n_registers][KM_EXPRESSION_ROWS]. Returns where the results are: in a register, or an
 * input. */
const double *km_expression_compute(const km_expression *expression, const double *const *inputs,
                                    int64_t count, double *registers);

/* The same for one row in the plainest way, which defines what is right. inputs[i] is the value of
 * input i. */
double km_expression_compute_row(const km_expression *expression, const double *inputs);

#endif
