/* parser.h - the state of a parser, shared by the files of this room. */
#ifndef SKYMEANS_EXPRESSION_PARSER_H
#define SKYMEANS_EXPRESSION_PARSER_H

#include "expression/expression.h"

typedef struct km_parser {
    const char *text, *at;
    const char *option; /* for messages */
    km_find_input *find;
    void *context;
    km_expression *expression;
    int64_t capacity; /* of its operations */
    int32_t n_live;   /* registers whose values are still needed */
    int depth;
    bool has_inputs;
    km_error *error;
} km_parser;

/* How tightly operators bind. */
enum {
    KM_OR_LEVEL = 1,
    KM_AND_LEVEL,
    KM_COMPARISON_LEVEL,
    KM_SUM_LEVEL,
    KM_PRODUCT_LEVEL,
    KM_POWER_LEVEL
};

/* These return the operand that holds a value; any operand after an error. */

/* A value, and the operators behind it that bind at least as tightly. */
int32_t km_parse_level(km_parser *parser, int level);

/* A column, a number, a function, or an expression in parentheses. */
int32_t km_parse_operand(km_parser *parser);

/* Appends an operation, whose result takes the place of its operands. */
int32_t km_append_operation(km_parser *parser, km_operator code, int32_t a, int32_t b,
                            double number);

/* Says what is wrong at a place of the text. Returns an operand. */
int32_t km_refuse_at(const km_parser *parser, const char *at, const char *why);

void km_skip_blanks(km_parser *parser);

/* Goes on behind a text if that is next, perhaps after blanks. */
bool km_take(km_parser *parser, const char *text);

#endif
