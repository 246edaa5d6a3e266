/* Expressions: any text is refused with one line, or computed for many rows as for one. */
#include "fuzz.h"

#include "expression/expression.h"

enum { N_INPUTS = 5, N_ROWS = 7, TEXT_SIZE = 6000 };
static const char *const inputs[N_INPUTS] = {"a", "b", "c", "{odd-name}", "flux[2]"};

static const char *const words[] = {
    "a",    "b",    "c",        "{odd-name}", "flux[2]", "flux",   "{",     "}",    "[",
    "]",    "(",    ")",        "(",          ")",       "+",      "-",     "*",    "/",
    "^",    "<",    "<=",       ">",          ">=",      "==",     "!=",    "&&",   "||",
    "!",    ",",    "=",        "log10(",     "ln(",     "exp(",   "sqrt(", "abs(", "min(",
    "max(", "sin(", "cos(",     "sky_x(",     "sky_y(",  "sky_z(", "0",     "1",    "1e308",
    "1e",   ".5",   "2.",       "1e-400",     "nan",     "inf",    "0x1p3", " ",    "\t",
    "\n",   "\\",   "\xce\xb1", "\x01",       "and",     "**"};

static int64_t find_input(void *context, const char *name, km_error *error)
{
    (void)context;
    for (int64_t i = 0; i < N_INPUTS; i++)
        if (strcmp(inputs[i], name) == 0)
            return i;
    km_fail(error, KM_DATA, "no such column (%s): it is none of a table", name);
    return -1;
}

/* NaN is the same whatever its bits. */
static bool is_same_number(double x, double y)
{
    return memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y);
}

static void compute(draw *d, const km_expression *expression, const char *text)
{
    static const double odd[] = {0,      -0.0,      1,   -1,       2,   0.5, 1e308,
                                 -1e308, 0x1p-1074, NAN, INFINITY, -90, 1e15};
    static double registers[KM_EXPRESSION_REGISTERS * KM_EXPRESSION_ROWS];
    double values[N_INPUTS][N_ROWS];
    const double *columns[N_INPUTS];
    for (int i = 0; i < N_INPUTS; i++) {
        columns[i] = values[i];
        for (int row = 0; row < N_ROWS; row++)
            values[i][row] = odd[(draw_below(d, 256) + (uint64_t)(i * row)) % 13];
    }
    const double *many = km_expression_compute(expression, columns, N_ROWS, registers);
    for (int row = 0; row < N_ROWS; row++) {
        double one[N_INPUTS];
        for (int i = 0; i < N_INPUTS; i++)
            one[i] = values[i][row];
        const double plain = km_expression_compute_row(expression, one);
        ck_assert_msg(is_same_number(many[row], plain), "%s: %.17g and %.17g\n", text, many[row],
                      plain);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_start(argc, argv);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_SIZE];
    draw d = fuzz_draw(data, size);
    km_expression expression;
    km_error error = {0};
    fuzz_text(&d, words, sizeof words / sizeof *words, text, sizeof text);
    d.index = 0; /* the same bytes give the values, too */
    if (km_expression_parse(&expression, text, "-c", find_input, NULL, &error) == KM_OK)
        compute(&d, &expression, text);
    else
        check_error(0, &error);
    km_expression_free(&expression);
    return 0;
}
