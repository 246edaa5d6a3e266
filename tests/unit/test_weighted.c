/* Weights from a catalogue: a column that is no feature unless it is named as one. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/precision.h"
#include "catalogue/catalogue.h"

#include <stdio.h>

enum { N = 500, D = 4 };

/* ---- files ---------------------------------------------------------------------------------- */

static void write_column(hid_t file, const mock *data, int column, hid_t type)
{
    double values[N];
    char name[64];
    const hsize_t length = N;
    for (int i = 0; i < N; i++)
        values[i] = data->values[D * i + column];
    snprintf(name, sizeof name, "/table/columns/c%d/data", column);
    mock_write(file, name, type, 1, &length, (mock_storage){{0}, 0}, values);
}

/* Columns c0 to c3 and, or, an array of the same values; c1 has whole numbers from 0 to 4, in a
 * type of its own. By rank 0. */
static void write_file(const char *path, const mock *data, bool is_array, hid_t weight_type)
{
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        const hsize_t shape[2] = {N, D};
        const hid_t file = mock_create_file(path);
        for (int j = 0; j < D && !is_array; j++)
            write_column(file, data, j, j == 1 ? weight_type : H5T_IEEE_F32LE);
        if (is_array)
            mock_write(file, "/values", H5T_IEEE_F32LE, 2, shape, (mock_storage){{0}, 0},
                       data->values);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static mock make_data(void)
{
    mock data = mock_mixture(N, D, 4, 1);
    for (int i = 0; i < N * D; i++)
        data.values[i] = (double)(float)data.values[i];
    for (int i = 0; i < N; i++)
        data.values[D * i + 1] = floor(5 * mock_uniform(2, (uint64_t)i));
    return data;
}

/* Opens, reads and closes. */
static km_code read_file(const km_catalogue_name *name, km_samples *samples, km_error *error)
{
    km_catalogue catalogue;
    km_findings findings;
    *error = (km_error){0};
    *samples = (km_samples){0};
    if (km_catalogue_open(&catalogue, name, MPI_COMM_WORLD, error) == KM_OK) {
        if (km_catalogue_read(&catalogue, KM_MISSING_DROP, NULL, MPI_COMM_WORLD, samples, &findings,
                              error) == KM_OK)
            km_findings_free(&findings);
        km_catalogue_close(&catalogue);
    }
    return error->code;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Do the samples hold these columns of the rows that miss nothing, and column 1 as weights? */
static bool is_right(const km_samples *samples, const mock *data, const int *columns, int count)
{
    int64_t sample = 0;
    bool is_right = samples->n_features == count && samples->weights != NULL;
    for (int64_t row = samples->slab.first; row < samples->slab.first + samples->slab.count;
         row++) {
        double values[D];
        if (data->is_missing[row] || !is_right)
            continue;
        if (sample >= samples->n_samples)
            return false;
        km_samples_get(samples, sample, values);
        is_right = km_samples_row(samples, sample) == row &&
                   samples->weights[sample] == data->values[D * row + 1];
        for (int j = 0; j < count; j++)
            is_right &= values[j] == data->values[D * row + columns[j]];
        sample++;
    }
    return is_right && sample == samples->n_samples;
}

static void check_read(const km_catalogue_name *name, const mock *data, const int *columns,
                       int count)
{
    km_samples samples;
    km_error error;
    read_file(name, &samples, &error);
    ck_assert_msg(error.code == KM_OK, "%s", error.text);
    ck_assert_all(samples.precision == KM_FLOAT32); /* whatever the weights are */
    ck_assert_all(is_right(&samples, data, columns, count));
    km_samples_free(&samples);
}

START_TEST(weights_of_any_type_are_no_features)
{
    const int columns[] = {0, 2, 3};
    const hid_t types[] = {H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_STD_I64LE, H5T_STD_U8LE};
    mock data = make_data();
    for (int i = 0; i < 4; i++) {
        const mock_folder folder = mock_folder_create();
        const km_catalogue_name name = {MOCK_PATH(mock_path(&folder, "a.h5")), .weights = "c1"};
        write_file(name.paths[0], &data, false, types[i]);
        check_read(&name, &data, columns, 3);
        mock_folder_remove(&folder);
    }
    mock_free(&data);
}
END_TEST

START_TEST(weights_may_be_a_column_of_the_array)
{
    const int others[] = {0, 2, 3}, chosen[] = {3, 0};
    const mock_folder folder = mock_folder_create();
    mock data = make_data();
    km_catalogue_name name = {MOCK_PATH(mock_path(&folder, "a.h5")), .weights = "1"};
    write_file(name.paths[0], &data, true, H5T_IEEE_F32LE);
    check_read(&name, &data, others, 3);
    name.columns = "3,0";
    check_read(&name, &data, chosen, 2);
    mock_free(&data);
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(weights_may_be_named_as_a_feature)
{
    const int columns[] = {1, 2};
    const mock_folder folder = mock_folder_create();
    mock data = make_data();
    const km_catalogue_name name = {MOCK_PATH(mock_path(&folder, "a.h5")), .columns = "c1,c2",
                                    .weights = "c1"};
    write_file(name.paths[0], &data, false, H5T_IEEE_F32LE);
    check_read(&name, &data, columns, 2);
    mock_free(&data);
    mock_folder_remove(&folder);
}
END_TEST

/* A row that is not used may weigh what it likes. */
START_TEST(weights_of_missing_rows_do_not_matter)
{
    const int columns[] = {0, 2, 3};
    const mock_folder folder = mock_folder_create();
    mock data = make_data();
    mock_drop_rows(&data);
    for (int i = 0; i < N; i++)
        if (data.is_missing[i]) {
            data.values[D * i + 2] = NAN;
            data.values[D * i + 1] = i % 3 == 0 ? -1 : NAN;
        }
    const km_catalogue_name name = {MOCK_PATH(mock_path(&folder, "a.h5")), .weights = "c1"};
    write_file(name.paths[0], &data, false, H5T_IEEE_F64LE);
    check_read(&name, &data, columns, 3);
    mock_free(&data);
    mock_folder_remove(&folder);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------- */

START_TEST(bad_weights_are_refused_on_all_ranks)
{
    const double bad[] = {-1, -1e-300, NAN, INFINITY};
    for (int i = 0; i < 4; i++) {
        const mock_folder folder = mock_folder_create();
        const km_catalogue_name name = {MOCK_PATH(mock_path(&folder, "a.h5")), .weights = "c1"};
        mock data = make_data();
        km_samples samples;
        km_error error;
        data.values[D * 321 + 1] = bad[i];
        data.values[D * (N - 1) + 1] = -7; /* not the first, maybe of another rank */
        write_file(name.paths[0], &data, false, H5T_IEEE_F64LE);
        read_file(&name, &samples, &error);
        ck_assert_fails(error, KM_DATA, "row 321, column c1");
        ck_assert_all(samples.values == NULL && samples.weights == NULL);
        mock_free(&data);
        mock_folder_remove(&folder);
    }
}
END_TEST

static void check_refused(km_catalogue_name name, const char *weights, km_code code,
                          const char *word)
{
    km_samples samples;
    km_error error;
    const int64_t n_handles = mock_open_handles();
    name.weights = weights;
    read_file(&name, &samples, &error);
    ck_assert_fails(error, code, word);
    ck_assert_int_eq(mock_open_handles(), n_handles);
}

START_TEST(columns_that_can_not_be_weights_are_refused)
{
    const mock_folder folder = mock_folder_create();
    mock data = make_data();
    const km_catalogue_name name = {MOCK_PATH(mock_path(&folder, "a.h5"))};
    write_file(name.paths[0], &data, false, H5T_IEEE_F64LE);
    check_refused(name, "weight", KM_DATA, "weight");
    check_refused(name, "c1,c2", KM_USAGE, "one column");
    mock_free(&data);
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(the_only_column_is_no_weight)
{
    const mock_folder folder = mock_folder_create();
    const km_catalogue_name name = {MOCK_PATH(mock_path(&folder, "a.h5"))};
    const hsize_t length = 7;
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        const hid_t file = mock_create_file(name.paths[0]);
        mock_write_zeros(file, "/t/w", H5T_IEEE_F64LE, 1, &length);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    check_refused(name, "w", KM_DATA, "no feature by default");
    mock_folder_remove(&folder);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        weights_of_any_type_are_no_features,  weights_may_be_a_column_of_the_array,
        weights_may_be_named_as_a_feature,    weights_of_missing_rows_do_not_matter,
        bad_weights_are_refused_on_all_ranks, columns_that_can_not_be_weights_are_refused,
        the_only_column_is_no_weight,
    };
    return SUITE_OF("weighted", tests);
}
