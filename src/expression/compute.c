/* Computes expressions for many rows at once: operation by operation, in loops that compilers turn
 * into vector instructions. */
#include "base/functions.h"
#include "expression/expression.h"

#include <float.h>
#include <math.h>

/* What is not finite is a missing value. */
static inline bool is_there(double value)
{
    return fabs(value) <= DBL_MAX;
}

static inline double finite_or_missing(double value)
{
    return is_there(value) ? value : NAN;
}

static inline double unless_missing(double a, double b, double value)
{
    return is_there(a) && is_there(b) ? value : NAN;
}

static inline double is_true(double a)
{
    return is_there(a) && a != 0;
}

/* Twice as wide vectors where the processor has them; they round alike. */
#if defined __x86_64__ && defined __GLIBC__ && defined __GNUC__ && !defined __clang__ && \
    !defined __SANITIZE_ADDRESS__
#define KM_CLONES __attribute__((target_clones("default", "avx2")))
#else
#define KM_CLONES
#endif

/* Where arithmetic makes something finite of an infinite operand, operands are tested, too;
 * elsewhere the result tells.
 *
 * Results may take the place of operands, row by row, which the pragma tells the compiler. */
#define DEFINE_OPERATION(name, value)                                                    \
    KM_CLONES static void name(const double *first, const double *second, int64_t count, \
                               double number, double *results)                           \
    {                                                                                    \
        _Pragma("omp simd") for (int64_t i = 0; i < count; i++)                          \
        {                                                                                \
            const double a = first[i], b = second[i];                                    \
            (void)b, (void)number;                                                       \
            results[i] = value;                                                          \
        }                                                                                \
    }

/* The same for functions of the C library, which are called for each row. */
#define DEFINE_FUNCTION(name, value)                                                          \
    static void name(const double *first, const double *second, int64_t count, double number, \
                     double *results)                                                         \
    {                                                                                         \
        for (int64_t i = 0; i < count; i++) {                                                 \
            const double a = first[i], b = second[i];                                         \
            (void)b, (void)number;                                                            \
            results[i] = value;                                                               \
        }                                                                                     \
    }

DEFINE_OPERATION(negate_rows, finite_or_missing(-a))
DEFINE_OPERATION(invert_rows, unless_missing(a, a, a == 0))
DEFINE_OPERATION(add_rows, finite_or_missing(a + b))
DEFINE_OPERATION(subtract_rows, finite_or_missing(a - b))
DEFINE_OPERATION(multiply_rows, finite_or_missing(a *b))
DEFINE_OPERATION(divide_rows, unless_missing(b, b, finite_or_missing(a / b)))
DEFINE_FUNCTION(power_rows, unless_missing(a, b, finite_or_missing(pow(a, b))))
DEFINE_OPERATION(less_rows, unless_missing(a, b, a < b))
DEFINE_OPERATION(at_most_rows, unless_missing(a, b, a <= b))
DEFINE_OPERATION(equal_rows, unless_missing(a, b, a == b))
DEFINE_OPERATION(different_rows, unless_missing(a, b, a != b))
DEFINE_OPERATION(both_rows, a == 0 || b == 0 ? 0 : unless_missing(a, b, 1))
DEFINE_OPERATION(either_rows, is_true(a) || is_true(b) ? 1 : unless_missing(a, b, 0))
DEFINE_FUNCTION(log10_rows, finite_or_missing(log10(a)))
DEFINE_FUNCTION(ln_rows, finite_or_missing(log(a)))
DEFINE_FUNCTION(exp_rows, unless_missing(a, a, finite_or_missing(exp(a))))
DEFINE_OPERATION(sqrt_rows, finite_or_missing(sqrt(a)))
DEFINE_OPERATION(abs_rows, finite_or_missing(fabs(a)))
DEFINE_OPERATION(min_rows, unless_missing(a, b, b < a ? b : a))
DEFINE_OPERATION(max_rows, unless_missing(a, b, b > a ? b : a))
DEFINE_FUNCTION(sin_rows, finite_or_missing(sin(a)))
DEFINE_FUNCTION(cos_rows, finite_or_missing(cos(a)))
DEFINE_OPERATION(sky_x_rows, km_unit_vector(a, b, number).x)
DEFINE_OPERATION(sky_y_rows, km_unit_vector(a, b, number).y)
DEFINE_OPERATION(sky_z_rows, km_unit_vector(a, b, number).z)

static const struct computation {
    const char *name;
    void (*compute)(const double *first, const double *second, int64_t count, double number,
                    double *results);
    bool is_swapped; /* a > b is b < a */
} computations[KM_N_OPERATORS] = {
    [KM_NUMBER] = {"number", NULL, false},       [KM_NEGATE] = {"-", negate_rows, false},
    [KM_NOT] = {"!", invert_rows, false},        [KM_ADD] = {"+", add_rows, false},
    [KM_SUBTRACT] = {"-", subtract_rows, false}, [KM_MULTIPLY] = {"*", multiply_rows, false},
    [KM_DIVIDE] = {"/", divide_rows, false},     [KM_POWER] = {"^", power_rows, false},
    [KM_LESS] = {"<", less_rows, false},         [KM_AT_MOST] = {"<=", at_most_rows, false},
    [KM_GREATER] = {">", less_rows, true},       [KM_AT_LEAST] = {">=", at_most_rows, true},
    [KM_EQUAL] = {"==", equal_rows, false},      [KM_DIFFERENT] = {"!=", different_rows, false},
    [KM_AND] = {"&&", both_rows, false},         [KM_OR] = {"||", either_rows, false},
    [KM_LOG10] = {"log10", log10_rows, false},   [KM_LN] = {"ln", ln_rows, false},
    [KM_EXP] = {"exp", exp_rows, false},         [KM_SQRT] = {"sqrt", sqrt_rows, false},
    [KM_ABS] = {"abs", abs_rows, false},         [KM_MIN] = {"min", min_rows, false},
    [KM_MAX] = {"max", max_rows, false},         [KM_SIN] = {"sin", sin_rows, false},
    [KM_COS] = {"cos", cos_rows, false},         [KM_SKY_X] = {"sky_x", sky_x_rows, false},
    [KM_SKY_Y] = {"sky_y", sky_y_rows, false},   [KM_SKY_Z] = {"sky_z", sky_z_rows, false},
};

const char *km_operator_name(int32_t code)
{
    return computations[code].name;
}

static const double *values_of(int32_t operand, const double *const *inputs,
                               const double *registers)
{
    return operand >= 0 ? registers + (int64_t)operand * KM_EXPRESSION_ROWS
                        : inputs[km_input_of(operand)];
}

const double *km_expression_compute(const km_expression *e, const double *const *inputs,
                                    int64_t count, double *registers)
{
    for (int64_t o = 0; o < e->n_operations; o++) {
        const km_operation *operation = &e->operations[o];
        double *to = registers + (int64_t)operation->to * KM_EXPRESSION_ROWS;
        if (operation->code == KM_NUMBER) {
            for (int64_t i = 0; i < count; i++)
                to[i] = operation->number;
            continue;
        }
        const struct computation *how = &computations[operation->code];
        const bool is_unary = operation->b == KM_NO_OPERAND;
        const double *a = values_of(operation->a, inputs, registers);
        const double *b = is_unary ? a : values_of(operation->b, inputs, registers);
        how->compute(how->is_swapped ? b : a, how->is_swapped ? a : b, count, operation->number,
                     to);
    }
    return values_of(e->result, inputs, registers);
}
