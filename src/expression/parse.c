/* Parses expressions by precedence climbing: an operand, then operators that bind at least as
 * tightly as asked, each with its right operand. Operations come out in the order in which they are
 * done. */
#include "expression/parser.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer operators stand before those that they begin with. */
static const struct binary {
    const char *text;
    km_operator code;
    int level;
} binaries[] = {
    {"||", KM_OR, KM_OR_LEVEL},
    {"&&", KM_AND, KM_AND_LEVEL},
    {"<=", KM_AT_MOST, KM_COMPARISON_LEVEL},
    {">=", KM_AT_LEAST, KM_COMPARISON_LEVEL},
    {"==", KM_EQUAL, KM_COMPARISON_LEVEL},
    {"!=", KM_DIFFERENT, KM_COMPARISON_LEVEL},
    {"<", KM_LESS, KM_COMPARISON_LEVEL},
    {">", KM_GREATER, KM_COMPARISON_LEVEL},
    {"+", KM_ADD, KM_SUM_LEVEL},
    {"-", KM_SUBTRACT, KM_SUM_LEVEL},
    {"*", KM_MULTIPLY, KM_PRODUCT_LEVEL},
    {"/", KM_DIVIDE, KM_PRODUCT_LEVEL},
    {"^", KM_POWER, KM_POWER_LEVEL},
};

/* ---- messages ------------------------------------------------------------------------------- */

/* The place of a byte, counted in characters from 1. */
static long long character_at(const km_parser *p, const char *at)
{
    long long n = 1;
    for (const char *c = p->text; c < at; c++)
        n += ((unsigned char)*c & 0xc0) != 0x80; /* bytes within a character of UTF-8 */
    return n;
}

/* Says what is wrong, and where. */
int32_t km_refuse_at(const km_parser *p, const char *at, const char *why)
{
    char rest[32];
    snprintf(rest, sizeof rest, "'%.24s%s'", at, strlen(at) > 24 ? "..." : "");
    km_fail(p->error, KM_USAGE, "bad expression (%s %.200s%s, character %lld, at %s): %s",
            p->option, p->text, strlen(p->text) > 200 ? "..." : "", character_at(p, at),
            *at != '\0' ? rest : "its end", why);
    return KM_NO_OPERAND;
}

/* ---- operations ----------------------------------------------------------------------------- */

static void free_register(km_parser *p, int32_t operand)
{
    p->n_live -= operand >= 0;
}

/* Appends an operation; its result takes the place of its operands. */
int32_t km_append_operation(km_parser *p, km_operator code, int32_t a, int32_t b, double number)
{
    km_expression *e = p->expression;
    if (p->error->code != KM_OK)
        return KM_NO_OPERAND;
    free_register(p, a);
    if (b != a)
        free_register(p, b);
    if (p->n_live == KM_EXPRESSION_REGISTERS) {
        km_refuse_at(p, p->at, "too many values wait for others; compute less at once");
        return KM_NO_OPERAND;
    }
    e->operations =
        km_grow(e->operations, e->n_operations, sizeof *e->operations, "expression", p->error);
    if (p->error->code != KM_OK)
        return KM_NO_OPERAND;
    e->operations[e->n_operations++] =
        (km_operation){.code = (int32_t)code, .to = p->n_live, .a = a, .b = b, .number = number};
    e->n_registers = p->n_live + 1 > e->n_registers ? p->n_live + 1 : e->n_registers;
    return p->n_live++;
}

/* Is the operand that was parsed last a number? */
static bool is_number(const km_parser *p, int32_t operand)
{
    const km_expression *e = p->expression;
    return operand >= 0 && e->operations[e->n_operations - 1].code == KM_NUMBER;
}

/* A square is one multiplication, which is exact to the last bit and fast. */
static int32_t append_power(km_parser *p, int32_t a, int32_t b)
{
    km_expression *e = p->expression;
    if (!is_number(p, b) || e->operations[e->n_operations - 1].number != 2)
        return km_append_operation(p, KM_POWER, a, b, 0);
    e->n_operations--;
    free_register(p, b);
    return km_append_operation(p, KM_MULTIPLY, a, a, 0);
}

void km_skip_blanks(km_parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
}

bool km_take(km_parser *p, const char *text)
{
    km_skip_blanks(p);
    if (strncmp(p->at, text, strlen(text)) != 0)
        return false;
    p->at += strlen(text);
    return true;
}

/* ---- operators ------------------------------------------------------------------------------ */

static const struct binary *next_binary(km_parser *p)
{
    km_skip_blanks(p);
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        if (strncmp(p->at, binaries[i].text, strlen(binaries[i].text)) == 0)
            return &binaries[i];
    return NULL;
}

static int32_t parse_signed(km_parser *p);

/* Powers bind from right to left, and tighter than a sign before them: -x^2 is -(x^2). */
static int32_t parse_power(km_parser *p)
{
    const int32_t value = km_parse_operand(p);
    if (p->error->code != KM_OK || !km_take(p, "^"))
        return value;
    const int32_t exponent = parse_signed(p);
    return p->error->code == KM_OK ? append_power(p, value, exponent) : KM_NO_OPERAND;
}

static int32_t parse_signed(km_parser *p)
{
    int32_t value;
    km_skip_blanks(p);
    if (p->depth++ > KM_EXPRESSION_DEPTH) {
        km_refuse_at(p, p->at, "too many parentheses or signs within each other; write it simpler");
        return KM_NO_OPERAND;
    }
    const bool is_negated = *p->at == '-', is_not = *p->at == '!';
    if (is_negated || is_not || *p->at == '+') {
        p->at++;
        value = parse_signed(p);
        if (p->error->code == KM_OK && is_negated && is_number(p, value))
            p->expression->operations[p->expression->n_operations - 1].number *= -1;
        else if (p->error->code == KM_OK && (is_negated || is_not))
            value = km_append_operation(p, is_not ? KM_NOT : KM_NEGATE, value, KM_NO_OPERAND, 0);
    } else {
        value = parse_power(p);
    }
    p->depth--;
    return value;
}

int32_t km_parse_level(km_parser *p, int level)
{
    int32_t value = parse_signed(p);
    bool is_comparison = false;
    for (const struct binary *b;
         p->error->code == KM_OK && (b = next_binary(p)) != NULL && b->level >= level;) {
        if (is_comparison && b->level == KM_COMPARISON_LEVEL) {
            km_refuse_at(p, p->at, "comparisons form no chain; write a < b && b < c");
            return KM_NO_OPERAND;
        }
        is_comparison = b->level == KM_COMPARISON_LEVEL;
        p->at += strlen(b->text);
        const int32_t right = km_parse_level(p, b->level + 1);
        if (p->error->code == KM_OK)
            value = km_append_operation(p, b->code, value, right, 0);
    }
    return value;
}

/* ---- an expression -------------------------------------------------------------------------- */

static const char *why_not_operator(const char *at)
{
    return *at == '='                                  ? "to compare, write =="
           : *at == '&' || strncmp(at, "and ", 4) == 0 ? "to join conditions, write && (or ||)"
           : *at == '|' || strncmp(at, "or ", 3) == 0  ? "to join conditions, write || (or &&)"
           : *at == ')'                                ? "no '(' belongs to it"
           : *at == ',' || *at == ';'
               ? "columns are separated by commas, and several values stand only in functions"
               : "an operator should stand here; names with other signs than letters, "
                 "digits, _ and . stand in braces, as {b-v}";
}

km_code km_expression_parse(km_expression *expression, const char *text, const char *option,
                            km_find_input *find, void *context, km_error *error)
{
    km_parser p = {.text = text,
                   .at = text,
                   .option = option,
                   .find = find,
                   .context = context,
                   .expression = expression,
                   .error = error};
    const char *kept = text + strspn(text, "+ "); /* plus signs before it mean nothing */
    *expression = (km_expression){.text_size = (int64_t)strlen(kept) + 1};
    if (strlen(kept) >= KM_EXPRESSION_SIZE)
        return km_fail(error, KM_USAGE,
                       "bad expression (%s %.60s...): it has %lld characters, and %d are the most; "
                       "write it shorter",
                       option, text, (long long)strlen(text), KM_EXPRESSION_SIZE - 1);
    expression->text = km_copy_text(kept, "expression", error);
    expression->result = km_parse_level(&p, KM_OR_LEVEL);
    km_skip_blanks(&p);
    if (error->code == KM_OK && *p.at != '\0')
        km_refuse_at(&p, p.at, why_not_operator(p.at));
    if (error->code == KM_OK && !p.has_inputs)
        km_refuse_at(&p, text,
                     "there is no column in it, so that all rows have the same value; "
                     "columns of an array are called by their numbers in braces, as {0}");
    return error->code;
}

void km_expression_free(km_expression *expression)
{
    free(expression->operations);
    free(expression->text);
    *expression = (km_expression){0};
}
