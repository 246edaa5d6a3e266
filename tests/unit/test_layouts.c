/* Tables of compounds, masks, array columns, frames of pandas, several files and ids: what is found
 * of them, and what is read. */
#include "choose_table.h"
#include "found_tables.h"
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/partition.h"
#include "catalogue/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { N = 500, N_FLUXES = 3 };

/* ---- stars in compounds --------------------------------------------------------------------- */

typedef struct star {
    char gap[3]; /* so that nothing is aligned */
    int32_t hip;
    double b_v;
    uint8_t b_v_mask;
    float flux[N_FLUXES];
    double re, im;
    char *name;
} __attribute__((packed)) star;

static star star_of(int64_t i)
{
    static char names[N][8];
    star s = {.hip = (int32_t)(7 * i), .b_v = mock_normal(1, (uint64_t)i), .b_v_mask = i % 11 == 3};
    for (int j = 0; j < N_FLUXES; j++)
        s.flux[j] = (float)mock_normal(2, (uint64_t)(N_FLUXES * i + j));
    snprintf(names[i], sizeof names[i], "%.*s", (int)(i % 7), "star-of");
    s.name = names[i];
    return s;
}

static hid_t pair_type(void)
{
    const hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof(double));
    H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "i", sizeof(double), H5T_NATIVE_DOUBLE);
    return type;
}

static void insert(hid_t type, const char *name, size_t offset, hid_t member)
{
    if (H5Tinsert(type, name, offset, member) < 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Tclose(member);
}

/* hip, b_v with its mask, inner/flux[3], a complex number, and if asked for a text of any length.
 */
static hid_t star_type(bool has_name)
{
    const hsize_t length = N_FLUXES;
    const size_t size = N_FLUXES * sizeof(float);
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(star)), inner = H5Tcreate(H5T_COMPOUND, size);
    insert(inner, "flux", 0, H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &length));
    insert(type, "hip", offsetof(star, hip), H5Tcopy(H5T_NATIVE_INT32));
    insert(type, "b-v", offsetof(star, b_v), H5Tcopy(H5T_NATIVE_DOUBLE));
    insert(type, "b-v.mask", offsetof(star, b_v_mask), H5Tcopy(H5T_NATIVE_UINT8));
    insert(type, "inner", offsetof(star, flux), inner);
    insert(type, "z", offsetof(star, re), pair_type());
    if (has_name)
        insert(type, "name", offsetof(star, name), km_h5_text_type());
    return type;
}

/* Rows [first, first + count) of the stars. */
static void write_stars(hid_t file, const char *path, int64_t first, int64_t count, bool has_name)
{
    const hsize_t shape = (hsize_t)count;
    star *rows = mock_memory(count, sizeof *rows);
    for (int64_t i = 0; i < count; i++)
        rows[i] = star_of(first + i);
    const hid_t type = star_type(has_name), space = H5Screate_simple(1, &shape, NULL);
    const hid_t dataset =
        H5Dcreate2(file, path, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) < 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
    free(rows);
}

static void write_all_stars(hid_t file)
{
    write_stars(file, "stars", 0, N, true);
}

/* ---- columns --------------------------------------------------------------------------------- */

/* Names and lengths of the columns: "hip b-v flux[3]". */
static const char *list_columns(const km_table *table)
{
    static char text[1024];
    text[0] = '\0';
    for (int64_t i = 0; i < table->n_columns; i++) {
        const km_column *c = &table->columns[i];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "",
                 c->name);
        if (c->values.length > 1)
            snprintf(text + strlen(text), sizeof text - strlen(text), "[%lld]",
                     (long long)c->values.length);
    }
    return text;
}

static const km_column *column_called(const km_table *table, const char *name)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    ck_abort_msg("no column %s", name);
    return NULL;
}

/* ---- what is found -------------------------------------------------------------------------- */

START_TEST(members_of_compounds_are_columns)
{
    found f = find_tables(write_all_stars);
    ck_assert_int_eq(f.tables.count, 1);
    const km_table *table = &f.tables.tables[0];
    ck_assert(!table->is_array && table->n_rows == N);
    ck_assert_str_eq(table->path, "/stars");
    ck_assert_str_eq(list_columns(table), "hip b-v inner/flux[3] z name");
    ck_assert_str_eq(column_called(table, "b-v")->mask.member, "b-v.mask");
    ck_assert_str_eq(column_called(table, "hip")->mask.dataset, "");
    ck_assert(column_called(table, "inner/flux")->fits_float32);
    ck_assert(!column_called(table, "z")->is_numeric && column_called(table, "name")->is_text);
    found_free(&f);
}
END_TEST

static void write_no_tables(hid_t file)
{
    const hsize_t length = 4;
    const hid_t pair = pair_type(), outer = H5Tcreate(H5T_COMPOUND, H5Tget_size(pair));
    const hid_t space = H5Screate_simple(1, &length, NULL), null = H5Screate(H5S_NULL);
    const hid_t scalar = H5Screate(H5S_SCALAR);
    insert(outer, "z", 0, H5Tcopy(pair));
    H5Dclose(H5Dcreate2(file, "complex", pair, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(file, "outer", outer, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(
        H5Dcreate2(file, "refs", H5T_STD_REF_OBJ, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(file, "null", outer, null, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(
        H5Dcreate2(file, "one", H5T_NATIVE_INT, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Sclose(null);
    H5Sclose(scalar);
    H5Tclose(outer);
    H5Tclose(pair);
}

/* A dataset of pairs called r and i may be one of complex numbers, as h5py stores them, or a table
 * of two columns: it is one for those who name it, or its columns. */
START_TEST(complex_numbers_and_references_make_no_tables)
{
    found f = find_tables(write_no_tables);
    km_error error = {0}, none = {0};
    ck_assert_int_eq(f.tables.count, 1);
    ck_assert_ptr_null(choose_table(&f.tables, NULL, f.path, &none));
    ck_assert_fails(none, KM_DATA, "/complex");
    const km_table *table = choose_table(&f.tables, "complex", f.path, &error);
    ck_assert_ptr_nonnull(table);
    ck_assert_str_eq(list_columns(table), "r i");
    ck_assert_int_eq(f.tables.n_unusable, 2); /* /outer, and the root: its columns are references */
    found_free(&f);
}
END_TEST

static void write_masks(hid_t file)
{
    const hsize_t shape[2] = {N, 2}, n = N, fewer = N - 1;
    const char *const right[] = {"one", "both", "same"};
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "/good/columns/%s/data", right[i]);
        mock_write_zeros(file, path, H5T_NATIVE_FLOAT, i == 0 ? 1 : 2, shape);
        snprintf(path, sizeof path, "/good/columns/%s/mask", right[i]);
        mock_write_zeros(file, path, H5T_NATIVE_INT8, i == 1 ? 2 : 1, shape);
    }
    mock_write_zeros(file, "/short/a/data", H5T_NATIVE_FLOAT, 1, &n);
    mock_write_zeros(file, "/short/a/mask", H5T_NATIVE_INT8, 1, &fewer);
    mock_write_zeros(file, "/real/a/data", H5T_NATIVE_FLOAT, 1, &n);
    mock_write_zeros(file, "/real/a/mask", H5T_NATIVE_FLOAT, 1, &n);
    mock_write_zeros(file, "/wide/a/data", H5T_NATIVE_FLOAT, 1, &n);
    mock_write_zeros(file, "/wide/a/mask", H5T_NATIVE_INT8, 2, shape);
}

START_TEST(masks_are_as_long_as_values)
{
    found f = find_tables(write_masks);
    ck_assert_int_eq(f.tables.count, 4);
    for (int64_t t = 0; t < f.tables.count; t++) {
        const km_table *table = &f.tables.tables[t];
        const bool is_good = strcmp(table->path, "/good/columns") == 0;
        ck_assert_msg(is_good == (strstr(table->flaw, "mask of column a") == NULL), "%s: %s",
                      table->path, table->flaw);
        if (!is_good)
            continue;
        ck_assert_int_eq(column_called(table, "one")->mask.length, 1);
        ck_assert_int_eq(column_called(table, "both")->mask.length, 2);
        ck_assert_int_eq(column_called(table, "same")->mask.length, 1);
    }
    found_free(&f);
}
END_TEST

/* ---- frames of pandas ----------------------------------------------------------------------- */

static void write_text(hid_t object, const char *name, const char *text)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    if (!km_h5_write.attribute(object, name, type, text))
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Tclose(type);
}

/* A frame with a block of two values a row, whose names are in this pickle, in the order of that.
 */
static void write_frame(hid_t file, const char *path, const char *names, const char *order)
{
    const hsize_t n = N, two = 2;
    const hid_t group = H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Tcreate(H5T_COMPOUND, 3 * sizeof(double));
    const hid_t space = H5Screate_simple(1, &n, NULL);
    insert(type, "index", 0, H5Tcopy(H5T_NATIVE_INT64));
    insert(type, "values_block_0", sizeof(double), H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &two));
    const hid_t table =
        H5Dcreate2(group, "table", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    write_text(group, "pandas_type", "frame_table");
    write_text(table, "values_block_0_kind", names);
    if (order != NULL)
        write_text(group, "non_index_axes", order);
    H5Dclose(table);
    H5Sclose(space);
    H5Tclose(type);
    H5Gclose(group);
}

/* Names as pickles, the order of the frame, and the columns that are found. */
static const char *const FRAMES[][3] = {
    {"(lp0\nVx\np1\naVy\np2\na.", "(lp0\n(I1\n(lp1\nVy\np2\naVx\np3\natp4\na.", "y x index"},
    {"(lp0\nVx\np1\naVy\np2\na.", NULL, "index x y"},
    {"(lp0\nI0\naI1\na.", "(lp0\n(I1\n(lp1\nI0\naI1\natp2\na.", "0 1 index"},
    {"(lp0\nV\xe9\np1\naV\\u03b1\np2\na.", NULL, "index \xc3\xa9 \xce\xb1"},
    {"(lp0\nV\\U0001f600\np1\naVa\\u005cb\np2\na.", NULL, "index \xf0\x9f\x98\x80 a\\b"},
    {"(lp0\nV\\u12\np1\naV\\uzzzz\np2\na.", NULL, "index \\u12 \\uzzzz"},
    {"(lp0\nVx\np1\na.", NULL, "index values_block_0[2]"}, /* of another length */
    {"V", NULL, "index values_block_0[2]"},
    {"VV\nV\nV", NULL, "index values_block_0[2]"},
    {"(((((((", "((((((", "index values_block_0[2]"},
    {"\n\n", "V", "index values_block_0[2]"},
    {"Vx\nVx", "Vx\nVx\nVx", "index values_block_0[2]"}, /* texts, but no list of them */
    {"(lp0\nVx\np1\nag1\na.", "(lp0\n(I1\n(lp1\nVx\np2\nag2\natp3\na.", "x x index"},
    {"(lp0\nS'x'\np1\naS'y'\np2\na.", NULL, "index x y"}, /* of Python 2 */
    {"(Vx\nVy\ntp0\n.", NULL, "index x y"},
    {"(lp0\ncos\nsystem\n(Vx\ntRaVy\na.", NULL, "index values_block_0[2]"},
    {"(lp0\nVx\naNa.", NULL, "index values_block_0[2]"},
    {"ag1\n", NULL, "index values_block_0[2]"},
};
enum { N_FRAMES = sizeof FRAMES / sizeof *FRAMES };

static void write_frames(hid_t file)
{
    for (int i = 0; i < N_FRAMES; i++) {
        char path[16];
        snprintf(path, sizeof path, "f%02d", i);
        write_frame(file, path, FRAMES[i][0], FRAMES[i][1]);
    }
}

START_TEST(blocks_of_frames_take_the_names_of_their_columns)
{
    found f = find_tables(write_frames);
    ck_assert_int_eq(f.tables.count, N_FRAMES);
    for (int i = 0; i < N_FRAMES; i++) {
        const char *columns = list_columns(&f.tables.tables[i]);
        ck_assert_msg(strcmp(columns, FRAMES[i][2]) == 0, "frame %d: '%s', not '%s'", i, columns,
                      FRAMES[i][2]);
    }
    found_free(&f);
}
END_TEST

/* ---- what is chosen ------------------------------------------------------------------------- */

static void write_odd_names(hid_t file)
{
    const hsize_t shape[2] = {N, 3};
    mock_write_zeros(file, "/t/columns/flux/data", H5T_NATIVE_FLOAT, 2, shape);
    mock_write_zeros(file, "/t/columns/b-v/data", H5T_NATIVE_FLOAT, 2, shape);
    mock_write_zeros(file, "/t/columns/a[1]/data", H5T_NATIVE_FLOAT, 1, shape);
    mock_write_zeros(file, "/t/columns/a/data", H5T_NATIVE_INT8, 2, shape);
    mock_write_zeros(file, "/t/columns/none/data", H5T_NATIVE_FLOAT, 2, (hsize_t[]){N, 0});
}

START_TEST(values_of_array_columns_are_chosen_by_number)
{
    found f = find_tables(write_odd_names);
    km_error error;
    const char *const right[][2] = {
        {"flux", "flux[0] flux[1] flux[2]"},
        {"flux[2]", "flux[2]"},
        {"{flux[2]}", "flux[2]"},
        {"{flux}[2]", "flux[2]"},
        {"{b-v}[1],flux[0]", "b-v[1] flux[0]"},
        {"b-v[1]", "b-v[1]"},
        {"a[1]", "a[1]"},
        {"a[2],{a[1]}", "a[2] a[1]"},
        {"{a}[1]", "a[1]"},
    };
    const char *const wrong[] = {"flux[3]", "flux[-1]", "flux[]", "flux[x]", "flux[1",
                                 "[0]",     "flux]",    "[",      "]",       "{}",
                                 "none",    "none[0]",  "{",      "}",       "flux[1][1]"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        const char *names = choose_names(&f, &f.tables.tables[0], right[i][0], &error);
        ck_assert_msg(error.code == KM_OK, "-c %s: %s", right[i][0], error.text);
        ck_assert_str_eq(names, right[i][1]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        choose_names(&f, &f.tables.tables[0], wrong[i], &error);
        ck_assert_msg(error.code == KM_DATA, "-c %s: %d %s", wrong[i], error.code, error.text);
    }
    found_free(&f);
}
END_TEST

static void write_nameless(hid_t file)
{
    write_frame(file, "f", "(lp0\nV\np1\naVy\np2\na.", NULL);
}

/* The fuzzer found that its name was printed as nothing, which is no list. */
START_TEST(a_column_without_a_name_is_called_by_braces)
{
    found f = find_tables(write_nameless);
    km_error error = {0};
    char *text = km_table_columns_text(&f.tables.tables[0], &error);
    ck_assert_str_eq(text, "{},y");
    ck_assert_str_eq(choose_names(&f, &f.tables.tables[0], text, &error), " y");
    ck_assert_str_eq(choose_names(&f, &f.tables.tables[0], "{}", &error), "");
    ck_assert_int_eq(error.code, KM_OK);
    free(text);
    found_free(&f);
}
END_TEST

static void write_huge(hid_t file)
{
    const hsize_t shape[2] = {2, (hsize_t)1 << 40}, chunk[2] = {1, 1024};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, shape, NULL);
    H5Pset_chunk(creation, 2, chunk);
    H5Dclose(
        H5Dcreate2(file, "wide", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(creation);
}

static void check_refused(const km_catalogue_name *name, km_code code, const char *word)
{
    km_catalogue catalogue;
    km_error error = {0};
    const int64_t n_handles = mock_open_handles();
    km_catalogue_open(&catalogue, name, MPI_COMM_WORLD, &error);
    ck_assert_fails(error, code, word);
    ck_assert_all(mock_open_handles() == n_handles);
}

/* Refused before what they ask for is allocated. */
START_TEST(rows_of_a_million_million_values_are_refused)
{
    found f = find_tables(write_huge);
    km_catalogue_name name = {MOCK_PATH(f.path)};
    check_refused(&name, KM_DATA, "too many features");
    name.columns = "0,999999999999";
    check_refused(&name, KM_DATA, "too wide a row");
    name.columns = "0,1099511627776";
    check_refused(&name, KM_DATA, "no such column");
    found_free(&f);
}
END_TEST

/* ---- what is read --------------------------------------------------------------------------- */

static bool is_used(int64_t i)
{
    return !star_of(i).b_v_mask;
}

/* Do the samples hold b-v and inner/flux[2] of the used stars of this rank's slab? */
static bool is_right(const km_samples *samples, int64_t n)
{
    const km_rows slab = km_slab(n, km_comm_size(MPI_COMM_WORLD), km_comm_rank(MPI_COMM_WORLD));
    int64_t sample = 0;
    for (int64_t i = slab.first; i < slab.first + slab.count; i++) {
        double values[2];
        if (!is_used(i))
            continue;
        if (sample == samples->n_samples)
            return false;
        km_samples_get(samples, sample, values);
        const star s = star_of(i);
        if (km_samples_row(samples, sample) != i || values[0] != s.b_v ||
            values[1] != (double)s.flux[2])
            return false;
        sample++;
    }
    return sample == samples->n_samples;
}

/* Are the texts those of this rank's rows, used or not? */
static bool are_names(const km_ids *ids, int64_t n)
{
    const km_rows slab = km_slab(n, km_comm_size(MPI_COMM_WORLD), km_comm_rank(MPI_COMM_WORLD));
    const char *at = ids->bytes;
    for (int64_t i = slab.first; i < slab.first + slab.count; i++) {
        if (at >= ids->bytes + ids->n_bytes || strcmp(at, star_of(i).name) != 0)
            return false;
        at += strlen(at) + 1;
    }
    return at == ids->bytes + ids->n_bytes;
}

static void check_read(const km_catalogue_name *name, int64_t n)
{
    km_catalogue catalogue;
    km_samples samples;
    km_findings findings;
    km_error error = {0};
    const int64_t n_handles = mock_open_handles();
    km_catalogue_open(&catalogue, name, MPI_COMM_WORLD, &error);
    ck_assert_msg(error.code == KM_OK, "%s", error.text);
    ck_assert_int_eq(catalogue.n_rows, n);
    km_catalogue_read(&catalogue, KM_MISSING_DROP, NULL, MPI_COMM_WORLD, &samples, &findings,
                      &error);
    ck_assert_msg(error.code == KM_OK, "%s", error.text);
    ck_assert_all(is_right(&samples, n));
    ck_assert_all(name->ids == NULL || are_names(&findings.ids, n));
    int64_t n_masked = 0;
    for (int64_t i = 0; i < n; i++)
        n_masked += !is_used(i);
    ck_assert_all(findings.n_missing[0] == n_masked && findings.n_missing[1] == 0);
    km_samples_free(&samples);
    km_findings_free(&findings);
    km_catalogue_close(&catalogue);
    ck_assert_all(mock_open_handles() == n_handles);
}

#define FEATURES "b-v,inner/flux[2]"

START_TEST(compounds_are_read_member_by_member)
{
    found f = find_tables(write_all_stars);
    km_catalogue_name name = {MOCK_PATH(f.path), .columns = FEATURES};
    check_read(&name, N);
    name.ids = "name";
    check_read(&name, N);
    found_free(&f);
}
END_TEST

static void write_part(const mock_folder *folder, char *path, size_t size, int number,
                       int64_t first, int64_t count)
{
    snprintf(path, size, "%s/%d.h5", folder->path, number);
    if (km_comm_rank(MPI_COMM_WORLD) > 0)
        return;
    const hid_t file = mock_create_file(path);
    write_stars(file, "stars", first, count, true);
    H5Fclose(file);
}

/* More files than ranks and fewer, empty ones at any place, with texts of any length. */
START_TEST(files_are_joined_in_their_order)
{
    enum { MOST_FILES = 7 };
    static const int64_t cases[][MOST_FILES] = {{N},
                                                {N - 1, 1},
                                                {1, N - 1},
                                                {0, N},
                                                {N, 0},
                                                {0, 200, 0, 0, 1, N - 201, 0},
                                                {1, 1, 1, 1, 1, 1, 1},
                                                {0, 0, 3}};
    mock_folder folder = mock_folder_create();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char paths[MOST_FILES][1024];
        const char *list[MOST_FILES];
        int64_t n = 0;
        for (int i = 0; i < MOST_FILES; i++) {
            write_part(&folder, paths[i], sizeof paths[i], i, n, cases[c][i]);
            list[i] = paths[i];
            n += cases[c][i];
        }
        MPI_Barrier(MPI_COMM_WORLD);
        km_catalogue_name name = {.paths = list, .n_paths = MOST_FILES, .columns = FEATURES};
        check_read(&name, n);
        name.ids = "name";
        check_read(&name, n);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    mock_folder_remove(&folder);
}
END_TEST

/* A value in half precision is compared as the file holds it. */
static void write_halves(hid_t file)
{
    const hsize_t n = 4;
    const double values[] = {1, -99.9, 2, -99.9};
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    mock_write(file, "/t/x", half, 1, &n, (mock_storage){{0}, 0}, values);
    H5Tclose(half);
}

START_TEST(missing_values_have_the_precision_of_the_file)
{
    found f = find_tables(write_halves);
    const char *const missing[] = {"-99.9"};
    const km_catalogue_name name = {MOCK_PATH(f.path), .missing_values = missing,
                                    .n_missing_values = 1};
    km_catalogue catalogue;
    km_samples samples;
    km_findings findings;
    km_error error = {0};
    ck_assert_all(km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error) == KM_OK);
    ck_assert_all(km_catalogue_read(&catalogue, KM_MISSING_DROP, NULL, MPI_COMM_WORLD, &samples,
                                    &findings, &error) == KM_OK);
    ck_assert_all(findings.n_missing[0] == 2);
    km_samples_free(&samples);
    km_findings_free(&findings);
    km_catalogue_close(&catalogue);
    found_free(&f);
}
END_TEST

/* Spoils the heaps in which HDF5 keeps texts of any length. */
static void damage_heaps(const char *path)
{
    static char bytes[1 << 20];
    FILE *file = fopen(path, "r+b");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    for (char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), "GCOL", 4)) != NULL;
         at++) {
        fseek(file, at - bytes, SEEK_SET);
        fputs("XXXX", file);
    }
    fclose(file);
}

/* What was to point to texts points to nothing, and is freed nevertheless. */
START_TEST(damaged_texts_are_an_error_on_all_ranks)
{
    found f = find_tables(write_all_stars);
    km_catalogue catalogue;
    km_samples samples;
    km_findings findings;
    km_error error = {0};
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        damage_heaps(f.path);
    MPI_Barrier(MPI_COMM_WORLD);
    const km_catalogue_name name = {MOCK_PATH(f.path), .columns = FEATURES, .ids = "name"};
    const int64_t n_handles = mock_open_handles();
    ck_assert_all(km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error) == KM_OK);
    km_catalogue_read(&catalogue, KM_MISSING_DROP, NULL, MPI_COMM_WORLD, &samples, &findings,
                      &error);
    ck_assert_fails(error, KM_DATA, "can't read the catalogue");
    km_catalogue_close(&catalogue);
    ck_assert_all(mock_open_handles() == n_handles);
    found_free(&f);
}
END_TEST

/* ---- files that change between opening and reading ------------------------------------------ */

static void shrink(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || truncate(path, status.st_size / 2) != 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
}

static void touch(const char *path)
{
    FILE *file = fopen(path, "r+b");
    fseek(file, -1, SEEK_END);
    const int last = fgetc(file);
    fseek(file, -1, SEEK_END);
    fputc(last, file);
    fclose(file);
}

static void write_again(const char *path)
{
    const hid_t file = mock_create_file(path);
    write_stars(file, "stars", 0, N / 2, true);
    H5Fclose(file);
}

static void write_others(const char *path)
{
    const hid_t file = mock_create_file(path);
    mock_write_zeros(file, "stars", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){N, 3});
    H5Fclose(file);
}

/* One of some files, or the only one. */
static void check_changed(void (*change)(const char *path), int n_files)
{
    mock_folder folder = mock_folder_create();
    char paths[3][1024];
    const char *list[] = {paths[0], paths[1], paths[2]};
    km_catalogue catalogue;
    km_samples samples;
    km_findings findings;
    km_error error = {0};
    for (int i = 0; i < n_files; i++)
        write_part(&folder, paths[i], sizeof paths[i], i, 0, N);
    MPI_Barrier(MPI_COMM_WORLD);
    const int64_t n_handles = mock_open_handles();
    const km_catalogue_name name = {.paths = list, .n_paths = n_files, .columns = FEATURES};
    ck_assert_all(km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error) == KM_OK);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        change(paths[n_files - 1]);
    MPI_Barrier(MPI_COMM_WORLD);
    km_catalogue_read(&catalogue, KM_MISSING_DROP, NULL, MPI_COMM_WORLD, &samples, &findings,
                      &error);
    ck_assert_fails(error, KM_DATA, paths[n_files - 1]);
    ck_assert_all(samples.values == NULL && findings.n_missing == NULL);
    km_catalogue_close(&catalogue);
    ck_assert_all(mock_open_handles() == n_handles);
    mock_folder_remove(&folder);
}

START_TEST(files_that_change_before_they_are_read_are_refused)
{
    void (*const changes[])(const char *) = {shrink, touch, write_again, write_others};
    for (int n_files = 1; n_files <= 3; n_files += 2)
        for (int i = 0; i < (n_files == 1 ? 2 : 4); i++)
            check_changed(changes[i], n_files);
}
END_TEST

/* ---- virtual datasets ----------------------------------------------------------------------- */

static void write_virtual(hid_t file)
{
    const hsize_t shape[2] = {N, 2};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, shape, NULL);
    H5Pset_virtual(creation, space, "nowhere.h5", "/points", space);
    H5Dclose(
        H5Dcreate2(file, "stars", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(creation);
}

/* HDF5 would read zeros. */
START_TEST(virtual_datasets_without_their_sources_are_refused)
{
    found f = find_tables(write_virtual);
    const char *const paths[] = {f.path, f.path, f.path};
    const km_catalogue_name one = {.paths = paths, .n_paths = 1};
    const km_catalogue_name three = {.paths = paths, .n_paths = 3};
    check_refused(&one, KM_SYSTEM, "there is no file nowhere.h5");
    check_refused(&three, KM_SYSTEM, "there is no file nowhere.h5");
    found_free(&f);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        members_of_compounds_are_columns,
        complex_numbers_and_references_make_no_tables,
        masks_are_as_long_as_values,
        blocks_of_frames_take_the_names_of_their_columns,
        values_of_array_columns_are_chosen_by_number,
        a_column_without_a_name_is_called_by_braces,
        rows_of_a_million_million_values_are_refused,
        compounds_are_read_member_by_member,
        files_are_joined_in_their_order,
        missing_values_have_the_precision_of_the_file,
        damaged_texts_are_an_error_on_all_ranks,
        files_that_change_before_they_are_read_are_refused,
        virtual_datasets_without_their_sources_are_refused,
    };
    return SUITE_OF("layouts", tests);
}
