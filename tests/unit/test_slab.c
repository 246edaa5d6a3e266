#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/text.h"
#include "catalogue/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ---------------------------------------------------------------------------------- */

enum { N = 1000, D = 5 };

/* How the values of a catalogue are written. */
typedef struct slab_layout {
    const char *name;
    hid_t type;
    bool is_array; /* else columns as vaex has them */
    mock_storage storage;
} slab_layout;

/* A catalogue of made-up values that rank 0 wrote; all ranks know the values. */
typedef struct written {
    mock_folder folder;
    char path[1024];
    mock data;
    km_precision precision;
} written;

static void write_columns(hid_t file, const slab_layout *layout, const mock *data)
{
    double *column = mock_memory(data->n, sizeof *column);
    for (int64_t j = 0; j < data->d; j++) {
        char name[64];
        const hsize_t length = (hsize_t)data->n;
        for (int64_t i = 0; i < data->n; i++)
            column[i] = data->values[i * data->d + j];
        snprintf(name, sizeof name, "/table/columns/c%d/data", (int)j);
        mock_write(file, name, layout->type, 1, &length, layout->storage, column);
    }
    free(column);
}

static void write_file(const char *path, const slab_layout *layout, const mock *data)
{
    const hsize_t shape[2] = {(hsize_t)data->n, (hsize_t)data->d};
    const hid_t file = mock_create_file(path);
    if (layout->is_array)
        mock_write(file, "/values", layout->type, 2, shape, layout->storage, data->values);
    else
        write_columns(file, layout, data);
    H5Fclose(file);
}

/* Values that float32 holds, so that all types agree. */
static written write_catalogue(const slab_layout *layout, int64_t n)
{
    written w = {.folder = mock_folder_create(), .data = mock_mixture(n, D, 4, 1)};
    for (int64_t i = 0; i < n * D; i++)
        w.data.values[i] = (double)(float)w.data.values[i];
    w.precision = H5Tget_size(layout->type) == 4 ? KM_FLOAT32 : KM_FLOAT64;
    snprintf(w.path, sizeof w.path, "%s/catalogue.h5", w.folder.path);
    return w;
}

/* After changes to the data: on to the disk. */
static void write_now(const written *w, const slab_layout *layout)
{
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        write_file(w->path, layout, &w->data);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void written_free(written *w)
{
    mock_free(&w->data);
    mock_folder_remove(&w->folder);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Opens, reads and closes. Collective; the code is the same on all ranks. */
static km_code read_samples(const written *w, const char *columns, km_missing missing,
                            km_samples *samples, km_error *error)
{
    km_catalogue catalogue;
    km_findings findings;
    *error = (km_error){0};
    *samples = (km_samples){0};
    const km_catalogue_name name = {MOCK_PATH(w->path), .columns = columns};
    if (km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, error) != KM_OK)
        return error->code;
    if (km_catalogue_read(&catalogue, missing, NULL, MPI_COMM_WORLD, samples, &findings, error) ==
        KM_OK)
        km_findings_free(&findings);
    km_catalogue_close(&catalogue);
    return error->code;
}

/* Do the samples hold these columns of all used rows of this rank's slab? */
static bool is_right(const written *w, const km_samples *samples, const int64_t *columns,
                     int64_t n_columns)
{
    const int rank = km_comm_rank(MPI_COMM_WORLD), n_ranks = km_comm_size(MPI_COMM_WORLD);
    const km_rows slab = km_slab(w->data.n, n_ranks, rank);
    int64_t sample = 0;
    bool is_right = samples->n_features == n_columns && samples->precision == w->precision;
    for (int64_t i = slab.first; is_right && i < slab.first + slab.count; i++) {
        double values[16];
        if (w->data.is_missing[i])
            continue;
        if (sample >= samples->n_samples)
            return false;
        km_samples_get(samples, sample, values);
        is_right = km_samples_row(samples, sample) == i;
        for (int64_t j = 0; j < n_columns; j++)
            is_right = is_right && values[j] == w->data.values[i * w->data.d + columns[j]];
        sample++;
    }
    return is_right && sample == samples->n_samples;
}

static void check_read(const written *w, const char *list, const int64_t *columns,
                       int64_t n_columns)
{
    km_samples samples;
    km_error error;
    const int64_t n_handles = mock_open_handles();
    const km_code code = read_samples(w, list, KM_MISSING_DROP, &samples, &error);
    ck_assert_msg(code == KM_OK, "%s", error.text);
    ck_assert_all(is_right(w, &samples, columns, n_columns));
    ck_assert_int_eq(mock_open_handles(), n_handles);
    km_samples_free(&samples);
}

static const int64_t ALL[] = {0, 1, 2, 3, 4};

static slab_layout layouts[16];
static int n_layouts;

/* The types are HDF5's own, so this can't be a constant. */
static void make_layouts(void)
{
    const slab_layout all[] = {
        {"contiguous", H5T_IEEE_F32LE, true, {{0}, 0}},
        {"contiguous double", H5T_IEEE_F64LE, true, {{0}, 0}},
        {"big endian", H5T_IEEE_F64BE, true, {{0}, 0}},
        {"big endian float", H5T_IEEE_F32BE, true, {{0}, 0}},
        {"chunks of one value", H5T_IEEE_F64LE, true, {{97, 1}, 0}},
        {"awkward chunks", H5T_IEEE_F64LE, true, {{37, 2}, 0}},
        {"compressed", H5T_IEEE_F64LE, true, {{100, 5}, 4}},
        {"compressed, awkward", H5T_IEEE_F32LE, true, {{301, 3}, 1}},
        {"one large chunk", H5T_IEEE_F32LE, true, {{1000, 5}, 9}},
        {"vaex", H5T_IEEE_F64LE, false, {{0}, 0}},
        {"vaex float", H5T_IEEE_F32LE, false, {{0}, 0}},
        {"vaex compressed", H5T_IEEE_F64BE, false, {{123}, 4}},
    };
    n_layouts = (int)(sizeof all / sizeof *all);
    memcpy(layouts, all, sizeof all);
}

START_TEST(all_layouts_give_the_same_samples)
{
    const int64_t subset[] = {4, 1, 2};
    make_layouts();
    for (int i = 0; i < n_layouts; i++) {
        written w = write_catalogue(&layouts[i], N);
        write_now(&w, &layouts[i]);
        check_read(&w, NULL, ALL, D);
        check_read(&w, layouts[i].is_array ? "4,1,2" : "c4,c1,c2", subset, 3);
        check_read(&w, layouts[i].is_array ? "3" : "c3", (int64_t[]){3}, 1);
        written_free(&w);
    }
}
END_TEST

START_TEST(a_column_may_be_chosen_twice)
{
    make_layouts();
    for (int i = 0; i < n_layouts; i += 9) {
        written w = write_catalogue(&layouts[i], 200);
        write_now(&w, &layouts[i]);
        check_read(&w, layouts[i].is_array ? "2,0,2" : "c2,c0,c2", (int64_t[]){2, 0, 2}, 3);
        written_free(&w);
    }
}
END_TEST

/* Numbers of rows around the block, fewer than ranks, and none. */
START_TEST(any_number_of_rows)
{
    const int64_t numbers[] = {0, 1, 2, 3, 63, 64, 65, 128, 200};
    make_layouts();
    for (int n = 0; n < 9; n++)
        for (int i = 0; i < n_layouts; i += 6) {
            const slab_layout l = layouts[i];
            written w = write_catalogue(&l, numbers[n]);
            write_now(&w, &l);
            check_read(&w, NULL, ALL, D);
            written_free(&w);
        }
}
END_TEST

/* More than one piece a rank: 32 MiB hold 800 000 rows of 5 doubles. */
START_TEST(large_slabs_come_in_pieces)
{
    const slab_layout l = {"", H5T_IEEE_F32LE, true, {{0}, 0}};
    const int64_t n = 2000003;
    written w = write_catalogue(&l, 0);
    mock_free(&w.data);
    w.data = mock_create(n, 1);
    for (int64_t i = 0; i < n; i++)
        w.data.values[i] = i % 1000 == 7 ? NAN : (double)(i % 65536);
    for (int64_t i = 7; i < n; i += 1000)
        w.data.is_missing[i] = 1;
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        const hid_t file = mock_create_file(w.path);
        mock_write(file, "/values", l.type, 2, (hsize_t[]){(hsize_t)n, 1}, l.storage,
                   w.data.values);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    check_read(&w, NULL, ALL, 1);
    written_free(&w);
}
END_TEST

START_TEST(bytes_read_are_those_of_the_slab)
{
    const slab_layout l = {"", H5T_IEEE_F32LE, true, {{0}, 0}};
    written w = write_catalogue(&l, N);
    write_now(&w, &l);
    km_catalogue catalogue;
    km_samples samples;
    km_error error = {0};
    km_findings findings;
    const km_catalogue_name name = {MOCK_PATH(w.path), .columns = "1:4"};
    ck_assert_all(km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error) == KM_OK);
    ck_assert_int_eq(catalogue.n_rows, N);
    ck_assert_int_eq(catalogue.n_features, 3);
    ck_assert_str_eq(catalogue.names[2], "3");
    ck_assert_int_gt(catalogue.files[0].bytes, N * D * 4);
    ck_assert_all(km_catalogue_read(&catalogue, KM_MISSING_DROP, NULL, MPI_COMM_WORLD, &samples,
                                    &findings, &error) == KM_OK);
    km_sum_int64(MPI_COMM_WORLD, &findings.bytes_read, 1);
    ck_assert_int_eq(findings.bytes_read, N * D * 4);
    ck_assert_str_eq(findings.how, "independent (MPI-IO)");
    km_findings_free(&findings);
    km_samples_free(&samples);
    km_catalogue_close(&catalogue);
    written_free(&w);
}
END_TEST

/* ---- types ---------------------------------------------------------------------------------- */

/* The precision of two columns of these types. */
static km_precision precision_of(hid_t a, hid_t b)
{
    const mock_folder folder = mock_folder_create();
    const char *path = mock_path(&folder, "types.h5");
    const hsize_t length = 5;
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        const hid_t file = mock_create_file(path);
        mock_write_zeros(file, "t/a", a, 1, &length);
        mock_write_zeros(file, "t/b", b, 1, &length);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    km_catalogue catalogue;
    km_error error = {0};
    const km_catalogue_name name = {MOCK_PATH(path), .columns = "a,b"};
    ck_assert_all(km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error) == KM_OK);
    const km_precision precision = catalogue.precision;
    km_catalogue_close(&catalogue);
    mock_folder_remove(&folder);
    return precision;
}

START_TEST(precision_follows_from_the_types)
{
    ck_assert_int_eq(precision_of(H5T_IEEE_F32LE, H5T_IEEE_F32BE), KM_FLOAT32);
    ck_assert_int_eq(precision_of(H5T_IEEE_F32LE, H5T_STD_I16LE), KM_FLOAT32);
    ck_assert_int_eq(precision_of(H5T_STD_U8LE, H5T_STD_U16BE), KM_FLOAT32);
    ck_assert_int_eq(precision_of(H5T_IEEE_F32LE, H5T_STD_I32LE), KM_FLOAT64);
    ck_assert_int_eq(precision_of(H5T_IEEE_F32LE, H5T_IEEE_F64LE), KM_FLOAT64);
    ck_assert_int_eq(precision_of(H5T_STD_I64LE, H5T_STD_U8LE), KM_FLOAT64);
}
END_TEST

/* ---- missing values ------------------------------------------------------------------------- */

/* Rows near the ends of slabs, runs of them, and one more in the last row. */
static void make_missing(written *w)
{
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int64_t i = 0; i < w->data.n; i++)
        if (i % 97 == 0 || (i >= 250 && i < 340) || i == w->data.n - 1) {
            w->data.values[i * D + i % D] = bad[i % 3];
            w->data.is_missing[i] = 1;
        }
}

START_TEST(rows_with_missing_values_are_dropped)
{
    make_layouts();
    for (int i = 0; i < n_layouts; i += 3) {
        written w = write_catalogue(&layouts[i], N);
        make_missing(&w);
        write_now(&w, &layouts[i]);
        check_read(&w, NULL, ALL, D);
        written_free(&w);
    }
}
END_TEST

START_TEST(only_chosen_columns_can_be_missing)
{
    const slab_layout l = {"", H5T_IEEE_F64LE, true, {{0}, 0}};
    written w = write_catalogue(&l, 300);
    w.data.values[100 * D + 1] = NAN; /* between the chosen ones */
    w.data.values[200 * D + 4] = NAN;
    write_now(&w, &l);
    check_read(&w, "0,2", (int64_t[]){0, 2}, 2);
    w.data.is_missing[200] = 1;
    check_read(&w, "4,0", (int64_t[]){4, 0}, 2);
    written_free(&w);
}
END_TEST

START_TEST(every_row_may_be_missing)
{
    const slab_layout l = {"", H5T_IEEE_F32LE, true, {{0}, 0}};
    written w = write_catalogue(&l, 200);
    for (int64_t i = 0; i < 200; i++) {
        w.data.values[i * D] = NAN;
        w.data.is_missing[i] = 1;
    }
    write_now(&w, &l);
    check_read(&w, NULL, ALL, D);
    written_free(&w);
}
END_TEST

/* Does every rank have the same message? */
static bool is_agreed(const km_error *error)
{
    km_error first = *error;
    km_broadcast(MPI_COMM_WORLD, 0, &first, sizeof first);
    return first.code == error->code && strcmp(first.text, error->text) == 0;
}

START_TEST(missing_error_names_file_row_and_column)
{
    make_layouts();
    for (int i = 0; i < n_layouts; i += 9) {
        written w = write_catalogue(&layouts[i], N);
        w.data.values[700 * D + 3] = -INFINITY;
        w.data.values[990 * D + 1] = NAN;
        write_now(&w, &layouts[i]);
        km_samples samples;
        km_error error;
        const int64_t n_handles = mock_open_handles();
        read_samples(&w, NULL, KM_MISSING_ERROR, &samples, &error);
        ck_assert_fails(error, KM_DATA, w.path);
        ck_assert_fails(error, KM_DATA, "row 700");
        ck_assert_fails(error, KM_DATA, layouts[i].is_array ? "column 3" : "column c3");
        ck_assert_all(is_agreed(&error));
        ck_assert_all(samples.values == NULL);
        ck_assert_int_eq(mock_open_handles(), n_handles);
        written_free(&w);
    }
}
END_TEST

/* In one slab, the first row with a missing value is named, whatever its column. */
START_TEST(missing_error_names_the_first_row)
{
    const slab_layout l = {"", H5T_IEEE_F64LE, true, {{0}, 0}};
    written w = write_catalogue(&l, N);
    w.data.values[20 * D + 0] = NAN;
    w.data.values[10 * D + 4] = NAN;
    write_now(&w, &l);
    km_samples samples;
    km_error error;
    read_samples(&w, NULL, KM_MISSING_ERROR, &samples, &error);
    ck_assert_fails(error, KM_DATA, "row 10,");
    written_free(&w);
}
END_TEST

START_TEST(missing_error_passes_whole_data)
{
    const slab_layout l = {"", H5T_IEEE_F64LE, true, {{0}, 0}};
    written w = write_catalogue(&l, N);
    write_now(&w, &l);
    km_samples samples;
    km_error error;
    ck_assert_all(read_samples(&w, NULL, KM_MISSING_ERROR, &samples, &error) == KM_OK);
    ck_assert_all(is_right(&w, &samples, ALL, D));
    km_samples_free(&samples);
    written_free(&w);
}
END_TEST

/* ---- damage --------------------------------------------------------------------------------- */

/* Overwrites the middle of a chunk of a dataset in the file. */
static void damage_chunk(const char *path, const char *name, hsize_t number)
{
    hsize_t offset[2], size;
    unsigned mask;
    haddr_t address;
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    if (H5Dget_chunk_info(dataset, space, number, offset, &mask, &address, &size) < 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    FILE *bytes = fopen(path, "r+b");
    fseek(bytes, (long)(address + size / 3), SEEK_SET);
    for (hsize_t i = 0; i < size / 3; i++)
        fputc(0xff, bytes);
    fclose(bytes);
}

static void check_damage(const slab_layout *layout, const char *dataset, hsize_t chunk)
{
    written w = write_catalogue(layout, N);
    write_now(&w, layout);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        damage_chunk(w.path, dataset, chunk);
    MPI_Barrier(MPI_COMM_WORLD);
    km_samples samples;
    km_error error;
    read_samples(&w, NULL, KM_MISSING_DROP, &samples, &error);
    ck_assert_fails(error, KM_DATA, w.path);
    ck_assert_fails(error, KM_DATA, dataset);
    ck_assert_all(is_agreed(&error));
    written_free(&w);
}

START_TEST(a_damaged_chunk_is_an_error_on_all_ranks)
{
    const slab_layout array = {"", H5T_IEEE_F64LE, true, {{100, 5}, 4}};
    const slab_layout columns = {"", H5T_IEEE_F64LE, false, {{100}, 4}};
    for (hsize_t chunk = 0; chunk < 10; chunk += 3) {
        check_damage(&array, "/values", chunk);
        check_damage(&columns, "/table/columns/c2/data", chunk);
    }
}
END_TEST

START_TEST(handles_are_closed_after_damage)
{
    const slab_layout array = {"", H5T_IEEE_F64LE, true, {{100, 5}, 4}};
    const int64_t n_handles = mock_open_handles();
    check_damage(&array, "/values", 9);
    ck_assert_int_eq(mock_open_handles(), n_handles);
}
END_TEST

/* ---- opening -------------------------------------------------------------------------------- */

static void check_refused(const char *path, const char *table, const char *columns, km_code code,
                          const char *word)
{
    km_catalogue catalogue;
    km_error error = {0};
    const int64_t n_handles = mock_open_handles();
    const km_catalogue_name name = {MOCK_PATH(path), .table = table, .columns = columns};
    km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error);
    ck_assert_fails(error, code, word);
    ck_assert_all(is_agreed(&error));
    ck_assert_int_eq(mock_open_handles(), n_handles);
    ck_assert_all(catalogue.columns == NULL && catalogue.shared == NULL);
}

START_TEST(catalogues_that_do_not_open_are_refused_on_all_ranks)
{
    const slab_layout l = {"", H5T_IEEE_F64LE, true, {{0}, 0}};
    written w = write_catalogue(&l, 100);
    write_now(&w, &l);
    check_refused(mock_path(&w.folder, "nothing.h5"), NULL, NULL, KM_SYSTEM, "nothing.h5");
    check_refused(w.folder.path, NULL, NULL, KM_SYSTEM, "folder");
    check_refused(w.path, "other", NULL, KM_DATA, "other");
    check_refused(w.path, NULL, "7", KM_DATA, "column 7");
    check_refused(w.path, NULL, "", KM_USAGE, "-c");
    written_free(&w);
}
END_TEST

/* The reason must not be cut off the message by the path before it. */
START_TEST(a_path_that_is_too_long_is_refused)
{
    char path[2 * KM_PATH_SIZE];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    check_refused(path, NULL, NULL, KM_SYSTEM, "too long");
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        all_layouts_give_the_same_samples,
        a_column_may_be_chosen_twice,
        any_number_of_rows,
        large_slabs_come_in_pieces,
        bytes_read_are_those_of_the_slab,
        precision_follows_from_the_types,
        rows_with_missing_values_are_dropped,
        only_chosen_columns_can_be_missing,
        every_row_may_be_missing,
        missing_error_names_file_row_and_column,
        missing_error_names_the_first_row,
        missing_error_passes_whole_data,
        a_damaged_chunk_is_an_error_on_all_ranks,
        handles_are_closed_after_damage,
        catalogues_that_do_not_open_are_refused_on_all_ranks,
        a_path_that_is_too_long_is_refused,
    };
    return SUITE_OF("slab", tests);
}
