/* reference.h - k-means once more, in the plainest way, on one rank that holds all rows.
 *
 * Only the definitions are those of skymeans: the canonical distance, ties, empty clusters, working
 * values. None of its code runs here. Sums are compensated long doubles, which keep 127 bits. */
#ifndef SKYMEANS_TESTS_REFERENCE_H
#define SKYMEANS_TESTS_REFERENCE_H

#include "base/precision.h"
#include "mock.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* ---- points --------------------------------------------------------------------------------- */

/* The used rows of a catalogue, ascending. */
typedef struct points {
    int64_t n, d;
    bool is_float;   /* working precision: float, else double */
    int64_t *rows;   /* [n], in the catalogue */
    double *x;       /* [n][d], working values */
    double *weights; /* [n], whole numbers */
    int exponent;    /* working value = value * 2^-exponent */
} points;

static inline double round_to(bool is_float, double value)
{
    return is_float ? (double)(float)value : value;
}

/* The range of a feature over the points with weight. */
static inline void find_range(const points *p, int64_t feature, double *lowest, double *highest)
{
    *lowest = INFINITY;
    *highest = -INFINITY;
    for (int64_t i = 0; i < p->n; i++)
        if (p->weights[i] > 0) {
            *lowest = fmin(*lowest, p->x[i * p->d + feature]);
            *highest = fmax(*highest, p->x[i * p->d + feature]);
        }
}

/* The values as they are, rounded to working precision. */
static inline points points_of(const mock *data, km_precision precision)
{
    const int64_t d = data->d;
    points p = {.d = d, .is_float = precision == KM_FLOAT32};
    p.rows = mock_memory(data->n, sizeof *p.rows);
    p.x = mock_memory(data->n * d, sizeof *p.x);
    p.weights = mock_memory(data->n, sizeof *p.weights);
    for (int64_t i = 0; i < data->n; i++) {
        if (data->is_missing[i])
            continue;
        for (int64_t j = 0; j < d; j++)
            p.x[p.n * d + j] = round_to(p.is_float, data->values[i * d + j]);
        p.weights[p.n] = data->weights != NULL ? data->weights[i] : 1;
        p.rows[p.n++] = i;
    }
    return p;
}

/* From values to working values: the power of two brings the largest range into [1, 2); a feature
 * without range that would be 2^50 there (in double 2^450) or more moves to 0. */
static inline void points_scale(points *p)
{
    double largest = 0, lowest, highest;
    for (int64_t j = 0; j < p->d; j++) {
        find_range(p, j, &lowest, &highest);
        largest = fmax(largest, highest - lowest);
    }
    p->exponent = largest > 0 ? ilogb(largest) : 0;
    for (int64_t j = 0; j < p->d; j++) {
        find_range(p, j, &lowest, &highest);
        const int above = p->exponent + (p->is_float ? 50 : 450);
        const bool is_moved = lowest == highest && fabs(lowest) >= ldexp(1, above);
        for (int64_t i = 0; i < p->n; i++) {
            double *x = &p->x[i * p->d + j];
            *x = round_to(p->is_float, ldexp(is_moved ? *x - lowest : *x, -p->exponent));
        }
    }
}

static inline void points_free(points *p)
{
    free(p->rows);
    free(p->x);
    free(p->weights);
    *p = (points){0};
}

/* The canonical distance. */
static inline double distance2_of(const points *p, const double *x, const double *center)
{
    double sum = 0;
    for (int64_t j = 0; j < p->d; j++)
        if (p->is_float) {
            const float difference = (float)x[j] - (float)center[j];
            sum = (double)fmaf(difference, difference, (float)sum);
        } else {
            sum = fma(x[j] - center[j], x[j] - center[j], sum);
        }
    return sum;
}

/* ---- sums ----------------------------------------------------------------------------------- */

/* A sum and what was rounded off from it. */
typedef struct long_sum {
    long double high, low;
} long_sum;

static inline void add_to(long_sum *sum, long double value)
{
    const long double high = sum->high + value, other = high - sum->high;
    sum->low += (sum->high - (high - other)) + (value - other);
    sum->high = high;
}

static inline long double value_of(const long_sum *sum)
{
    return sum->high + sum->low;
}

/* ---- the fit -------------------------------------------------------------------------------- */

typedef struct reference {
    points p;
    int64_t k;
    double *centers, *used; /* [k][d]: now, and rounded for the last assignment */
    int32_t *labels;        /* [n], of the last assignment */
    int32_t *owners;        /* [n], the same after empty clusters were filled */
    double *distances2;     /* [n] */
    double *weights;        /* [k], by owners */
    int64_t *sizes;         /* [k], the same, of rows */
    int64_t n_refilled, n_iterations, n_empty;
    int64_t *relabeled; /* [n_iterations] */
    double *inertia;    /* [n_iterations], about the centers used; working units */
    double *shift;      /* [n_iterations] */
    double mean_variance, final_inertia;
    bool has_settled, is_in_tolerance; /* why it ended; neither: the limit */
} reference;

static inline void reference_free(reference *r)
{
    points_free(&r->p);
    free(r->centers);
    free(r->used);
    free(r->labels);
    free(r->owners);
    free(r->distances2);
    free(r->weights);
    free(r->sizes);
    free(r->relabeled);
    free(r->inertia);
    free(r->shift);
}

/* Returns how many labels of samples with weight changed. */
static inline int64_t reference_assign(reference *r)
{
    const points *p = &r->p;
    int64_t changed = 0;
    for (int64_t i = 0; i < r->k * p->d; i++)
        r->used[i] = round_to(p->is_float, r->centers[i]);
    memset(r->weights, 0, (size_t)r->k * sizeof *r->weights);
    memset(r->sizes, 0, (size_t)r->k * sizeof *r->sizes);
    for (int64_t i = 0; i < p->n; i++) {
        int32_t nearest = 0;
        r->distances2[i] = INFINITY;
        for (int64_t c = 0; c < r->k; c++) {
            const double d2 = distance2_of(p, p->x + i * p->d, r->used + c * p->d);
            if (d2 < r->distances2[i]) {
                r->distances2[i] = d2;
                nearest = (int32_t)c;
            }
        }
        changed += p->weights[i] > 0 && nearest != r->labels[i];
        r->labels[i] = r->owners[i] = nearest;
        r->weights[nearest] += p->weights[i];
        r->sizes[nearest]++;
    }
    return changed;
}

static inline double reference_inertia(const reference *r, const double *centers)
{
    const points *p = &r->p;
    long_sum sum = {0, 0};
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t j = 0; j < p->d; j++) {
            const long double x = p->x[i * p->d + j], c = centers[r->labels[i] * p->d + j];
            add_to(&sum, p->weights[i] > 0 ? p->weights[i] * (x - c) * (x - c) : 0);
        }
    return (double)value_of(&sum);
}

/* The sample that an empty cluster takes: the farthest from its center that leaves weight behind,
 * the first of equals; -1 if there is none. */
static inline int64_t find_donor(const reference *r)
{
    int64_t farthest = -1;
    double largest = 0;
    for (int64_t i = 0; i < r->p.n; i++)
        if (r->p.weights[i] > 0 && r->weights[r->owners[i]] > r->p.weights[i] &&
            r->owners[i] == r->labels[i] && r->distances2[i] > largest) {
            largest = r->distances2[i];
            farthest = i;
        }
    return farthest;
}

static inline void reference_refill(reference *r)
{
    r->n_refilled = 0;
    for (int32_t c = 0; c < r->k; c++) {
        const int64_t i = r->weights[c] == 0 ? find_donor(r) : -1;
        if (i < 0)
            continue;
        r->weights[r->owners[i]] -= r->p.weights[i];
        r->weights[c] = r->p.weights[i];
        r->sizes[r->owners[i]]--;
        r->sizes[c]++;
        r->owners[i] = c;
        r->n_refilled++;
    }
}

/* Returns the sum of the squared shifts. */
static inline double reference_update(reference *r)
{
    const points *p = &r->p;
    double shift = 0;
    for (int64_t c = 0; c < r->k; c++)
        for (int64_t j = 0; j < p->d && r->weights[c] > 0; j++) {
            long_sum sum = {0, 0};
            for (int64_t i = 0; i < p->n; i++)
                if (r->owners[i] == c && p->weights[i] > 0)
                    add_to(&sum, (long double)p->weights[i] * p->x[i * p->d + j]);
            double *center = &r->centers[c * p->d + j];
            const double mean = (double)(value_of(&sum) / r->weights[c]);
            shift += (mean - *center) * (mean - *center);
            *center = mean;
        }
    return shift;
}

/* The mean over the points of (x - center)^power of a feature, power 1 or 2. */
static inline long double moment_of(const points *p, int64_t feature, long double center, int power)
{
    long_sum sum = {0, 0}, weight = {0, 0};
    for (int64_t i = 0; i < p->n; i++)
        if (p->weights[i] > 0) {
            const long double x = p->x[i * p->d + feature] - center;
            add_to(&sum, p->weights[i] * (power == 1 ? x : x * x));
            add_to(&weight, p->weights[i]);
        }
    return value_of(&sum) / value_of(&weight);
}

static inline double mean_variance_of(const points *p)
{
    long double sum = 0;
    for (int64_t j = 0; j < p->d; j++)
        sum += moment_of(p, j, moment_of(p, j, 0, 1), 2);
    return (double)(sum / p->d);
}

static inline reference reference_create(points p, int64_t k, const double *first, int64_t most)
{
    reference r = {.p = p, .k = k};
    r.centers = mock_memory(k * p.d, sizeof *r.centers);
    r.used = mock_memory(k * p.d, sizeof *r.used);
    r.labels = mock_memory(p.n, sizeof *r.labels);
    r.owners = mock_memory(p.n, sizeof *r.owners);
    r.distances2 = mock_memory(p.n, sizeof *r.distances2);
    r.weights = mock_memory(k, sizeof *r.weights);
    r.sizes = mock_memory(k, sizeof *r.sizes);
    r.relabeled = mock_memory(most, sizeof *r.relabeled);
    r.inertia = mock_memory(most, sizeof *r.inertia);
    r.shift = mock_memory(most, sizeof *r.shift);
    r.mean_variance = mean_variance_of(&p);
    memcpy(r.centers, first, (size_t)(k * p.d) * sizeof *first);
    memset(r.labels, 0xff, (size_t)p.n * sizeof *r.labels);
    return r;
}

/* Fits until no label changes, the shift is at most the tolerance times the mean variance, or
 * `most` iterations; takes over the points. */
static inline reference reference_fit(points p, int64_t k, const double *first, int64_t most,
                                      double tolerance)
{
    reference r = reference_create(p, k, first, most);
    bool is_over = false;
    while (!is_over && r.n_iterations < most) {
        const int64_t now = r.n_iterations++;
        r.relabeled[now] = reference_assign(&r);
        r.inertia[now] = reference_inertia(&r, r.used);
        reference_refill(&r);
        r.shift[now] = reference_update(&r);
        r.has_settled = r.n_refilled == 0 && r.relabeled[now] == 0;
        r.is_in_tolerance = r.n_refilled == 0 && !r.has_settled && tolerance > 0 &&
                            r.shift[now] <= tolerance * r.mean_variance;
        is_over = r.has_settled || r.is_in_tolerance;
    }
    reference_assign(&r);
    r.final_inertia = reference_inertia(&r, r.centers);
    for (int64_t c = 0; c < k; c++)
        r.n_empty += r.weights[c] == 0;
    return r;
}

#endif
