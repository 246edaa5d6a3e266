/* Expressions in the place of columns: a computed column, and those that it is computed from. */
#include "base/error.h"
#include "base/functions.h"
#include "base/memory.h"
#include "base/text.h"
#include "choice.h"

#include <stdlib.h>
#include <string.h>

void km_inputs_free(km_inputs *inputs)
{
    for (int64_t e = 0; e < inputs->n_expressions; e++)
        km_expression_free(&inputs->expressions[e]);
    free(inputs->expressions);
    free(inputs->columns);
    *inputs = (km_inputs){0};
}

/* ---- its text ------------------------------------------------------------------------------- */

/* A path, perhaps of a column of another file; one in braces may stand in an expression. */
static bool is_path(const char *item)
{
    bool is_name = false, is_elsewhere = false;
    for (const char *c = item; *c != '\0'; c++) {
        is_name = is_name ? *c != '}' : *c == '{';
        is_elsewhere = is_elsewhere || (!is_name && c[0] == ':' && c[1] == '/');
    }
    return item[0] == '/' || is_elsewhere;
}

/* Signs of names, their positions, and ranges are none of an expression. */
bool km_is_expression(const char *item, bool is_array)
{
    const char *end = item[0] == '{' ? strchr(item, '}') : NULL;
    bool has_sign = false, has_name = end != NULL;
    if (is_path(item))
        return false;
    for (const char *c = end != NULL ? end + 1 : item; *c != '\0'; c++) {
        has_sign = has_sign || !(km_is_letter(*c) || strchr("0123456789.:[]", *c) != NULL);
        has_name = has_name || km_is_letter(*c) || *c == '{';
    }
    return has_sign && (has_name || !is_array); /* else it is a mistaken number or range */
}

char *km_cut_name(char **item)
{
    char *name = *item;
    char *end = name[0] == '{' ? strchr(name, '}') : NULL;
    char *equals = end != NULL ? end + 1 + strspn(end + 1, " ") : strchr(name, '=');
    if (equals == NULL || equals[0] != '=' || equals[1] == '=')
        return NULL;
    if (end == NULL && strcspn(name, "+-*/^()<>!&|{}[],") < (size_t)(equals - name))
        return NULL; /* it belongs to a comparison, or a name with other signs lacks braces */
    *equals = '\0';
    *item = equals + 1 + strspn(equals + 1, " ");
    return km_without_braces(km_without_blanks(name));
}

/* A finder that only lists the names that are looked for. */
struct listing {
    km_note_name *note;
    void *context;
};

static int64_t note_input(void *context, const char *name, km_error *error)
{
    const struct listing *listing = context;
    char *copy = km_copy_text(name, "name in an expression", error);
    if (copy != NULL)
        listing->note(listing->context, km_without_braces(copy));
    free(copy);
    return 0;
}

bool km_expression_list_names(const char *text, km_note_name *note, void *context)
{
    km_error ignored = {0};
    km_expression expression;
    struct listing listing = {note, context};
    km_expression_parse(&expression, text, "", note_input, &listing, &ignored);
    km_expression_free(&expression);
    return ignored.code == KM_OK;
}

static int64_t take_any_input(void *context, const char *name, km_error *error)
{
    (void)context, (void)name, (void)error;
    return 0;
}

km_code km_expression_check(const char *text, const char *option, km_error *error)
{
    km_expression expression;
    km_expression_parse(&expression, text, option, take_any_input, NULL, error);
    km_expression_free(&expression);
    return error->code;
}

/* ---- what it is computed from --------------------------------------------------------------- */

static bool is_stored_alike(const km_column *a, const km_column *b)
{
    return a->values.other == b->values.other && a->values.position == b->values.position &&
           strcmp(a->values.dataset, b->values.dataset) == 0 &&
           strcmp(a->values.member, b->values.member) == 0;
}

/* The number of an input, which is added if it is new. */
static int64_t add_input(km_inputs *inputs, const km_column *column, km_error *error)
{
    int64_t i = 0;
    while (i < inputs->n_columns && !is_stored_alike(&inputs->columns[i], column))
        i++;
    if (i == inputs->n_columns) {
        inputs->columns =
            km_append(inputs->columns, &inputs->n_columns, sizeof *column, column, error);
        if (error->code == KM_OK)
            inputs->columns[i].makes_feature = inputs->makes_features;
    }
    return i;
}

/* Finds the column of a name in an expression; it has one value per row. */
static int64_t find_input(void *context, const char *name, km_error *error)
{
    const km_choice *outer = context;
    int64_t input = -1;
    km_choice choice = *outer;
    choice.inputs = NULL;
    choice.columns = NULL;
    choice.count = 0;
    char *copy = km_copy_text(name, "name in an expression", error);
    if (copy != NULL)
        km_choose_item(&choice, choice.table->is_array ? km_without_braces(copy) : copy);
    free(copy);
    if (error->code == KM_OK && choice.count != 1)
        km_fail(error, KM_USAGE,
                "bad expression (%s, column %s): it has %lld values per row; choose one of them, "
                "as %s[0]",
                choice.option, name, (long long)choice.count, name);
    if (error->code == KM_OK)
        input = add_input(outer->inputs, &choice.columns[0], error);
    free(choice.columns);
    return input;
}

/* ---- the computed column -------------------------------------------------------------------- */

/* Units of an operation are known if both operands have the same, and it keeps them. */
static const char *combine_units(const km_operation *operation, const char *a, const char *b)
{
    const int32_t code = operation->code;
    if (code == KM_NEGATE || code == KM_ABS)
        return a;
    const bool keeps = code == KM_ADD || code == KM_SUBTRACT || code == KM_MIN || code == KM_MAX;
    return keeps && strcmp(a, b) == 0 ? a : "";
}

static bool is_one_of(const char *units, const char *const *list)
{
    while (*list != NULL && strcmp(units, *list) != 0)
        list++;
    return *list != NULL;
}

static bool is_in_radians(const char *units)
{
    static const char *const radians[] = {"rad", "radian", "radians", NULL};
    return is_one_of(units, radians);
}

static bool is_another_angle(const char *units)
{
    static const char *const others[] = {"h",      "hr",     "hour", "hours", "hourangle",
                                         "arcmin", "arcsec", "mas",  "uas",   NULL};
    return is_one_of(units, others);
}

/* Positions are in degrees, or in radians if the columns say so. */
static void take_units_of_position(km_operation *operation, const char *ra, const char *dec,
                                   const km_choice *choice)
{
    if (is_another_angle(ra) || is_another_angle(dec))
        km_fail(choice->error, KM_DATA,
                "other units of a position (%s, %s): the right ascension is in '%s', the "
                "declination in '%s', but positions are in degrees or radians; convert them, as in "
                "15*ra of hours",
                choice->scope->path, choice->table->path, ra, dec);
    else if (is_in_radians(ra) != is_in_radians(dec))
        km_fail(choice->error, KM_DATA,
                "units of a position differ (%s, %s): the right ascension is in '%s', the "
                "declination in '%s'; convert one of them, as in ra*57.29577951308232",
                choice->scope->path, choice->table->path, ra, dec);
    else if (is_in_radians(ra))
        operation->number = KM_DEGREES_PER_RADIAN;
}

/* The units of an expression, as far as they are known without knowing units; and those of the
 * positions in it. */
static const char *units_of_expression(km_expression *expression, const km_choice *choice)
{
    const km_inputs *inputs = choice->inputs;
    const char *units[KM_EXPRESSION_REGISTERS] = {""};
    for (int64_t o = 0; o < expression->n_operations; o++) {
        km_operation *operation = &expression->operations[o];
        const int32_t operands[2] = {operation->a, operation->b};
        const char *known[2] = {"", ""};
        for (int i = 0; i < 2; i++)
            if (operands[i] != KM_NO_OPERAND)
                known[i] = operands[i] >= 0 ? units[operands[i]]
                                            : inputs->columns[km_input_of(operands[i])].units;
        if (km_takes_position(operation->code))
            take_units_of_position(operation, known[0], known[1], choice);
        units[operation->to] = combine_units(operation, known[0], known[1]);
    }
    return expression->result >= 0 ? units[expression->result]
                                   : inputs->columns[km_input_of(expression->result)].units;
}

/* Appends the column that the last expression computes. */
static void append_computed(km_choice *choice, const char *name)
{
    const km_inputs *inputs = choice->inputs;
    km_expression *expression = &inputs->expressions[inputs->n_expressions - 1];
    km_column column;
    memset(&column, 0, sizeof column); /* its padding is compared, too */
    if (strlen(name) >= sizeof column.name) {
        km_fail(choice->error, KM_USAGE,
                "too long a name (%s %.60s...): names of features have at most %d characters; name "
                "it, as in ratio=(u-g)/(g-r)",
                choice->option, name, KM_NAME_SIZE - 1);
        return;
    }
    strcpy(column.name, name);
    strcpy(column.type, "computed");
    strcpy(column.units, units_of_expression(expression, choice));
    column.is_numeric = column.is_floating = true;
    column.values.length = 1;
    column.expression = inputs->n_expressions;
    column.n_rows = inputs->columns[0].n_rows; /* all inputs are equally long, which is checked */
    choice->columns =
        km_append(choice->columns, &choice->count, sizeof column, &column, choice->error);
}

/* A text that is the exact name of a column means it, whatever signs are in it. */
static char *copy_expression(const km_choice *choice, const char *text)
{
    char *copy = km_allocate((int64_t)strlen(text) + 3, 1, "expression", choice->error);
    const bool is_name = km_names_find(&choice->names, text) >= 0;
    if (copy != NULL)
        stpcpy(stpcpy(stpcpy(copy, is_name ? "{" : ""), text), is_name ? "}" : "");
    return copy;
}

static int64_t accept_input(void *context, const char *name, km_error *error)
{
    (void)context, (void)name, (void)error;
    return 0;
}

/* Before names are looked for, so that a sign too many is not taken for an unknown column. */
static km_code check_syntax(const km_choice *choice, const char *text)
{
    km_expression expression = {0};
    if (choice->error->code == KM_OK)
        km_expression_parse(&expression, text, choice->option, accept_input, NULL, choice->error);
    km_expression_free(&expression);
    return choice->error->code;
}

void km_choose_expression(km_choice *choice, const char *item, bool may_be_named)
{
    km_inputs *inputs = choice->inputs;
    km_expression expression = {0};
    char *copy = km_copy_text(item, "expression", choice->error), *rest = copy;
    char *name = may_be_named && copy != NULL ? km_cut_name(&rest) : NULL;
    char *text = copy != NULL ? copy_expression(choice, rest) : NULL;
    if (name != NULL && name[0] == '\0')
        km_fail(choice->error, KM_USAGE,
                "bad expression (%s %s): there is no name before the =; write NAME=EXPRESSION",
                choice->option, item);
    if (text != NULL && check_syntax(choice, text) == KM_OK)
        km_expression_parse(&expression, text, choice->option, find_input, choice, choice->error);
    if (choice->error->code == KM_OK)
        inputs->expressions = km_append(inputs->expressions, &inputs->n_expressions,
                                        sizeof expression, &expression, choice->error);
    if (choice->error->code == KM_OK)
        append_computed(choice, name != NULL ? name : may_be_named ? item : "condition");
    else
        km_expression_free(&expression);
    free(text);
    free(copy);
}
