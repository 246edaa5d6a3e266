/* Parses what operators stand between: names of columns, numbers, functions, parentheses. */
#include "expression/parser.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct function {
    const char *name;
    km_operator code;
    enum { ONE, POSITION, TWO_OR_MORE } takes; /* these from left to right */
} functions[] = {{"log10", KM_LOG10, ONE},      {"ln", KM_LN, ONE},
                 {"exp", KM_EXP, ONE},          {"sqrt", KM_SQRT, ONE},
                 {"abs", KM_ABS, ONE},          {"sin", KM_SIN, ONE},
                 {"cos", KM_COS, ONE},          {"sky_x", KM_SKY_X, POSITION},
                 {"sky_y", KM_SKY_Y, POSITION}, {"sky_z", KM_SKY_Z, POSITION},
                 {"min", KM_MIN, TWO_OR_MORE},  {"max", KM_MAX, TWO_OR_MORE}};

static bool is_in_word(char c)
{
    return km_is_letter(c) || isdigit((unsigned char)c);
}

/* Points may stand in it, as in pos.ra, which astropy makes of a column of positions. */
static size_t length_of_word(const char *at)
{
    size_t n = 0;
    while (is_in_word(at[n]) || (n > 0 && at[n] == '.' && is_in_word(at[n + 1])))
        n++;
    return n;
}

/* Digits, perhaps with a point and an exponent. */
static size_t length_of_number(const char *at)
{
    size_t n = strspn(at, "0123456789");
    n += at[n] == '.';
    n += strspn(at + n, "0123456789");
    if (at[n] == 'e' || at[n] == 'E') {
        const size_t sign = at[n + 1] == '+' || at[n + 1] == '-';
        const size_t digits = strspn(at + n + 1 + sign, "0123456789");
        n += digits > 0 ? 1 + sign + digits : 0;
    }
    return n;
}

static int32_t parse_number(km_parser *p)
{
    char copy[64];
    double value;
    const size_t n = length_of_number(p->at);
    if (km_is_letter(p->at[n]))
        return km_refuse_at(p, p->at, "a name begins with a digit; write it in braces, as {2mass}");
    if (n >= sizeof copy || snprintf(copy, sizeof copy, "%.*s", (int)n, p->at) < 0 ||
        !km_parse_double(copy, &value)) {
        return km_refuse_at(p, p->at, "it is no number in the range of doubles; write another");
    }
    if (n == strspn(p->at, "0123456789") && value >= 0x1p53)
        return km_refuse_at(p, p->at,
                            "whole numbers from 2^53 on, as long ids, are not told from their "
                            "neighbours in double precision; write it rounded, as 1.2e18, or "
                            "choose rows by another column");
    p->at += n;
    return km_append_operation(p, KM_NUMBER, KM_NO_OPERAND, KM_NO_OPERAND, value);
}

/* A name, as flux, {odd name}, or either with a position, flux[2]. */
static int32_t parse_name(km_parser *p, size_t length)
{
    const size_t bracket = strspn(p->at + length, " ") + length;
    const size_t digits = p->at[bracket] == '[' ? strspn(p->at + bracket + 1, "0123456789") : 0;
    char *name = km_allocate(KM_EXPRESSION_SIZE + 2, 1, "name in an expression", p->error);
    if (name == NULL)
        return KM_NO_OPERAND;
    if (p->at[bracket] == '[' && (digits == 0 || p->at[bracket + 1 + digits] != ']'))
        km_refuse_at(p, p->at + bracket,
                     "the position of an element is no whole number; write it as in flux[2]");
    else if (digits > 0)
        sprintf(name, "%.*s%.*s", (int)length, p->at, (int)digits + 2, p->at + bracket);
    else
        sprintf(name, "%.*s", (int)length, p->at);
    const int64_t input = p->error->code == KM_OK ? p->find(p->context, name, p->error) : -1;
    free(name);
    p->at += digits > 0 ? bracket + digits + 2 : length;
    p->has_inputs = true;
    return p->error->code == KM_OK ? (int32_t)(-1 - input) : KM_NO_OPERAND;
}

static int32_t parse_braced_name(km_parser *p)
{
    const char *end = strchr(p->at, '}');
    while (end != NULL && end[1] == '}') /* a name that ends with a brace itself */
        end++;
    if (end != NULL && end > p->at + 1)
        return parse_name(p, (size_t)(end + 1 - p->at));
    return km_refuse_at(p, p->at,
                        end == NULL ? "a name in braces has no end; close it with }"
                                    : "there is no name in the braces; write one");
}

/* The values of a function behind the first. They are folded from left to right: min(a,b,c) is
 * min(min(a,b),c). A position is in degrees until its columns say otherwise. */
static int32_t parse_further_values(km_parser *p, const struct function *function, int32_t value)
{
    const bool is_position = function->takes == POSITION;
    if (p->error->code == KM_OK && !km_take(p, ","))
        return km_refuse_at(p, p->at,
                            is_position
                                ? "a position has two values; write them as in sky_x(ra, dec)"
                                : "min and max take several values; write them as in min(a, b)");
    do {
        const int32_t next = km_parse_level(p, KM_OR_LEVEL);
        if (p->error->code == KM_OK)
            value = km_append_operation(p, function->code, value, next, is_position);
    } while (!is_position && p->error->code == KM_OK && km_take(p, ","));
    return value;
}

/* Says why a function does not end here. */
static void refuse_end_of_call(const km_parser *p, const struct function *function)
{
    char why[100];
    const bool has_more = *p->at == ',' && function->takes != TWO_OR_MORE;
    snprintf(why, sizeof why, "%s takes %s; close it with )", function->name,
             function->takes == ONE ? "one value" : "two values, those of a position");
    km_refuse_at(p, p->at,
                 has_more ? why : "the values of a function have no end; close it with )");
}

static int32_t parse_call(km_parser *p, const char *name, size_t length)
{
    const struct function *function = functions;
    const struct function *const end = functions + sizeof functions / sizeof *functions;
    while (function < end &&
           (strlen(function->name) != length || strncmp(function->name, name, length) != 0))
        function++;
    if (function == end) {
        return km_refuse_at(p, name,
                            "there is no such function; there are log10, ln, exp, sqrt, abs, min, "
                            "max, sin, cos, sky_x, sky_y and sky_z");
    }
    int32_t value = km_parse_level(p, KM_OR_LEVEL);
    if (function->takes == ONE)
        value = km_append_operation(p, function->code, value, KM_NO_OPERAND, 0);
    else
        value = parse_further_values(p, function, value);
    if (p->error->code == KM_OK && !km_take(p, ")"))
        refuse_end_of_call(p, function);
    return value;
}

static int32_t parse_word(km_parser *p)
{
    const char *word = p->at;
    const size_t length = length_of_word(word);
    if (word[length + strspn(word + length, " ")] != '(')
        return parse_name(p, length);
    p->at += length;
    km_take(p, "(");
    return parse_call(p, word, length);
}

static const char *why_no_value(const km_parser *p)
{
    return *p->at == '\'' || *p->at == '"' ? "a text is no value; only numbers can be compared"
           : *p->at == '*' ? "no value stands here; to take a power, write ^, as in x^2"
                           : "no value stands here; write a column, a number, a function or '('";
}

int32_t km_parse_operand(km_parser *p)
{
    km_skip_blanks(p);
    if (isdigit((unsigned char)*p->at) || (*p->at == '.' && isdigit((unsigned char)p->at[1])))
        return parse_number(p);
    if (*p->at == '{')
        return parse_braced_name(p);
    if (km_is_letter(*p->at))
        return parse_word(p);
    if (!km_take(p, "("))
        return km_refuse_at(p, p->at, why_no_value(p));
    const int32_t value = km_parse_level(p, KM_OR_LEVEL);
    if (p->error->code == KM_OK && !km_take(p, ")"))
        km_refuse_at(p, p->at, "nothing closes the parenthesis; write an operator or ')'");
    return value;
}
