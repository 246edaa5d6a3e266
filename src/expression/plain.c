/* Computes an expression for one row, step by step as its definition says. */
#include "base/functions.h"
#include "expression/expression.h"

#include <math.h>

static double compare_row(int32_t code, double a, double b)
{
    if (!isfinite(a) || !isfinite(b))
        return NAN;
    return code == KM_LESS       ? a < b
           : code == KM_AT_MOST  ? a <= b
           : code == KM_GREATER  ? a > b
           : code == KM_AT_LEAST ? a >= b
           : code == KM_EQUAL    ? a == b
                                 : a != b;
}

/* Three truths: what is false whatever the missing one is, is false; what is true, true. */
static double join_row(int32_t code, double a, double b)
{
    const double deciding = code == KM_OR;
    if ((isfinite(a) && (a != 0) == deciding) || (isfinite(b) && (b != 0) == deciding))
        return deciding;
    return !isfinite(a) || !isfinite(b) ? NAN : 1 - deciding;
}

static double compute_function_row(int32_t code, double a)
{
    return code == KM_NEGATE  ? -a
           : code == KM_NOT   ? a == 0
           : code == KM_LOG10 ? log10(a)
           : code == KM_LN    ? log(a)
           : code == KM_EXP   ? exp(a)
           : code == KM_SQRT  ? sqrt(a)
           : code == KM_ABS   ? fabs(a)
           : code == KM_SIN   ? sin(a)
                              : cos(a);
}

static double compute_sum_row(int32_t code, double a, double b)
{
    return code == KM_ADD        ? a + b
           : code == KM_SUBTRACT ? a - b
           : code == KM_MULTIPLY ? a * b
           : code == KM_DIVIDE   ? a / b
           : code == KM_POWER    ? pow(a, b)
           : code == KM_MIN      ? (b < a ? b : a)
                                 : (b > a ? b : a);
}

static double compute_position_row(const km_operation *operation, double ra, double dec)
{
    const km_vector3 vector = km_unit_vector(ra, dec, operation->number);
    return operation->code == KM_SKY_X   ? vector.x
           : operation->code == KM_SKY_Y ? vector.y
                                         : vector.z;
}

static double compute_step(const km_operation *operation, double a, double b)
{
    const int32_t code = operation->code;
    double value = NAN;
    if (code == KM_NUMBER)
        value = operation->number;
    else if (code == KM_AND || code == KM_OR)
        return join_row(code, a, b);
    else if (code >= KM_LESS && code <= KM_DIFFERENT)
        return compare_row(code, a, b);
    else if (km_takes_position(code))
        value = compute_position_row(operation, a, b);
    else if (operation->b == KM_NO_OPERAND && isfinite(a))
        value = compute_function_row(code, a);
    else if (operation->b != KM_NO_OPERAND && isfinite(a) && isfinite(b))
        value = compute_sum_row(code, a, b);
    return isfinite(value) ? value : NAN;
}

double km_expression_compute_row(const km_expression *e, const double *inputs)
{
    double registers[KM_EXPRESSION_REGISTERS] = {0};
    for (int64_t o = 0; o < e->n_operations; o++) {
        const km_operation *operation = &e->operations[o];
        const int32_t operands[2] = {operation->a, operation->b};
        double values[2] = {NAN, NAN};
        for (int i = 0; i < 2; i++)
            if (operands[i] != KM_NO_OPERAND)
                values[i] =
                    operands[i] >= 0 ? registers[operands[i]] : inputs[km_input_of(operands[i])];
        registers[operation->to] = compute_step(operation, values[0], values[1]);
    }
    return e->result >= 0 ? registers[e->result] : inputs[km_input_of(e->result)];
}
