/* Expressions: known values, the computation of many rows against that of one, and texts from
 * strangers. Ranks: 1. */
#include "mpi_check.h"

#include "base/error.h"
#include "base/hash.h"
#include "expression/expression.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"a", "b", "c", "{odd-name}", "flux[2]", "pos.ra"};
enum { N_INPUTS = sizeof names / sizeof *names };

static int64_t find_name(void *context, const char *name, km_error *error)
{
    (void)context;
    for (int64_t i = 0; i < N_INPUTS; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    km_fail(error, KM_DATA, "no such column (%s): it is none", name);
    return -1;
}

static km_code parse_text(km_expression *expression, const char *text, km_error *error)
{
    *error = (km_error){0};
    return km_expression_parse(expression, text, "--where", find_name, NULL, error);
}

/* ---- known values --------------------------------------------------------------------------- */

/* With a = 2, b = 0.5, c missing, {odd-name} = 0, flux[2] = 1e200, pos.ra = 30. */
static const double inputs[N_INPUTS] = {2, 0.5, NAN, 0, 1e200, 30};
static const struct known {
    const char *text;
    double value;
} knowns[] = {
    {"a", 2},
    {" a - b - b ", 1},
    {"a-(b-b)", 2},
    {"a + 1e16 - 1e16", 2},
    {"a < 9007199254740991 && a < 9007199254740993.", 1},
    {"a/b/b", 8},
    {"-a^2", -4},
    {"a^-1", 0.5},
    {"a^3^2", 512},
    {"2*-a", -4},
    {"+a+.5e1", 7},
    {"!a == 0", 1}, /* (!a) == 0 */
    {"a > 1 && b < 1 || c > 0", 1},
    {"min(a, b, 1)", 0.5},
    {"max(a, b)", 2},
    {"min(a, c)", NAN},
    {"min(c, a)", NAN},
    {"log10(a*50)", 2},
    {"sqrt(a*a) + abs(-b)", 2.5},
    {"exp(ln(1+0*a))", 1},
    {"cos({odd-name}) + sin({odd-name})", 1},
    {"a/{odd-name}", NAN},
    {"1/(1/{odd-name}) + a", NAN}, /* an infinite value in between is missing, too */
    {"log10(-a)", NAN},
    {"sqrt(-a)", NAN},
    {"flux[2]*flux[2]", NAN},
    {"flux [2]^2 > 1", NAN},
    {"c == c", NAN},
    {"c > 1", NAN},
    {"c > 1 && a < 1", 0},
    {"a < 1 && c > 1", 0},
    {"c > 1 || a > 1", 1},
    {"c > 1 || a < 1", NAN},
    {"c > 1 && a > 1", NAN},
    {"!(c > 1)", NAN},
    {"!c", NAN},
    {"c && {odd-name}", 0},
    {"a != b", 1},
    {"a <= 2 && a >= 2", 1},
    {"c^0", NAN},
    {"pos.ra*.5+2.", 17},
};

static bool is_same(double x, double y)
{
    return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
}

START_TEST(known_values)
{
    km_expression expression;
    km_error error;
    for (size_t i = 0; i < sizeof knowns / sizeof *knowns; i++) {
        ck_assert_msg(parse_text(&expression, knowns[i].text, &error) == KM_OK, "%s: %s",
                      knowns[i].text, error.text);
        const double value = km_expression_compute_row(&expression, inputs);
        ck_assert_msg(is_same(value, knowns[i].value), "%s: %g instead of %g", knowns[i].text,
                      value, knowns[i].value);
        km_expression_free(&expression);
    }
}
END_TEST

/* ---- many rows, and one --------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state)
{
    return km_mix(++*state);
}

static double hostile_value(uint64_t *state)
{
    static const double odd[] = {NAN,      0,         -0.0,      1,     -1,     2,
                                 INFINITY, -INFINITY, 0x1p-1074, 1e308, -1e308, 0.5};
    const uint64_t n = draw(state);
    return n % 3 > 0 ? odd[n / 3 % (sizeof odd / sizeof *odd)]
                     : ((double)(n >> 11) * 0x1p-52 - 1) * 100;
}

/* Writes a random expression. Returns the new end. */
static char *write_expression(uint64_t *state, char *to, int depth)
{
    static const char *const binaries[] = {
        "+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||"};
    static const char *const functions[] = {"log10", "ln",  "exp", "sqrt", "abs",
                                            "sin",   "cos", "-",   "!",    ""};
    const uint64_t kind = depth == 0 ? draw(state) % 3 : draw(state) % 8;
    if (kind < 2)
        return stpcpy(to, names[draw(state) % N_INPUTS]);
    if (kind == 2)
        return to + sprintf(to, "%g", (double)(draw(state) % 64) / 4);
    if (kind == 3)
        return stpcpy(write_expression(state, to + sprintf(to, "%s(", functions[draw(state) % 10]),
                                       depth - 1),
                      ")");
    if (kind == 4) {
        static const char *const twos[] = {"min(", "max(", "sky_x(", "sky_y(", "sky_z("};
        to = write_expression(state, stpcpy(to, twos[draw(state) % 5]), depth - 1);
        return stpcpy(write_expression(state, stpcpy(to, ","), depth - 1), ")");
    }
    to = stpcpy(write_expression(state, stpcpy(to, "("), depth - 1), ")");
    to = stpcpy(to, binaries[draw(state) % 13]);
    return stpcpy(write_expression(state, stpcpy(to, "("), depth - 1), ")");
}

static void compare_rows(const km_expression *expression, const char *text, uint64_t *state)
{
    enum { N = KM_EXPRESSION_ROWS };
    static double values[N_INPUTS][N], registers[KM_EXPRESSION_REGISTERS][N];
    const double *columns[N_INPUTS];
    const int64_t count = 1 + (int64_t)(draw(state) % N);
    for (int64_t i = 0; i < N_INPUTS; i++) {
        columns[i] = values[i];
        for (int64_t row = 0; row < count; row++)
            values[i][row] = hostile_value(state);
    }
    const double *results = km_expression_compute(expression, columns, count, registers[0]);
    for (int64_t row = 0; row < count; row++) {
        double one[N_INPUTS];
        for (int64_t i = 0; i < N_INPUTS; i++)
            one[i] = values[i][row];
        const double expected = km_expression_compute_row(expression, one);
        ck_assert_msg(is_same(results[row], expected), "%s, row %lld: %.17g instead of %.17g", text,
                      (long long)row, results[row], expected);
    }
}

START_TEST(rows_are_computed_alike)
{
    enum { N_TEXTS = 2000, DEPTH = 4 };
    char text[8192];
    uint64_t state = 1;
    int64_t n_compared = 0;
    for (int i = 0; i < N_TEXTS; i++) {
        km_expression expression;
        km_error error;
        *write_expression(&state, text, DEPTH) = '\0';
        if (parse_text(&expression, text, &error) == KM_OK) {
            compare_rows(&expression, text, &state);
            n_compared++;
        } else {
            ck_assert_msg(strstr(error.text, "no column in it") != NULL ||
                              strstr(error.text, "are the most") != NULL,
                          "%s: %s", text, error.text);
        }
        km_expression_free(&expression);
    }
    ck_assert_int_gt(n_compared, N_TEXTS / 2);
}
END_TEST

/* ---- texts from strangers ------------------------------------------------------------------- */

static const struct refused {
    const char *text, *begin; /* of the message, behind "bad expression (--where TEXT" */
} refusals[] = {
    {"a > > 3", ", character 5, at '> 3'): no value stands here"},
    {"(a", ", character 3, at its end): nothing closes the parenthesis"},
    {"a)", ", character 2, at ')'): no '(' belongs to it"},
    {"a = 3", ", character 3, at '= 3'): to compare, write =="},
    {"a & b", ", character 3, at '& b'): to join conditions"},
    {"a == 2 == 0", ", character 8, at '== 0'): comparisons form no chain"},
    {"1 < a < 2", ", character 7, at '< 2'): comparisons form no chain"},
    {"log(a)", ", character 1, at 'log(a)'): there is no such function"},
    {"min(a)", ", character 6, at ')'): min and max take several values"},
    {"sqrt(a, b)", ", character 7, at ', b)'): sqrt takes one value"},
    {"sky_x(a,b,c)", ", character 10, at ',c)'): sky_x takes two values"},
    {"sqrt(a", ", character 7, at its end): the values of a function have no end"},
    {"max(a, b", ", character 9, at its end): the values of a function have no end"},
    {"2mass", ", character 1, at '2mass'): a name begins with a digit"},
    {"a*1e999", ", character 3, at '1e999'): it is no number"},
    {"a == 9007199254740993", ", character 6, at '9007199254740993'): whole numbers from 2^53 on"},
    {"0x10*a", ", character 1, at '0x10*a'): a name begins with a digit"},
    {"{odd-name", ", character 1, at '{odd-name'): a name in braces has no end"},
    {"{}", ", character 1, at '{}'): there is no name in the braces"},
    {"flux[x]", ", character 5, at '[x]'): the position of an element"},
    {"1+2", ", character 1, at '1+2'): there is no column in it"},
    {"\xc3\xa4 a", NULL}, /* no such column */
    {"", ", character 1, at its end): no value stands here"},
    {"a;b", ", character 2, at ';b'): columns are separated by commas"},
    {"a > 1 and b", ", character 7, at 'and b'): to join conditions, write &&"},
    {"a > 1 or b", ", character 7, at 'or b'): to join conditions, write ||"},
    {"a**2", ", character 3, at '*2'): no value stands here; to take a power, write ^"},
    {"a == 'b'", ", character 6, at ''b''): a text is no value"},
    {"a. > 3", ", character 2, at '. > 3'): an operator should stand here"},
    {"a%3", ", character 2, at '%3'): an operator should stand here"},
    {"a ? b : c", ", character 3, at '? b : c'): an operator should stand here"},
};

START_TEST(messages_point_at_the_place)
{
    km_expression expression;
    km_error error;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char begin[256];
        const struct refused *refused = &refusals[i];
        snprintf(begin, sizeof begin, "bad expression (--where %s%s", refused->text,
                 refused->begin != NULL ? refused->begin : "");
        const km_code code = parse_text(&expression, refused->text, &error);
        if (refused->begin != NULL)
            ck_assert_msg(code == KM_USAGE && strncmp(error.text, begin, strlen(begin)) == 0, "%s",
                          error.text);
        else
            ck_assert_int_eq(code, KM_DATA);
        km_expression_free(&expression);
    }
}
END_TEST

static void repeat(char *text, const char *part, int times, const char *middle, const char *end)
{
    for (int i = 0; i < times; i++)
        text = stpcpy(text, part);
    text = stpcpy(text, middle);
    for (int i = 0; i < times; i++)
        text = stpcpy(text, end);
}

START_TEST(length_and_depth_are_bounded)
{
    static char text[4 * KM_EXPRESSION_SIZE];
    km_expression expression;
    km_error error;
    repeat(text, "(", KM_EXPRESSION_DEPTH, "a", ")");
    ck_assert_int_eq(parse_text(&expression, text, &error), KM_OK);
    km_expression_free(&expression);
    repeat(text, "(", KM_EXPRESSION_DEPTH + 1, "a", ")");
    ck_assert_int_eq(parse_text(&expression, text, &error), KM_USAGE);
    km_expression_free(&expression);
    repeat(text, "-", 4000, "a", "");
    ck_assert_int_eq(parse_text(&expression, text, &error), KM_USAGE);
    km_expression_free(&expression);
    repeat(text, "1+(", KM_EXPRESSION_REGISTERS - 1, "2*a", ")");
    ck_assert_int_eq(parse_text(&expression, text, &error), KM_OK);
    ck_assert_int_le(expression.n_registers, KM_EXPRESSION_REGISTERS);
    km_expression_free(&expression);
    repeat(text, "1+(", KM_EXPRESSION_REGISTERS, "2*a", ")");
    ck_assert_int_eq(parse_text(&expression, text, &error), KM_USAGE);
    km_expression_free(&expression);
    repeat(text, "a+", KM_EXPRESSION_SIZE / 2 - 1, "a", "");
    ck_assert_int_eq(parse_text(&expression, text, &error), KM_OK);
    km_expression_free(&expression);
    repeat(text, "a+", KM_EXPRESSION_SIZE / 2, "a", "");
    ck_assert_int_eq(parse_text(&expression, text, &error), KM_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "4095 are the most"));
    km_expression_free(&expression);
}
END_TEST

/* Random signs: it ends with an expression that can be computed, or with one message. */
START_TEST(any_text_ends_well)
{
    static const char *const parts[] = {
        "a", "b", "{odd-name}", "flux[2]", "1",   ".5", "e3", "(",  ")",    "+",
        "-", "*", "/",          "^",       "<",   "=",  "&&", "||", "!",    ",",
        "[", "]", "{",          "}",       "min", "ln", " ",  "\n", "\xff", "2"};
    uint64_t state = 2;
    int64_t n_parsed = 0;
    for (int i = 0; i < 50000; i++) {
        char text[256] = "", *end = text;
        km_expression expression;
        km_error error;
        for (uint64_t n = draw(&state) % 12; n > 0; n--)
            end = stpcpy(end, parts[draw(&state) % (sizeof parts / sizeof *parts)]);
        if (parse_text(&expression, text, &error) == KM_OK) {
            const double value = km_expression_compute_row(&expression, inputs);
            ck_assert_msg(isnan(value) || isfinite(value), "%s", text);
            n_parsed++;
        } else {
            ck_assert_msg((error.code == KM_USAGE || error.code == KM_DATA) &&
                              strchr(error.text, '\n') == NULL,
                          "%s: %s", text, error.text);
        }
        km_expression_free(&expression);
    }
    ck_assert_int_gt(n_parsed, 500);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *tests[] = {known_values, rows_are_computed_alike, messages_point_at_the_place,
                            length_and_depth_are_bounded, any_text_ends_well};
    return SUITE_OF("expressions", tests);
}
