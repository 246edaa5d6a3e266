#include "mock.h"
#include "mpi_check.h"

#include "skymeans/samples.h"

#include <float.h>

static const char *const NAMES[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

static double rounded(km_precision precision, double value)
{
    return precision == KM_FLOAT32 ? (double)(float)value : value;
}

static bool is_same(const double *a, const double *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

/* ---- filling and reading -------------------------------------------------------------------- */

/* The rows of a slab that are used, ascending; returns how many. */
static int64_t used_rows(const mock *data, km_rows slab, int64_t *rows)
{
    int64_t count = 0;
    for (int64_t i = slab.first; i < slab.first + slab.count; i++)
        if (!data->is_missing[i])
            rows[count++] = i;
    return count;
}

static void check_block(const km_samples *samples, const mock *data, int64_t block,
                        const int64_t *used)
{
    const int64_t left = samples->n_samples - block * KM_BLOCK;
    const int lanes = km_samples_lanes(samples, block);
    ck_assert_int_eq(lanes, left < KM_BLOCK ? left : KM_BLOCK);
    for (int l = 0; l < lanes; l++)
        ck_assert_int_eq(km_samples_row(samples, block * KM_BLOCK + l), used[block * KM_BLOCK + l]);
    for (int64_t j = 0; j < data->d; j++) {
        double values[KM_BLOCK];
        km_samples_load(samples, block, j, values);
        for (int l = 0; l < KM_BLOCK; l++) { /* padding repeats the last sample */
            const int64_t row = used[block * KM_BLOCK + (l < lanes ? l : lanes - 1)];
            ck_assert(values[l] == rounded(samples->precision, data->values[row * data->d + j]));
        }
    }
}

static void check_samples(const km_samples *samples, const mock *data)
{
    int64_t *used = mock_memory(data->n, sizeof *used);
    const int64_t count = used_rows(data, samples->slab, used);
    ck_assert_int_eq(samples->n_samples, count);
    ck_assert_int_eq(samples->n_blocks, (count + KM_BLOCK - 1) / KM_BLOCK);
    for (int64_t b = 0; b < samples->n_blocks; b++)
        check_block(samples, data, b, used);
    for (int64_t i = 0; i < count; i += 7) {
        double values[8];
        km_samples_get(samples, i, values);
        for (int64_t j = 0; j < data->d; j++)
            ck_assert(values[j] ==
                      rounded(samples->precision, data->values[used[i] * data->d + j]));
    }
    free(used);
}

START_TEST(samples_are_the_used_rows_in_order)
{
    for (int p = 0; p < 2; p++)
        for (int64_t n = 1; n <= 1000; n = 3 * n - n / 2) {
            mock data = mock_mixture(n, 3, 4, 1);
            for (int drop = 0; drop < 2; drop++) {
                if (drop)
                    mock_drop_rows(&data);
                km_samples samples = mock_samples_as_read(&data, BOTH[p], MPI_COMM_WORLD);
                check_samples(&samples, &data);
                km_samples_free(&samples);
            }
            mock_free(&data);
        }
}
END_TEST

/* Appends in pieces of the given size, column by column instead of row by row. */
static km_samples append_columns(const mock *data, int64_t piece)
{
    km_samples samples;
    km_error error = {0};
    double *columns = mock_memory(data->n * data->d, sizeof *columns);
    km_values features[8];
    ck_assert(km_samples_create(&samples, KM_FLOAT64, data->d, data->weights != NULL,
                                (km_rows){128, data->n}, &error) == KM_OK);
    for (int64_t i = 0; i < data->n * data->d; i++)
        columns[i % data->d * data->n + i / data->d] = data->values[i];
    for (int64_t done = 0; done < data->n; done += piece) {
        for (int64_t j = 0; j < data->d; j++)
            features[j] = (km_values){columns + j * data->n + done, 1};
        km_samples_append(&samples, data->n - done < piece ? data->n - done : piece, features,
                          data->weights != NULL ? data->weights + done : NULL,
                          data->is_missing + done);
    }
    free(columns);
    return samples;
}

START_TEST(pieces_of_any_size_give_the_same_samples)
{
    mock data = mock_mixture(300, 2, 4, 2);
    mock_drop_rows(&data);
    for (int64_t i = 100; i < 180; i++)
        data.is_missing[i] = 1; /* more than a block of them */
    km_samples whole = append_columns(&data, data.n);
    for (int64_t piece = 1; piece < 140; piece += 9) {
        km_samples other = append_columns(&data, piece);
        ck_assert_int_eq(other.n_samples, whole.n_samples);
        ck_assert(memcmp(other.values, whole.values,
                         (size_t)(whole.n_blocks * whole.n_features * KM_BLOCK) * sizeof(double)) ==
                  0);
        ck_assert(memcmp(other.rows, whole.rows, (size_t)whole.n_samples * sizeof *whole.rows) ==
                  0);
        ck_assert_int_ge(km_samples_row(&other, 0), 128);
        km_samples_free(&other);
    }
    km_samples_free(&whole);
    mock_free(&data);
}
END_TEST

START_TEST(all_rows_may_be_missing)
{
    mock data = mock_mixture(200, 2, 2, 3);
    memset(data.is_missing, 1, 200);
    km_samples samples = append_columns(&data, 50);
    ck_assert_int_eq(samples.n_samples, 0);
    ck_assert_int_eq(samples.n_blocks, 0);
    km_samples_free(&samples);
    mock_free(&data);
}
END_TEST

START_TEST(store_rounds_to_the_working_precision)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_mixture(KM_BLOCK, 2, 2, 4);
        km_samples samples = mock_samples(&data, BOTH[p], MPI_COMM_SELF);
        double values[KM_BLOCK], read[KM_BLOCK], untouched[KM_BLOCK], after[KM_BLOCK];
        km_samples_load(&samples, 0, 0, untouched);
        for (int l = 0; l < KM_BLOCK; l++)
            values[l] = 1.0 / (3 + l);
        km_samples_store(&samples, 0, 1, values);
        km_samples_load(&samples, 0, 1, read);
        km_samples_load(&samples, 0, 0, after);
        for (int l = 0; l < KM_BLOCK; l++)
            ck_assert(read[l] == rounded(BOTH[p], values[l]));
        ck_assert(is_same(untouched, after, KM_BLOCK));
        km_samples_free(&samples);
        mock_free(&data);
    }
}
END_TEST

START_TEST(select_copies_the_chosen)
{
    const int64_t chosen[] = {0, 1, 63, 64, 65, 127, 128, 199};
    mock data = mock_mixture(200, 3, 2, 5);
    for (int p = 0; p < 2; p++)
        for (int64_t n_chosen = 0; n_chosen <= 8; n_chosen += 4) {
            km_error error = {0};
            km_samples samples = mock_samples(&data, BOTH[p], MPI_COMM_SELF), selected;
            ck_assert(km_samples_select(&samples, chosen, n_chosen, &selected, &error) == KM_OK);
            ck_assert_int_eq(selected.n_samples, n_chosen);
            for (int64_t i = 0; i < n_chosen; i++) {
                double right[3], found[3];
                km_samples_get(&samples, chosen[i], right);
                km_samples_get(&selected, i, found);
                ck_assert(is_same(right, found, 3));
            }
            km_samples_free(&selected);
            km_samples_free(&samples);
        }
    mock_free(&data);
}
END_TEST

START_TEST(samples_that_do_not_fit_are_an_error)
{
    km_samples samples;
    km_error error = {0};
    ck_assert(km_samples_create(&samples, KM_FLOAT64, INT64_MAX / 4096, false, (km_rows){0, 1000},
                                &error) == KM_MEMORY);
    ck_assert_ptr_null(samples.values);
    ck_assert_ptr_nonnull(strstr(error.text, "samples"));
    error = (km_error){0};
    ck_assert(km_samples_create(&samples, KM_FLOAT64, 2, false, (km_rows){0, INT64_MAX / 2},
                                &error) == KM_MEMORY);
    ck_assert_ptr_null(samples.values);
    ck_assert_ptr_nonnull(strstr(error.text, "use more ranks"));
}
END_TEST

/* ---- facts ---------------------------------------------------------------------------------- */

static km_facts facts_of(const mock *data, km_precision precision, MPI_Comm comm)
{
    km_samples samples = mock_samples(data, precision, comm);
    km_facts facts = mock_facts(&samples, comm);
    km_samples_free(&samples);
    return facts;
}

/* Mean and variance of a feature over the used rows, in two passes, relative to one of its values.
 */
static void plain_moments(const mock *data, km_precision precision, int64_t j, long double *mean,
                          long double *variance)
{
    const long double base = rounded(precision, data->values[77 * data->d + j]);
    *mean = *variance = 0;
    for (int pass = 0; pass < 2; pass++) {
        long double sum = 0;
        int64_t n = 0;
        for (int64_t i = 0; i < data->n; i++) {
            if (data->is_missing[i])
                continue;
            const long double value = rounded(precision, data->values[i * data->d + j]) - base;
            sum += pass == 0 ? value : (value - *mean) * (value - *mean);
            n++;
        }
        *(pass == 0 ? mean : variance) = sum / n;
    }
    *mean += base;
}

static void check_facts(const km_facts *facts, const mock *data, km_precision precision)
{
    double squares = 0;
    for (int64_t j = 0; j < data->d; j++) {
        double lowest = INFINITY, highest = -INFINITY;
        long double mean, variance;
        for (int64_t i = 0; i < data->n; i++)
            if (!data->is_missing[i]) {
                const double value = rounded(precision, data->values[i * data->d + j]);
                lowest = fmin(lowest, value);
                highest = fmax(highest, value);
            }
        plain_moments(data, precision, j, &mean, &variance);
        ck_assert(facts->lowest[j] == lowest && facts->highest[j] == highest);
        ck_assert_double_le(fabs(facts->mean[j] - (double)mean),
                            4 * DBL_EPSILON * fmax(fabs((double)mean), highest - lowest));
        ck_assert_double_le(fabs(facts->variance[j] - (double)variance), 1e-12 * (double)variance);
        const double pull = (double)(mean - (long double)(lowest / 2 + highest / 2));
        squares += (double)facts->n_samples * ((double)variance + pull * pull);
    }
    ck_assert_double_le(fabs(facts->squares.high - squares), 1e-9 * squares);
}

static int64_t n_used(const mock *data)
{
    int64_t n = data->n;
    for (int64_t i = 0; i < data->n; i++)
        n -= data->is_missing[i];
    return n;
}

START_TEST(facts_are_right)
{
    const mock_kind kinds[] = {MOCK_CONSTANT, MOCK_OFFSET, MOCK_OUTLIER, MOCK_WIDE, MOCK_LATTICE};
    for (int i = 0; i < 5; i++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_hostile(kinds[i], 3000, 3);
            mock_drop_rows(&data);
            data.is_missing[77] = 0;
            km_facts facts = facts_of(&data, BOTH[p], MPI_COMM_WORLD);
            ck_assert_int_eq(facts.n_samples, n_used(&data));
            check_facts(&facts, &data, BOTH[p]);
            km_facts_free(&facts);
            mock_free(&data);
        }
}
END_TEST

/* The mean of an offset feature, whose spread one pass over squares would lose in double. */
START_TEST(variance_survives_an_offset)
{
    mock data = mock_hostile(MOCK_OFFSET, 5000, 1);
    km_facts facts = facts_of(&data, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert_double_le(fabs(sqrt(facts.variance[0]) - 1e-3), 1e-4);
    km_facts_free(&facts);
    mock_free(&data);
}
END_TEST

START_TEST(a_constant_feature_has_no_variance)
{
    mock data = mock_hostile(MOCK_CONSTANT, 1000, 2);
    km_facts facts = facts_of(&data, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert(facts.variance[0] == 0);
    ck_assert(facts.mean[0] == 7.3);
    km_facts_free(&facts);
    mock_free(&data);
}
END_TEST

START_TEST(facts_have_the_same_bits_for_all_partitions)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (int p = 0; p < 2; p++) {
            mock data = mock_hostile(kind, 2500, 3);
            mock_drop_rows(&data);
            if (kind == MOCK_DENORMAL && BOTH[p] == KM_FLOAT32)
                memset(data.is_missing, 0, (size_t)data.n);
            km_facts alone = facts_of(&data, BOTH[p], MPI_COMM_SELF);
            km_facts together = facts_of(&data, BOTH[p], MPI_COMM_WORLD);
            ck_assert_all(alone.n_samples == together.n_samples);
            ck_assert_all(is_same(alone.lowest, together.lowest, data.d));
            ck_assert_all(is_same(alone.highest, together.highest, data.d));
            ck_assert_all(is_same(alone.mean, together.mean, data.d));
            ck_assert_all(is_same(alone.variance, together.variance, data.d));
            ck_assert_all(memcmp(&alone.squares, &together.squares, sizeof alone.squares) == 0);
            for (int64_t j = 0; j < data.d; j++)
                ck_assert_all(isfinite(alone.mean[j]) && alone.variance[j] >= 0);
            km_facts_free(&alone);
            km_facts_free(&together);
            mock_free(&data);
        }
}
END_TEST

START_TEST(one_sample_has_facts)
{
    mock data = mock_hostile(MOCK_WIDE, 1, 4);
    km_facts facts = facts_of(&data, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert_int_eq(facts.n_samples, 1);
    for (int64_t j = 0; j < 4; j++)
        ck_assert(facts.mean[j] == data.values[j] && facts.variance[j] == 0);
    km_facts_free(&facts);
    mock_free(&data);
}
END_TEST

/* ---- grids ---------------------------------------------------------------------------------- */

/* Words of the grids of n values in [-1, 1] and [-1, 1] with these standard deviations. */
static int words_for(int64_t n, double sigma_0, double sigma_1, km_precision precision)
{
    double lowest[] = {-1, -1}, highest[] = {1, 1}, mean[] = {0, 0};
    double deviation[] = {sigma_0, sigma_1};
    const km_facts facts = {.n_samples = n,
                            .weight = n,
                            .n_features = 2,
                            .lowest = lowest,
                            .highest = highest,
                            .mean = mean,
                            .deviation = deviation};
    km_error error = {0};
    km_grid *grids = km_facts_choose_grids(&facts, precision, &error);
    ck_assert_ptr_nonnull(grids);
    const int n_words = grids[0].n_words;
    ck_assert_int_eq(grids[1].n_words, n_words);
    const double epsilon = precision == KM_FLOAT32 ? 0x1p-24 : 0x1p-53;
    for (int j = 0; j < 2; j++)
        if (n_words == 1 && deviation[j] > 0)
            ck_assert_double_le(grids[j].unit, epsilon * deviation[j]);
    free(grids);
    return n_words;
}

START_TEST(grids_have_one_word_where_it_is_fine_enough)
{
    ck_assert_int_eq(words_for(1000000, 0.5, 0.5, KM_FLOAT32), 1);
    ck_assert_int_eq(words_for(1000000, 0.5, 0.5, KM_FLOAT64), 2);
    ck_assert_int_eq(words_for(50, 0.5, 0.5, KM_FLOAT64), 1);
    ck_assert_int_eq(words_for(50, 0.5, 1e-4, KM_FLOAT64), 2); /* one feature is enough */
    ck_assert_int_eq(words_for((int64_t)1 << 40, 0.5, 0.5, KM_FLOAT32), 2);
    ck_assert_int_eq(words_for(50, 0.5, 0, KM_FLOAT64), 1); /* constant: exact anyway */
}
END_TEST

/* 1e15 among 1.8e9 ones: one word would have a unit of 5e5. */
START_TEST(an_outlier_asks_for_two_words)
{
    const int64_t n = 1800000000;
    double lowest = 1, highest = 1e15, mean = 1e15 / (double)n;
    double deviation = 1e15 / sqrt((double)n);
    const km_facts facts = {.n_samples = n,
                            .weight = n,
                            .n_features = 1,
                            .lowest = &lowest,
                            .highest = &highest,
                            .mean = &mean,
                            .deviation = &deviation};
    km_error error = {0};
    km_grid *grids = km_facts_choose_grids(&facts, KM_FLOAT64, &error);
    ck_assert_int_eq(grids[0].n_words, 2);
    ck_assert_double_lt(grids[0].unit, 1e-6);
    free(grids);
}
END_TEST

/* ---- scaling -------------------------------------------------------------------------------- */

typedef struct scaled {
    km_samples samples;
    km_transform transform;
    km_code code;
    km_error error;
} scaled;

static scaled scale(const mock *data, km_scaling scaling, km_precision precision, MPI_Comm comm)
{
    scaled s = {.samples = mock_samples(data, precision, comm)};
    s.code = km_transform_apply(&s.transform, scaling, &s.samples, NAMES, comm, &s.error);
    return s;
}

static void scaled_free(scaled *s)
{
    if (s->code == KM_OK)
        km_transform_free(&s->transform);
    km_samples_free(&s->samples);
}

/* Facts of samples after scaling. */
static km_facts scaled_facts(const scaled *s, MPI_Comm comm)
{
    return mock_facts(&s->samples, comm);
}

START_TEST(standard_has_mean_0_and_variance_1)
{
    mock data = mock_mixture(2000, 3, 5, 6);
    for (int p = 0; p < 2; p++) {
        scaled s = scale(&data, KM_SCALE_STANDARD, BOTH[p], MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        km_facts facts = scaled_facts(&s, MPI_COMM_WORLD);
        const double allowed = BOTH[p] == KM_FLOAT32 ? 1e-6 : 1e-13;
        for (int64_t j = 0; j < 3; j++) {
            ck_assert_double_le(fabs(ldexp(facts.mean[j], s.transform.exponent)), allowed);
            ck_assert_double_le(fabs(ldexp(facts.variance[j], 2 * s.transform.exponent) - 1),
                                allowed);
        }
        km_facts_free(&facts);
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

START_TEST(minmax_goes_from_0_to_1)
{
    mock data = mock_hostile(MOCK_OFFSET, 2000, 3);
    scaled s = scale(&data, KM_SCALE_MINMAX, KM_FLOAT64, MPI_COMM_WORLD);
    ck_assert_all(s.code == KM_OK);
    km_facts facts = scaled_facts(&s, MPI_COMM_WORLD);
    for (int64_t j = 0; j < 3; j++) {
        ck_assert(facts.lowest[j] == 0);
        ck_assert_double_le(fabs(ldexp(facts.highest[j], s.transform.exponent) - 1), 1e-15);
    }
    km_facts_free(&facts);
    scaled_free(&s);
    mock_free(&data);
}
END_TEST

START_TEST(none_multiplies_by_a_power_of_two_only)
{
    mock data = mock_mixture(500, 2, 5, 7);
    scaled s = scale(&data, KM_SCALE_NONE, KM_FLOAT32, MPI_COMM_SELF);
    ck_assert(s.code == KM_OK);
    for (int64_t i = 0; i < data.n; i++) {
        double values[2];
        km_samples_get(&s.samples, i, values);
        for (int64_t j = 0; j < 2; j++)
            ck_assert(ldexp(values[j], s.transform.exponent) ==
                      (double)(float)data.values[2 * i + j]);
    }
    scaled_free(&s);
    mock_free(&data);
}
END_TEST

START_TEST(a_constant_feature_has_factor_1)
{
    mock data = mock_hostile(MOCK_CONSTANT, 500, 2);
    for (km_scaling scaling = KM_SCALE_STANDARD; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        ck_assert(s.transform.factor[0] == 1 && s.transform.offset[0] == 7.3);
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

/* The largest range of all features after scaling, in working units. */
static double largest_range(const scaled *s, MPI_Comm comm)
{
    km_facts facts = scaled_facts(s, comm);
    double largest = 0;
    for (int64_t j = 0; j < facts.n_features; j++)
        largest = fmax(largest, facts.highest[j] - facts.lowest[j]);
    km_facts_free(&facts);
    return largest;
}

START_TEST(the_largest_range_comes_into_1_to_2)
{
    const double sizes[] = {1, 1e30, 1e-30, 1e-40, 1e-310, 1e300, 3e-323};
    for (int i = 0; i < 7; i++)
        for (int p = 0; p < 2; p++) {
            if (BOTH[p] == KM_FLOAT32 && (sizes[i] < 1e-44 || sizes[i] > 1e38))
                continue;
            mock data = mock_mixture(300, 2, 5, 8);
            for (int64_t v = 0; v < 600; v++)
                data.values[v] *= sizes[i];
            scaled s = scale(&data, KM_SCALE_NONE, BOTH[p], MPI_COMM_WORLD);
            ck_assert_all(s.code == KM_OK);
            const double range = largest_range(&s, MPI_COMM_WORLD);
            ck_assert_msg(1 <= range && range < 2, "size %g, precision %d: range is %g", sizes[i],
                          p, range);
            scaled_free(&s);
            mock_free(&data);
        }
}
END_TEST

/* A feature without range must not overflow beside one of tiny range. */
START_TEST(a_large_constant_stays_finite)
{
    for (int p = 0; p < 2; p++) {
        mock data = mock_create(200, 2);
        for (int64_t i = 0; i < 200; i++) {
            data.values[2 * i] = BOTH[p] == KM_FLOAT32 ? 1e30 : 1e300;
            data.values[2 * i + 1] = (BOTH[p] == KM_FLOAT32 ? 1e-30 : 1e-300) * (double)i;
        }
        scaled s = scale(&data, KM_SCALE_NONE, BOTH[p], MPI_COMM_SELF);
        ck_assert(s.code == KM_OK);
        double values[2];
        km_samples_get(&s.samples, 199, values);
        ck_assert(isfinite(values[0] * values[0]) && isfinite(values[1]));
        scaled_free(&s);
        mock_free(&data);
    }
}
END_TEST

START_TEST(centers_are_scaled_like_samples)
{
    mock data = mock_hostile(MOCK_OUTLIER, 400, 3);
    for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        double centers[6], working[3];
        memcpy(centers, data.values, sizeof centers);
        km_transform_centers(&s.transform, centers, 2);
        if (km_comm_rank(MPI_COMM_WORLD) == 0) { /* it has row 0: the same values as the sample */
            int64_t *sorted = mock_by_row(&s.samples);
            km_samples_get(&s.samples, sorted[0], working);
            ck_assert(is_same(working, centers, 3));
            free(sorted);
        }
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

START_TEST(centers_go_there_and_back)
{
    mock data = mock_mixture(400, 3, 4, 9);
    for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_OK);
        double centers[30];
        memcpy(centers, data.values, sizeof centers);
        km_transform_centers(&s.transform, centers, 10);
        km_untransform_centers(&s.transform, centers, 10);
        for (int i = 0; i < 30; i++)
            ck_assert_double_le(fabs(centers[i] - data.values[i]), 1e-15);
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

START_TEST(scaling_has_the_same_bits_for_all_partitions)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
            mock data = mock_hostile(kind, 1000, 3);
            scaled alone = scale(&data, scaling, KM_FLOAT64, MPI_COMM_SELF);
            scaled together = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
            ck_assert_all(alone.code == KM_OK && together.code == KM_OK);
            ck_assert(alone.transform.exponent == together.transform.exponent);
            ck_assert(is_same(alone.transform.offset, together.transform.offset, 3));
            ck_assert(is_same(alone.transform.factor, together.transform.factor, 3));
            for (int64_t i = 0; i < together.samples.n_samples; i++) {
                double a[3], b[3];
                km_samples_get(&alone.samples, km_samples_row(&together.samples, i), a);
                km_samples_get(&together.samples, i, b);
                ck_assert(is_same(a, b, 3));
            }
            scaled_free(&alone);
            scaled_free(&together);
            mock_free(&data);
        }
}
END_TEST

START_TEST(a_range_that_overflows_names_its_column)
{
    mock data = mock_mixture(300, 3, 2, 10);
    data.values[3 * 10 + 1] = -1.7e308;
    data.values[3 * 290 + 1] = 1.7e308; /* on another rank, if there is one */
    for (km_scaling scaling = KM_SCALE_NONE; scaling <= KM_SCALE_MINMAX; scaling++) {
        scaled s = scale(&data, scaling, KM_FLOAT64, MPI_COMM_WORLD);
        ck_assert_all(s.code == KM_DATA);
        ck_assert_ptr_nonnull(strstr(s.error.text, "column b"));
        scaled_free(&s);
    }
    mock_free(&data);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        samples_are_the_used_rows_in_order,
        pieces_of_any_size_give_the_same_samples,
        all_rows_may_be_missing,
        store_rounds_to_the_working_precision,
        select_copies_the_chosen,
        samples_that_do_not_fit_are_an_error,
        facts_are_right,
        variance_survives_an_offset,
        a_constant_feature_has_no_variance,
        facts_have_the_same_bits_for_all_partitions,
        one_sample_has_facts,
        grids_have_one_word_where_it_is_fine_enough,
        an_outlier_asks_for_two_words,
        standard_has_mean_0_and_variance_1,
        minmax_goes_from_0_to_1,
        none_multiplies_by_a_power_of_two_only,
        a_constant_feature_has_factor_1,
        the_largest_range_comes_into_1_to_2,
        a_large_constant_stays_finite,
        centers_are_scaled_like_samples,
        centers_go_there_and_back,
        scaling_has_the_same_bits_for_all_partitions,
        a_range_that_overflows_names_its_column,
    };
    return SUITE_OF("samples", tests);
}
