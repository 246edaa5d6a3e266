/* Prices that bring clusters to the wanted sizes, while centers stand. They are where a concave
 * function has its summit (Aurenhammer, Hoffmann & Aronov 1998). It has kinks, so rows first belong
 * to several clusters in part, by a temperature; Newton's method finds the summit of the smoother
 * function, and starts again from there at a lower temperature (Kitagawa, Merigot & Thibert 2019,
 * doi:10.4171/JEMS/889; Schmitzer 2019, doi:10.1137/16M1106018). */
#include "base/functions.h"
#include "fit/balance.h"

#include <math.h>
#include <string.h>

/* Temperatures are in units of the usual spread of clusters. Some are much wider or narrower: at
 * the highest one all clusters near and far share rows, at the lowest one only the closest. */
static const double HOTTEST = 1e6, WARM = 0.25, COLDEST = 1e-6, COOLING = 4;

static void set_temperature(km_balancing *b, double temperature)
{
    km_soft *soft = &b->soft;
    soft->temperature = temperature * b->scale;
    soft->stride = temperature > 2 ? 16 : temperature > 0.2 ? 4 : 1;
    soft->n_rows = (b->rows.samples.n_samples + soft->stride - 1) / soft->stride;
}

double km_balance_largest_deviation(const km_balancing *b, const double *sizes,
                                    const double *wanted)
{
    double largest = 0;
    for (int64_t c = 0; c < b->k; c++)
        largest = fmax(largest, fabs(sizes[c] / wanted[c] - 1));
    return largest;
}

static double smallest_count(const km_balancing *b)
{
    double smallest = INFINITY;
    for (int64_t c = 0; c < b->k; c++)
        smallest = fmin(smallest, b->counts[c] / b->wanted[c]);
    return smallest;
}

void km_balance_scale_wanted(km_balancing *b)
{
    double sum = 0;
    for (int64_t c = 0; c < b->k; c++)
        sum += b->wanted[c];
    for (int64_t c = 0; c < b->k; c++)
        b->wanted[c] *= b->total / sum;
}

/* ---- Newton's step --------------------------------------------------------------------------- */

/* What is added to the diagonal of H: with a damping of 1 the steps are as short as if each price
 * saw its own count alone (Levenberg 1944; Sinkhorn 1967). */
static double damping_of(const km_balancing *b, int64_t c, double damping)
{
    return damping * fmax(b->counts[c], 0.01 * b->wanted[c]) / b->soft.temperature;
}

/* Solves (H + damping) x = r by conjugate gradients (Hestenes & Stiefel 1952), preconditioned by
 * the diagonal. r is overwritten. */
static void solve_damped(const km_balancing *b, double damping, double *r, double *x)
{
    enum { MOST_STEPS = 100 };
    const int64_t k = b->k;
    double *diagonal = b->solving + k, *p = b->solving + 2 * k, *q = b->solving + 3 * k, rz = 0;
    km_balance_diagonal(b, diagonal);
    for (int64_t c = 0; c < k; c++) {
        diagonal[c] += damping_of(b, c, damping);
        x[c] = 0;
        p[c] = r[c] / diagonal[c];
        rz += r[c] * p[c];
    }
    const double enough = 1e-4 * rz; /* of the square of the residual */
    for (int step = 0; step < MOST_STEPS && rz > enough; step++) {
        double pq = 0;
        km_balance_multiply(b, p, q);
        for (int64_t c = 0; c < k; c++) {
            q[c] += damping_of(b, c, damping) * p[c];
            pq += p[c] * q[c];
        }
        const double alpha = rz / pq, before = rz;
        rz = 0;
        for (int64_t c = 0; c < k; c++) {
            x[c] += alpha * p[c];
            r[c] -= alpha * q[c];
            rz += r[c] * r[c] / diagonal[c];
        }
        for (int64_t c = 0; c < k; c++)
            p[c] = r[c] / diagonal[c] + rz / before * p[c];
    }
}

/* The direction of Newton's step for the logarithms of counts, which are nearly linear in prices
 * where counts are not: a count falls by a constant factor for each temperature that its price
 * rises (Sinkhorn 1967). Returns how fast the function rises along it. */
static double find_direction(km_balancing *b, double damping)
{
    double *r = b->solving, rise = 0, sum = 0, counts = 0;
    for (int64_t c = 0; c < b->k; c++) {
        const double count = fmax(b->counts[c], 1e-9 * b->wanted[c]);
        r[c] = count * km_log(count / b->wanted[c]);
        sum += r[c];
        counts += count;
    }
    for (int64_t c = 0; c < b->k; c++)
        r[c] -= sum / counts * b->counts[c];
    solve_damped(b, damping, r, b->direction);
    for (int64_t c = 0; c < b->k; c++)
        rise += b->direction[c] * (b->counts[c] - b->wanted[c]);
    return rise;
}

/* A step, damped till it leads up and leaves no cluster nearly empty. False if none does. */
static bool step_up(km_balancing *b, double *damping, double *function, double *centers)
{
    const double least = 1e-6, most = 1, fewest = fmin(0.02, smallest_count(b) / 2);
    for (; *damping <= most; *damping *= 10) {
        const double rise = find_direction(b, *damping);
        for (int64_t c = 0; c < b->k; c++)
            b->trial[c] = b->prices[c] + b->direction[c];
        const double value = km_balance_count_softly(b, b->trial, centers);
        if (value >= *function + 0.01 * rise && smallest_count(b) >= fewest) {
            memcpy(b->prices, b->trial, (size_t)b->k * sizeof *b->prices);
            *damping = fmax(least, *damping / 10);
            *function = value;
            return true;
        }
        km_balance_count_softly(b, b->prices, centers);
    }
    return false;
}

/* ---- the summit ------------------------------------------------------------------------------ */

double km_balance_climb(km_balancing *b, double temperature, double enough, double *centers)
{
    enum { MOST_STEPS = 12, MOST_VAIN_STEPS = 4 }; /* equal rows may not let counts come nearer */
    const double nearer = 0.9;
    set_temperature(b, temperature);
    double damping = 1e-4, value = km_balance_count_softly(b, b->prices, centers);
    double off = km_balance_largest_deviation(b, b->counts, b->wanted), least = off;
    for (int i = 0, n_vain = 0; i < MOST_STEPS && n_vain < MOST_VAIN_STEPS && off > enough &&
                                step_up(b, &damping, &value, centers);
         i++) {
        off = km_balance_largest_deviation(b, b->counts, b->wanted);
        n_vain = off < nearer * least ? 0 : n_vain + 1;
        least = fmin(least, off);
    }
    return off;
}

/* The same by way of higher temperatures, if the summit is too far to be found at once. */
static void climb_from_afar(km_balancing *b, double temperature, double enough, double *centers)
{
    const double heating = 16, far = 0.5;
    double now = temperature;
    while (km_balance_climb(b, now, enough, centers) > far && now < HOTTEST)
        now = fmin(HOTTEST, heating * now);
    while (now > temperature) {
        now = fmax(temperature, now / COOLING);
        km_balance_climb(b, now, enough, centers);
    }
}

double km_balance_find_prices(km_balancing *b, double *centers)
{
    const double enough = 0.1, enough_softly = 0.03;
    double off = INFINITY;
    km_balance_read_prices(b, centers, b->prices);
    climb_from_afar(b, WARM, enough_softly, centers);
    for (double t = WARM / COOLING; t >= COLDEST && off > enough; t /= COOLING) {
        km_balance_climb(b, t, enough_softly, centers);
        km_balance_place_heights(b, b->prices, centers);
        km_balance_look(b, centers);
        km_balance_measure_spreads(b);
        off = km_balance_largest_deviation(b, b->counts, b->wanted);
    }
    return off;
}

/* The highest temperature at which parts of rows sum to the sizes of clusters, but for such a part
 * of the targets. Counts softly by it. */
static double choose_temperature(km_balancing *b, double enough, double *centers)
{
    double t = 4 * WARM, off = INFINITY;
    while (t > COLDEST && off > enough) {
        t /= COOLING;
        set_temperature(b, t);
        km_balance_count_softly(b, b->prices, centers);
        off = 0;
        for (int64_t c = 0; c < b->k; c++)
            off = fmax(off, fabs(b->counts[c] - b->sizes[c]) / b->targets[c]);
    }
    return t;
}

/* What the sample is to count, so that all rows come nearer to the targets by a part of the way. */
static void want_corrections(km_balancing *b, double part)
{
    for (int64_t c = 0; c < b->k; c++)
        b->wanted[c] =
            fmax(0.05 * b->targets[c], b->counts[c] + part * (b->targets[c] - b->sizes[c]));
    km_balance_scale_wanted(b);
}

/* One step of Newton's without looking where it leads, which the next assignment of all rows tells.
 * False if that is too far to trust it. */
static bool step_blindly(km_balancing *b, double *centers)
{
    const double near = 0.3, farthest = 16 * b->soft.temperature;
    km_balance_count_again(b, b->prices, centers);
    if (km_balance_largest_deviation(b, b->counts, b->wanted) > near)
        return false;
    find_direction(b, 1e-4);
    for (int64_t c = 0; c < b->k; c++)
        if (fabs(b->direction[c]) > farthest)
            return false;
    for (int64_t c = 0; c < b->k; c++)
        b->prices[c] += b->direction[c];
    return true;
}

void km_balance_correct_prices(km_balancing *b, const double *used, double *centers)
{
    const double off = km_balance_largest_deviation(b, b->sizes, b->targets);
    km_balance_read_prices(b, used, b->prices);
    memcpy(b->means, used, (size_t)(b->k * b->n_values) * sizeof *used);
    const double t = choose_temperature(b, 0.15, b->means);
    want_corrections(b, 0.6); /* or what the sample is wrong about could swing */
    if (!step_blindly(b, centers))
        climb_from_afar(b, t, fmax(0.003, fmin(0.03, off / 3)), centers);
    km_balance_center_fields(b, centers, b->prices);
    km_balance_place_heights(b, b->prices, centers);
}

void km_balance_correct_standing(km_balancing *b, double *centers)
{
    const double far = 0.1; /* where rows that change clusters are many enough to be counted */
    const double off = km_balance_largest_deviation(b, b->sizes, b->targets);
    km_balance_read_prices(b, centers, b->prices);
    const double t = choose_temperature(b, off > far ? 0.02 : 0.15, centers);
    want_corrections(b, 1);
    if (off > far || !step_blindly(b, centers))
        climb_from_afar(b, t, fmax(0.002, fmin(0.03, off / 10)), centers);
    km_balance_center_fields(b, centers, b->prices);
}
