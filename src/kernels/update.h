/* Template: what the update makes of sums, for grids of one word; see template.h. It is what sums.h
 * and double2.h do to one feature, to a vector of them: the same operations, so the same bits. */

typedef struct doubles2 {
    vector_float64 high, low;
} doubles2;

INLINE doubles2 add_exactly(vector_float64 a, vector_float64 b)
{
    const vector_float64 sum = a + b, other = sum - a;
    return (doubles2){sum, (a - (sum - other)) + (b - other)};
}

INLINE doubles2 add_doubles2(doubles2 a, doubles2 b)
{
    doubles2 high = add_exactly(a.high, b.high);
    const doubles2 low = add_exactly(a.low, b.low);
    high = add_exactly(high.high, high.low + low.high);
    return add_exactly(high.high, high.low + low.low);
}

INLINE doubles2 multiply_doubles2(doubles2 a, doubles2 b)
{
    const vector_float64 product = a.high * b.high;
    return add_exactly(product, multiply_add_float64(a.high, b.high, -product) +
                                    (a.high * b.low + a.low * b.high));
}

INLINE vector_float64 doubles_of(numbers_float64 integers)
{
    return __builtin_convertvector(integers, vector_float64);
}

INLINE doubles2 doubles2_of(numbers_float64 integers)
{
    const vector_float64 high = doubles_of(integers);
    return (doubles2){high, doubles_of(integers - __builtin_convertvector(high, numbers_float64))};
}

/* Some features of a cluster; lanes behind the last one are 0. */
typedef struct features {
    vector_float64 origin, unit, center;
    numbers_float64 sum;
} features;

INLINE features take_features(const km_grid *grids, const int64_t *sums, const double *center,
                              const int n)
{
    _Alignas(BYTES) double origins[DOUBLES] = {0}, units[DOUBLES] = {0};
    features f = {.center = {0}, .sum = {0}};
    for (int l = 0; l < n; l++) {
        origins[l] = grids[l].origin;
        units[l] = grids[l].unit;
    }
    memcpy(&f.center, center, (size_t)n * sizeof *center);
    memcpy(&f.sum, sums, (size_t)n * sizeof *sums);
    f.origin = *(const vector_float64 *)origins;
    f.unit = *(const vector_float64 *)units;
    return f;
}

/* Lanes whose mask is all ones change their sign. */
INLINE numbers_float64 negate_where(numbers_float64 mask, numbers_float64 a)
{
    return (a ^ mask) - mask;
}

/* Quotients of the sums by n without their fractions, and the rest. The first quotient is wrong by
 * rounding of 62 bits to 53, the second at most by one. */
INLINE numbers_float64 divide_sums(numbers_float64 sum, int64_t n, numbers_float64 *rest)
{
    const numbers_float64 sign = sum < 0, size = negate_where(sign, sum);
    const numbers_float64 divisor = (numbers_float64){0} + n;
    const vector_float64 divisors = doubles_of(divisor);
    numbers_float64 whole = __builtin_convertvector(doubles_of(size) / divisors, numbers_float64);
    numbers_float64 left = size - whole * divisor;
    const numbers_float64 more =
        __builtin_convertvector(doubles_of(left) / divisors, numbers_float64);
    whole += more;
    left -= more * divisor;
    const numbers_float64 is_over = left < 0, is_under = left >= divisor;
    whole += is_over - is_under;
    *rest = negate_where(sign, left + (is_over & divisor) - (is_under & divisor));
    return negate_where(sign, whole);
}

INLINE vector_float64 means_of(const features *f, int64_t n)
{
    numbers_float64 rest;
    doubles2 mean = doubles2_of(divide_sums(f->sum, n, &rest));
    mean.low = mean.low + doubles_of(rest) / ((vector_float64){0} + (double)n);
    mean = add_doubles2((doubles2){mean.high * f->unit, mean.low * f->unit},
                        (doubles2){f->origin, (vector_float64){0}});
    return mean.high + mean.low;
}

static void JOIN(means, INSTRUCTIONS)(const km_grid *grids, const km_totals *totals, int64_t c,
                                      double *means)
{
    const int64_t d = totals->n_features, n = totals->weights[c], *sums = totals->words + c * d;
    int64_t j = 0;
    for (; j + DOUBLES <= d; j += DOUBLES) {
        const features f = take_features(grids + j, sums + j, means + j, DOUBLES);
        const vector_float64 all = means_of(&f, n);
        memcpy(means + j, &all, sizeof all);
    }
    if (j < d) {
        const features f = take_features(grids + j, sums + j, means + j, (int)(d - j));
        const vector_float64 some = means_of(&f, n);
        memcpy(means + j, &some, (size_t)(d - j) * sizeof *means);
    }
}

/* With T the sum of x - m over the n samples of a cluster, (c - m) * (n (c - m) - 2 T). */
INLINE void add_terms(const features *f, int64_t n, doubles2 *terms, vector_float64 *sizes)
{
    const doubles2 sum = doubles2_of(f->sum), center = add_exactly(f->center, -f->origin);
    const doubles2 n_center =
        multiply_doubles2(center, (doubles2){(vector_float64){0} + (double)n, (vector_float64){0}});
    const doubles2 minus_2_sums = {-2 * (sum.high * f->unit), -2 * (sum.low * f->unit)};
    const doubles2 term = multiply_doubles2(center, add_doubles2(n_center, minus_2_sums));
    *terms = add_doubles2(*terms, term);
    *sizes = *sizes + OURS(maximum)(term.high, -term.high);
}

static void JOIN(add_history, INSTRUCTIONS)(const km_grid *grids, const km_totals *totals,
                                            int64_t c, const double *center, int64_t d,
                                            km_history_sums *history)
{
    const int64_t n = totals->weights[c], *sums = totals->words + c * totals->n_features;
    doubles2 terms = {*(vector_float64 *)history->high, *(vector_float64 *)history->low};
    vector_float64 sizes = *(vector_float64 *)history->sizes;
    int64_t j = 0;
    for (; j + DOUBLES <= d; j += DOUBLES) {
        const features f = take_features(grids + j, sums + j, center + j, DOUBLES);
        add_terms(&f, n, &terms, &sizes);
    }
    if (j < d) {
        const features f = take_features(grids + j, sums + j, center + j, (int)(d - j));
        add_terms(&f, n, &terms, &sizes);
    }
    *(vector_float64 *)history->high = terms.high;
    *(vector_float64 *)history->low = terms.low;
    *(vector_float64 *)history->sizes = sizes;
}
