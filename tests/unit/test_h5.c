#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "h5/h5.h"
#include "process/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening -------------------------------------------------------------------------------- */

/* A small file that rank 0 writes: a 2-D dataset, compressed, and a column. */
static void write_example(const char *path)
{
    enum { ROWS = 300, COLUMNS = 3 };
    double values[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++)
        values[i] = mock_normal(1, (uint64_t)i);
    const hid_t file = mock_create_file(path);
    mock_write(file, "array", H5T_IEEE_F64LE, 2, (hsize_t[]){ROWS, COLUMNS},
               (mock_storage){{64, 2}, 5}, values);
    mock_write(file, "group/column", H5T_STD_I32BE, 1, (hsize_t[]){ROWS}, (mock_storage){{0}, 0},
               values);
    H5Fclose(file);
}

static km_code open_file(const char *path, MPI_Comm comm, hid_t *file, km_error *error)
{
    hid_t alone;
    if (comm == MPI_COMM_NULL)
        return km_h5_open(path, file, error);
    km_h5_open_together(path, comm, MPI_INFO_NULL, file, &alone, error);
    if (alone >= 0)
        H5Fclose(alone);
    return error->code;
}

static void check_open(const char *path, MPI_Comm comm, km_code code, const char *word)
{
    hid_t file;
    km_error error = {0};
    const km_code found = open_file(path, comm, &file, &error);
    ck_assert_all(found == error.code);
    ck_assert_all((file < 0) == (code != KM_OK));
    if (file >= 0)
        H5Fclose(file);
    ck_assert_fails(error, code, word);
}

/* Alone and together. */
static void check_both_ways(const char *path, km_code code, const char *word)
{
    check_open(path, MPI_COMM_NULL, code, word);
    check_open(path, MPI_COMM_WORLD, code, word);
}

START_TEST(files_open_alone_and_together)
{
    const mock_folder folder = mock_folder_create();
    const char *path = mock_path(&folder, "whole.h5");
    const int64_t n_handles = mock_open_handles();
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        write_example(path);
    MPI_Barrier(MPI_COMM_WORLD);
    check_both_ways(path, KM_OK, "");
    ck_assert_int_eq(mock_open_handles(), n_handles);
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    const mock_folder folder = mock_folder_create();
    const char *empty = mock_path(&folder, "empty.h5"), *text = mock_path(&folder, "text.csv");
    const int64_t n_handles = mock_open_handles();
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        mock_write_file(empty, "", 0);
        mock_write_file(text, "x,y\n1,2\n", 8);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    check_both_ways(mock_path(&folder, "nothing.h5"), KM_SYSTEM, "nothing.h5");
    check_both_ways(mock_path(&folder, "no/folder.h5"), KM_SYSTEM, "no/folder.h5");
    check_both_ways(folder.path, KM_SYSTEM, "folder");
    check_both_ways("", KM_SYSTEM, "can't open");
    check_both_ways(empty, KM_DATA, "empty");
    check_open(text, MPI_COMM_NULL, KM_DATA, "not an HDF5 file");
    check_open(text, MPI_COMM_WORLD, KM_DATA, "text.csv");
    ck_assert_int_eq(mock_open_handles(), n_handles);
    mock_folder_remove(&folder);
}
END_TEST

/* Cut after any number of bytes, a file must not open as if it were whole. */
START_TEST(truncated_files_are_refused)
{
    const mock_folder folder = mock_folder_create();
    const char *whole = mock_path(&folder, "whole.h5"), *cut = mock_path(&folder, "cut.h5");
    const bool is_first = km_comm_rank(MPI_COMM_WORLD) == 0;
    int64_t size = 0;
    char *bytes = mock_memory(1 << 20, 1);
    if (is_first) {
        write_example(whole);
        FILE *file = fopen(whole, "rb");
        size = (int64_t)fread(bytes, 1, 1 << 20, file);
        fclose(file);
    }
    km_max_int64(MPI_COMM_WORLD, &size, 1);
    const int64_t n_handles = mock_open_handles();
    for (int64_t length = 1; length < size; length = length < 8 ? length + 1 : length * 3 / 2) {
        if (is_first)
            mock_write_file(cut, bytes, (size_t)length);
        MPI_Barrier(MPI_COMM_WORLD);
        check_both_ways(cut, KM_DATA, "cut.h5");
    }
    if (is_first)
        mock_write_file(cut, bytes, (size_t)size - 1);
    MPI_Barrier(MPI_COMM_WORLD);
    check_both_ways(cut, KM_DATA, "truncated");
    ck_assert_int_eq(mock_open_handles(), n_handles);
    free(bytes);
    mock_folder_remove(&folder);
}
END_TEST

/* ---- reading arrays ------------------------------------------------------------------------- */

enum { ROWS = 205, COLUMNS = 4 };

/* Half precision, which NumPy writes and C has no name for. */
static hid_t float16_type(void)
{
    const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

/* A whole number that every type holds. */
static double value_at(int64_t row, int64_t column)
{
    return (double)((7 * row + column) % 120);
}

static void write_array(const char *path, hid_t type, int n_dimensions, mock_storage storage)
{
    static double values[ROWS * COLUMNS];
    const int columns = n_dimensions == 1 ? 1 : COLUMNS;
    for (int i = 0; i < ROWS * columns; i++)
        values[i] = value_at(i / columns, i % columns);
    const hid_t file = mock_create_file(path);
    mock_write(file, "array", type, n_dimensions, (hsize_t[]){ROWS, COLUMNS}, storage, values);
    H5Fclose(file);
}

/* Reads some columns of all rows of this rank's third in pieces; true if all values are right. */
static bool read_pieces(const km_h5_array *array, km_rows slab, int64_t first, int64_t n_columns,
                        km_precision precision)
{
    enum { PIECE = 31 };
    double *values =
        mock_memory(PIECE * n_columns * (int64_t)km_h5_value_size(array->type, precision), 1);
    int64_t n_pieces = (slab.count + PIECE - 1) / PIECE;
    bool is_right = true;
    km_max_int64(MPI_COMM_WORLD, &n_pieces, 1); /* the others join in with no rows */
    for (int64_t piece = 0; piece < n_pieces; piece++) {
        const int64_t done = piece * PIECE < slab.count ? piece * PIECE : slab.count;
        const int64_t left = slab.count - done;
        const km_rows rows = {slab.first + (left > 0 ? done : 0), left < PIECE ? left : PIECE};
        km_error error = {0};
        is_right &=
            km_h5_read_rows(array, rows, first, n_columns, array->type, values, &error) == KM_OK &&
            km_h5_convert(array->type, precision, rows.count * n_columns, values, &error) == KM_OK;
        for (int64_t i = 0; i < rows.count * n_columns; i++) {
            const double value = precision == KM_FLOAT32 ? (double)((float *)values)[i] : values[i];
            is_right &= value == value_at(rows.first + i / n_columns, first + i % n_columns);
        }
    }
    free(values);
    return is_right;
}

static void check_array(const char *path, bool is_collective, int n_dimensions)
{
    const int rank = is_collective ? km_comm_rank(MPI_COMM_WORLD) : 0;
    const int n_ranks = is_collective ? km_comm_size(MPI_COMM_WORLD) : 1;
    hid_t file;
    km_h5_array array;
    km_error error = {0};
    open_file(path, is_collective ? MPI_COMM_WORLD : MPI_COMM_NULL, &file, &error);
    ck_assert_all(error.code == KM_OK);
    km_h5_open_array(file, "array", &array, &error);
    ck_assert_all(error.code == KM_OK);
    ck_assert_int_eq(array.n_rows, ROWS);
    ck_assert_int_eq(array.n_columns, n_dimensions == 1 ? 1 : COLUMNS);
    for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++) {
        const km_rows slab = km_slab(ROWS, n_ranks, rank);
        ck_assert_all(read_pieces(&array, slab, 0, array.n_columns, precision));
        if (n_dimensions == 2)
            ck_assert_all(read_pieces(&array, slab, 1, 2, precision));
    }
    km_h5_close_array(&array);
    H5Fclose(file);
}

static void check_type(const mock_folder *folder, hid_t type, int n_dimensions,
                       mock_storage storage)
{
    const char *path = mock_path(folder, "array.h5");
    const int64_t n_handles = mock_open_handles();
    MPI_Barrier(MPI_COMM_WORLD);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        write_array(path, type, n_dimensions, storage);
    MPI_Barrier(MPI_COMM_WORLD);
    check_array(path, false, n_dimensions);
    check_array(path, true, n_dimensions);
    ck_assert_int_eq(mock_open_handles(), n_handles);
}

START_TEST(all_types_are_read)
{
    const mock_folder folder = mock_folder_create();
    const hid_t types[] = {H5T_STD_I8LE,   H5T_STD_U8LE,   H5T_STD_I16LE,     H5T_STD_I16BE,
                           H5T_STD_U16LE,  H5T_STD_I32LE,  H5T_STD_U32BE,     H5T_STD_I64LE,
                           H5T_STD_I64BE,  H5T_STD_U64LE,  H5T_IEEE_F32LE,    H5T_IEEE_F32BE,
                           H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_NATIVE_LDOUBLE};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        check_type(&folder, types[i], 2, (mock_storage){{0}, 0});
    const hid_t half = float16_type();
    check_type(&folder, half, 2, (mock_storage){{0}, 0});
    H5Tclose(half);
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(all_storages_are_read)
{
    const mock_folder folder = mock_folder_create();
    const mock_storage storages[] = {{{1, 1}, 0},  {{205, 4}, 0}, {{1000, 9}, 0}, {{17, 3}, 0},
                                     {{64, 4}, 1}, {{33, 1}, 6},  {{205, 3}, 9}};
    for (size_t i = 0; i < sizeof storages / sizeof *storages; i++) {
        check_type(&folder, H5T_IEEE_F64LE, 2, storages[i]);
        check_type(&folder, H5T_IEEE_F32BE, 1, storages[i]);
    }
    check_type(&folder, H5T_STD_I16BE, 1, (mock_storage){{0}, 0});
    mock_folder_remove(&folder);
}
END_TEST

/* ---- what is no array ----------------------------------------------------------------------- */

static void write_no_arrays(const char *path)
{
    const hid_t file = mock_create_file(path), text = H5Tcopy(H5T_C_S1);
    const hid_t space = H5Screate_simple(1, (hsize_t[]){3}, NULL), one = H5Screate(H5S_SCALAR);
    H5Tset_size(text, 5);
    mock_write_zeros(file, "cube", H5T_IEEE_F64LE, 3, (hsize_t[]){2, 3, 4});
    H5Dclose(H5Dcreate2(file, "text", text, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(file, "one", H5T_IEEE_F64LE, one, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Sclose(one);
    H5Tclose(text);
    H5Fclose(file);
}

START_TEST(what_is_no_array_is_refused)
{
    const char *const names[] = {"cube", "one", "group", "nothing", "a/b", ""};
    const mock_folder folder = mock_folder_create();
    const char *path = mock_path(&folder, "odd.h5");
    const int64_t n_handles = mock_open_handles();
    hid_t file;
    km_error error = {0};
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        write_no_arrays(path);
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_all(open_file(path, MPI_COMM_WORLD, &file, &error) == KM_OK);
    for (int i = 0; i < 6; i++) {
        km_h5_array array;
        km_error why = {0};
        km_h5_open_array(file, names[i], &array, &why);
        ck_assert_fails(why, KM_DATA, names[i]);
        ck_assert_all(array.dataset < 0);
    }
    H5Fclose(file);
    ck_assert_int_eq(mock_open_handles(), n_handles);
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(texts_are_no_numbers)
{
    double value = 0;
    km_error error = {0};
    const hid_t text = H5Tcopy(H5T_C_S1);
    ck_assert(!km_h5_is_native(text, KM_FLOAT64));
    ck_assert(km_h5_convert(text, KM_FLOAT64, 1, &value, &error) == KM_DATA);
    H5Tclose(text);
}
END_TEST

START_TEST(rows_beyond_the_end_are_an_error)
{
    const mock_folder folder = mock_folder_create();
    const char *path = mock_path(&folder, "array.h5");
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        write_array(path, H5T_IEEE_F64LE, 2, (mock_storage){{0}, 0});
    MPI_Barrier(MPI_COMM_WORLD);
    hid_t file;
    km_h5_array array;
    km_error error = {0};
    double values[COLUMNS * 10];
    ck_assert_all(km_h5_open(path, &file, &error) == KM_OK);
    ck_assert_all(km_h5_open_array(file, "array", &array, &error) == KM_OK);
    km_h5_read_rows(&array, (km_rows){ROWS - 5, 10}, 0, COLUMNS, array.type, values, &error);
    ck_assert_all(error.code == KM_DATA && error.text[0] != '\0');
    km_h5_close_array(&array);
    H5Fclose(file);
    mock_folder_remove(&folder);
}
END_TEST

/* ---- writing -------------------------------------------------------------------------------- */

/* Puts down, or compares, the contents of a small file; `number` is one of them. */
static bool put_contents(hid_t file, const km_h5_verbs *verbs, double number)
{
    const hsize_t shape[2] = {2, 3};
    const int64_t values[6] = {1, 2, 3, 4, 5, 6};
    const char *const texts[] = {"deg", "", "mas/yr"}, *const one = "text";
    const hid_t type = km_h5_text_type();
    const bool is_done = verbs->group(file, "group") &&
                         verbs->attribute(file, "number", H5T_NATIVE_DOUBLE, &number) &&
                         verbs->attribute(file, "text", type, &one) &&
                         verbs->texts(file, "texts", texts, 3) &&
                         verbs->array(file, "group/array", H5T_NATIVE_INT64, 2, shape, values) &&
                         verbs->array(file, "names", type, 1, &shape[1], texts);
    H5Tclose(type);
    return is_done;
}

/* Rank 0 saves a file with room for `n` integers; all ranks learn where. */
static int64_t save_and_reserve(const char *path, int64_t n)
{
    int64_t offset = 0;
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        mock_write_file(path, "", 0);
        const hid_t memory = km_h5_create_in_memory();
        if (!put_contents(memory, &km_h5_write, 1.5) ||
            !km_h5_declare(memory, "labels", "row", H5T_NATIVE_INT32, n) ||
            !km_h5_save(memory, path))
            offset = -1;
        H5Fclose(memory);
        const hid_t file = km_h5_open_to_add(path);
        if (offset == 0)
            offset = km_h5_reserve(file, "labels");
        H5Fclose(file);
    }
    km_broadcast(MPI_COMM_WORLD, 0, &offset, sizeof offset);
    return offset;
}

/* Every rank writes its rows to where they belong. */
static bool write_slab(const char *path, km_rows slab, int64_t offset, int32_t *values)
{
    for (int64_t i = 0; i < slab.count; i++)
        values[i] = (int32_t)(3 * (slab.first + i) - 7);
    const int descriptor = open(path, O_WRONLY);
    const bool is_written =
        km_write_at(descriptor, values, 4 * slab.count, offset + 4 * slab.first);
    return close(descriptor) == 0 && is_written;
}

static void check_rows(const char *path, int64_t n)
{
    const km_rows slab = km_slab(n, km_comm_size(MPI_COMM_WORLD), km_comm_rank(MPI_COMM_WORLD));
    int32_t *written = mock_memory(slab.count, sizeof *written);
    int32_t *read = mock_memory(slab.count, sizeof *read);
    const int64_t offset = save_and_reserve(path, n);
    hid_t file;
    km_error error = {0};
    ck_assert_all(offset > 0);
    ck_assert_all(write_slab(path, slab, offset, written));
    ck_assert_all(open_file(path, MPI_COMM_WORLD, &file, &error) == KM_OK);
    const hid_t dataset = H5Dopen2(file, "labels", H5P_DEFAULT);
    ck_assert_all(km_h5_reread_rows(dataset, H5T_NATIVE_INT32, slab, read));
    ck_assert_all(memcmp(written, read, (size_t)slab.count * sizeof *read) == 0);
    ck_assert_all(put_contents(file, &km_h5_compare, 1.5));
    H5Dclose(dataset);
    H5Fclose(file);
    free(written);
    free(read);
}

START_TEST(rows_are_written_beside_the_contents)
{
    const int64_t numbers[] = {1, 2, 64, 65, 1000, 100000}; /* 1: ranks without rows */
    const mock_folder folder = mock_folder_create();
    const char *path = mock_path(&folder, "labels.h5");
    const int64_t n_handles = mock_open_handles();
    for (int i = 0; i < 6; i++)
        check_rows(path, numbers[i]);
    ck_assert_int_eq(mock_open_handles(), n_handles);
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(comparing_notices_what_differs)
{
    const int64_t n_handles = mock_open_handles();
    const int64_t others[6] = {1, 2, 3, 4, 5, 7};
    const char *const texts[] = {"deg", "", "mas"};
    const hsize_t shape[2] = {2, 3}, longer[2] = {3, 3};
    const hid_t file = km_h5_create_in_memory();
    ck_assert(put_contents(file, &km_h5_write, 1.5));
    ck_assert(put_contents(file, &km_h5_compare, 1.5));
    ck_assert(!put_contents(file, &km_h5_compare, 1.25));
    const km_h5_verbs *compare = &km_h5_compare;
    ck_assert(!compare->array(file, "group/array", H5T_NATIVE_INT64, 2, shape, others));
    ck_assert(!compare->array(file, "group/array", H5T_NATIVE_INT64, 2, longer, others));
    ck_assert(!compare->array(file, "nothing", H5T_NATIVE_INT64, 2, shape, others));
    ck_assert(!compare->texts(file, "texts", texts, 3));
    ck_assert(!compare->texts(file, "texts", texts, 2));
    ck_assert(!compare->group(file, "nothing"));
    H5Fclose(file);
    ck_assert_int_eq(mock_open_handles(), n_handles);
}
END_TEST

START_TEST(what_can_not_be_saved_is_noticed)
{
    const mock_folder folder = mock_folder_create();
    const hid_t file = km_h5_create_in_memory();
    ck_assert(!km_h5_save(file, mock_path(&folder, "nothing.h5")));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert(km_h5_open_to_add(mock_path(&folder, "nothing.h5")) < 0);
    H5Fclose(file);
    MPI_Barrier(MPI_COMM_WORLD);
    mock_folder_remove(&folder);
}
END_TEST

/* ---- texts and attributes ------------------------------------------------------------------- */

static void write_fixed_text(hid_t object, const char *name, const char *text, size_t size)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD); /* as NumPy writes: no zero byte at the end */
    if (!km_h5_write.attribute(object, name, type, text))
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Tclose(type);
}

/* Text attributes of a file in memory, on each rank alone. */
static void check_text(hid_t file, const char *name, size_t size, const char *right)
{
    char text[64];
    memset(text, 'x', sizeof text);
    km_h5_read_text(file, name, text, size);
    ck_assert_str_eq(text, right);
}

START_TEST(texts_are_read_in_all_forms)
{
    const int64_t n_handles = mock_open_handles();
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, false);
    const hid_t file = H5Fcreate("texts in memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    const char *const several[] = {"a", "b"};
    const double number = 1;
    mock_write_text(file, "variable", "mas/yr");
    mock_write_text(file, "empty", "");
    ck_assert(km_h5_write.texts(file, "several", several, 2));
    ck_assert(km_h5_write.attribute(file, "number", H5T_NATIVE_DOUBLE, &number));
    ck_assert(!km_h5_write.attribute(file, "number", H5T_NATIVE_DOUBLE, &number));
    write_fixed_text(file, "fixed", "deg", 3);
    write_fixed_text(file, "padded", "deg\0\0\0\0", 7);
    check_text(file, "variable", 64, "mas/yr");
    check_text(file, "variable", 4, "mas");
    check_text(file, "fixed", 64, "deg");
    check_text(file, "fixed", 3, "de");
    check_text(file, "padded", 64, "deg");
    check_text(file, "empty", 64, "");
    check_text(file, "several", 64, "");
    check_text(file, "number", 64, "");
    check_text(file, "nothing", 64, "");
    H5Fclose(file);
    H5Pclose(access);
    ck_assert_int_eq(mock_open_handles(), n_handles);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        files_open_alone_and_together,
        what_is_no_file_is_refused,
        truncated_files_are_refused,
        all_types_are_read,
        all_storages_are_read,
        what_is_no_array_is_refused,
        texts_are_no_numbers,
        rows_beyond_the_end_are_an_error,
        rows_are_written_beside_the_contents,
        comparing_notices_what_differs,
        what_can_not_be_saved_is_noticed,
        texts_are_read_in_all_forms,
    };
    return SUITE_OF("h5", tests);
}
