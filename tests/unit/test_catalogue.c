#include "choose_table.h"
#include "found_tables.h"
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "catalogue/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a file with all kinds of tables -------------------------------------------------------- */

static void write_columns(hid_t file, const char *group, const char *suffix,
                          const char *const *names, hid_t type, hsize_t length)
{
    for (; *names != NULL; names++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s%s", group, *names, suffix);
        mock_write_zeros(file, path, type, 1, &length);
    }
}

/* A one-dimensional dataset of texts. */
static void write_texts(hid_t file, const char *name, hsize_t length)
{
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &length, NULL);
    H5Tset_size(type, 8);
    H5Dclose(H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Tclose(type);
}

static void write_units(hid_t file, const char *dataset, const char *name, const char *units)
{
    const hid_t object = H5Oopen(file, dataset, H5P_DEFAULT);
    mock_write_text(object, name, units);
    H5Oclose(object);
}

/* Seven tables: /array, /table/columns as vaex has it, /plain, /deep/er/group, /small, and in
 * /truth a column and an array, since that is a name like any other. */
static void write_tables(hid_t file)
{
    const char *const vaex[] = {"ra", "dec", "b-v", NULL}, *const plain[] = {"x", "y", "z", NULL};
    const char *const deep[] = {"u", "v", NULL};
    const hsize_t array[2] = {100, 7}, small[2] = {4, 2}, cube[3] = {2, 3, 4}, empty[2] = {5, 0};
    const hsize_t ten = 10, eleven = 11;
    mock_write_zeros(file, "/array", H5T_IEEE_F32LE, 2, array);
    write_columns(file, "/table/columns", "/data", vaex, H5T_IEEE_F64LE, 50);
    mock_write_zeros(file, "/table/columns/id/data", H5T_STD_I64LE, 1, &(hsize_t){50});
    write_units(file, "/table/columns/ra/data", "unit", "deg");
    write_columns(file, "/plain", "", plain, H5T_IEEE_F64BE, 20);
    write_units(file, "/plain/x", "units", "mag");
    write_texts(file, "/plain/name", 20);
    write_columns(file, "/deep/er/group", "", deep, H5T_STD_I16LE, 30);
    mock_write_zeros(file, "/small", H5T_STD_U8LE, 2, small);
    mock_write_zeros(file, "/truth/labels", H5T_STD_I32LE, 1, &ten);
    mock_write_zeros(file, "/truth/centers", H5T_IEEE_F64LE, 2, small);
    /* no tables: */
    mock_write_zeros(file, "/cube", H5T_IEEE_F64LE, 3, cube);
    mock_write_zeros(file, "/uneven/a", H5T_IEEE_F64LE, 1, &ten);
    mock_write_zeros(file, "/uneven/b", H5T_IEEE_F64LE, 1, &eleven);
    mock_write_zeros(file, "/plain.__table_column_meta__", H5T_IEEE_F64LE, 2, small);
    mock_write_zeros(file, "/empty", H5T_IEEE_F64LE, 2, empty);
    H5Gclose(H5Gcreate2(file, "/nothing", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(H5Gcreate2(file, "/texts", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    write_texts(file, "/texts/a", 5);
    H5Lcreate_soft("/nowhere", file, "/dangling", H5P_DEFAULT, H5P_DEFAULT);
}

/* ---- discovery ------------------------------------------------------------------------------ */

static const km_table *table_at(const found *f, const char *path)
{
    for (int64_t i = 0; i < f->tables.count; i++)
        if (strcmp(f->tables.tables[i].path, path) == 0)
            return &f->tables.tables[i];
    return NULL;
}

static void check_shape(const found *f, const char *path, bool is_array, int64_t n_rows,
                        int64_t n_columns)
{
    const km_table *table = table_at(f, path);
    ck_assert_msg(table != NULL, "%s was not found", path);
    ck_assert_msg(table->is_array == is_array && table->n_rows == n_rows &&
                      table->n_columns == n_columns,
                  "%s: %d, %lld rows, %lld columns", path, table->is_array,
                  (long long)table->n_rows, (long long)table->n_columns);
}

START_TEST(all_layouts_are_found_and_nothing_else)
{
    found f = find_tables(write_tables);
    ck_assert_int_eq(f.tables.count, 8); /* one with a flaw */
    ck_assert_str_ne(table_at(&f, "/uneven")->flaw, "");
    check_shape(&f, "/array", true, 100, 7);
    check_shape(&f, "/table/columns", false, 50, 4);
    check_shape(&f, "/plain", false, 20, 4);
    check_shape(&f, "/deep/er/group", false, 30, 2);
    check_shape(&f, "/small", true, 4, 2);
    check_shape(&f, "/truth", false, 10, 2); /* not equally long */
    check_shape(&f, "/truth/centers", true, 4, 2);
    found_free(&f);
}
END_TEST

static const km_column *column_called(const km_table *table, const char *name)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    ck_abort_msg("no column %s", name);
    return NULL;
}

START_TEST(columns_have_types_units_and_places)
{
    found f = find_tables(write_tables);
    const km_column *ra = column_called(table_at(&f, "/table/columns"), "ra");
    ck_assert_str_eq(ra->values.dataset, "/table/columns/ra/data");
    ck_assert_str_eq(ra->units, "deg");
    ck_assert(ra->is_numeric && ra->is_floating && !ra->fits_float32);
    const km_column *id = column_called(table_at(&f, "/table/columns"), "id");
    ck_assert(id->is_numeric && !id->is_floating && !id->fits_float32);
    const km_column *x = column_called(table_at(&f, "/plain"), "x");
    ck_assert_str_eq(x->values.dataset, "/plain/x");
    ck_assert_str_eq(x->units, "mag");
    ck_assert(!column_called(table_at(&f, "/plain"), "name")->is_numeric);
    ck_assert_str_eq(column_called(table_at(&f, "/plain"), "y")->units, "");
    const km_column *u = column_called(table_at(&f, "/deep/er/group"), "u");
    ck_assert(u->is_numeric && !u->is_floating && u->fits_float32);
    ck_assert(table_at(&f, "/array")->columns[0].fits_float32);
    found_free(&f);
}
END_TEST

static void write_root_columns(hid_t file)
{
    const char *const names[] = {"b", "a", NULL};
    write_columns(file, "", "", names, H5T_IEEE_F64LE, 6);
}

START_TEST(the_root_is_a_group_of_columns_too)
{
    found f = find_tables(write_root_columns);
    km_error error = {0};
    ck_assert_int_eq(f.tables.count, 1);
    check_shape(&f, "/", false, 6, 2);
    ck_assert_str_eq(f.tables.tables[0].columns[0].name, "a"); /* by name, not by age */
    ck_assert_str_eq(f.tables.tables[0].columns[0].values.dataset, "/a");
    ck_assert_ptr_nonnull(choose_table(&f.tables, "/", f.path, &error));
    found_free(&f);
}
END_TEST

static void write_nothing(hid_t file)
{
    const hsize_t cube[3] = {2, 2, 2};
    mock_write_zeros(file, "cube", H5T_IEEE_F64LE, 3, cube);
}

START_TEST(a_file_without_tables_is_refused)
{
    found f = find_tables(write_nothing);
    km_error error = {0};
    ck_assert_int_eq(f.tables.count, 0);
    ck_assert_ptr_null(choose_table(&f.tables, NULL, f.path, &error));
    ck_assert_fails(error, KM_DATA, f.path);
    found_free(&f);
}
END_TEST

static void write_loop(hid_t file)
{
    const hsize_t shape[2] = {3, 2};
    H5Gclose(H5Gcreate2(file, "/group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_hard(file, "/group", file, "/group/again", H5P_DEFAULT, H5P_DEFAULT);
    mock_write_zeros(file, "/table", H5T_IEEE_F64LE, 2, shape);
}

static void write_table_in_loop(hid_t file)
{
    const hsize_t length = 5;
    mock_write_zeros(file, "/group/x", H5T_IEEE_F64LE, 1, &length);
    H5Lcreate_hard(file, "/group", file, "/group/again", H5P_DEFAULT, H5P_DEFAULT);
}

START_TEST(links_may_form_loops)
{
    found f = find_tables(write_loop);
    ck_assert_int_eq(f.tables.count, 1);
    found_free(&f);
}
END_TEST

/* One table, whatever the number of paths that lead to it. */
START_TEST(a_table_in_a_loop_is_found_once)
{
    found f = find_tables(write_table_in_loop);
    ck_assert_int_eq(f.tables.count, 1);
    check_shape(&f, "/group", false, 5, 1);
    found_free(&f);
}
END_TEST

/* ---- the table ------------------------------------------------------------------------------ */

START_TEST(several_candidates_are_listed)
{
    found f = find_tables(write_tables);
    const char *const paths[] = {"/array", "/table/columns", "/plain", "/deep/er/group", "/truth"};
    km_error none = {0}, unknown = {0};
    ck_assert_ptr_null(choose_table(&f.tables, NULL, f.path, &none));
    ck_assert_ptr_null(choose_table(&f.tables, "nothing", f.path, &unknown));
    ck_assert_fails(unknown, KM_DATA, "dataset nothing");
    for (int i = 0; i < 5; i++) {
        ck_assert_fails(none, KM_DATA, paths[i]);
        ck_assert_fails(unknown, KM_DATA, paths[i]);
    }
    found_free(&f);
}
END_TEST

static void check_choice(const found *f, const char *name, const char *path)
{
    km_error error = {0};
    const km_table *table = choose_table(&f->tables, name, f->path, &error);
    ck_assert_msg(table != NULL, "%s: %s", name, error.text);
    ck_assert_str_eq(table->path, path);
}

START_TEST(tables_are_called_with_and_without_slashes)
{
    found f = find_tables(write_tables);
    const char *const names[][2] = {
        {"/array", "/array"},
        {"array", "/array"},
        {"array/", "/array"},
        {"//array//", "/array"},
        {"/table/columns", "/table/columns"},
        {"/table", "/table/columns"},
        {"table", "/table/columns"},
        {"deep/er/group", "/deep/er/group"},
    };
    const char *const wrong[] = {"arra", "arrays", "/", "", "tab", "deep", "trut", "/truth/center"};
    for (int i = 0; i < 8; i++)
        check_choice(&f, names[i][0], names[i][1]);
    for (int i = 0; i < 8; i++) {
        km_error error = {0};
        ck_assert_ptr_null(choose_table(&f.tables, wrong[i], f.path, &error));
        ck_assert_fails(error, KM_DATA, "no such table");
    }
    found_free(&f);
}
END_TEST

static void write_many(hid_t file)
{
    const hsize_t shape[2] = {3, 2};
    for (int i = 0; i < 60; i++) {
        char name[64];
        snprintf(name, sizeof name, "/a_rather_long_name_of_a_table_%d", i);
        mock_write_zeros(file, name, H5T_IEEE_F64LE, 2, shape);
    }
}

START_TEST(a_long_list_of_candidates_is_cut)
{
    found f = find_tables(write_many);
    km_error error = {0};
    ck_assert_ptr_null(choose_table(&f.tables, NULL, f.path, &error));
    ck_assert_fails(error, KM_DATA, " ...");
    found_free(&f);
}
END_TEST

/* ---- the columns ---------------------------------------------------------------------------- */

START_TEST(lists_choose_columns_in_their_order)
{
    found f = find_tables(write_tables);
    const char *const cases[][3] = {
        {"/array", NULL, "0 1 2 3 4 5 6"},
        {"/array", "3", "3"},
        {"/array", "5:7", "5 6"},
        {"/array", "6,0,2:4", "6 0 2 3"},
        {"/array", "0:7", "0 1 2 3 4 5 6"},
        {"/table/columns", NULL, "b-v dec ra"}, /* not the id: an integer */
        {"/table/columns", "ra,dec", "ra dec"},
        {"/table/columns", "{b-v},id", "b-v id"},
        {"/table/columns", "b-v", "b-v"},
        {"/plain", NULL, "x y z"},
        {"/deep/er/group", "v,u", "v u"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        km_error error;
        const char *names = choose_names(&f, table_at(&f, cases[i][0]), cases[i][1], &error);
        ck_assert_msg(error.code == KM_OK, "-c %s: %s", cases[i][1], error.text);
        ck_assert_str_eq(names, cases[i][2]);
    }
    found_free(&f);
}
END_TEST

START_TEST(positions_are_those_of_the_array)
{
    found f = find_tables(write_tables);
    km_error error = {0};
    int64_t count;
    km_column *columns = choose_columns(&f, table_at(&f, "/array"), "6,2", &count, &error);
    ck_assert_int_eq(count, 2);
    ck_assert(columns[0].values.position == 6 && columns[1].values.position == 2);
    ck_assert_str_eq(columns[1].values.dataset, "/array");
    free(columns);
    found_free(&f);
}
END_TEST

START_TEST(bad_lists_are_refused)
{
    found f = find_tables(write_tables);
    const struct {
        const char *table, *list;
        km_code code;
        const char *word;
    } cases[] = {
        {"/array", "7", KM_DATA, "column 7"},
        {"/array", "-1", KM_DATA, "column -1"},
        {"/array", "3:8", KM_DATA, "3:8"},
        {"/array", "4:4", KM_DATA, "4:4"},
        {"/array", "5:3", KM_DATA, "5:3"},
        {"/array", "x", KM_DATA, "columns 0 to 6"},
        {"/array", "1:", KM_DATA, "1:"},
        {"/array", ":3", KM_DATA, ":3"},
        {"/array", "0x1", KM_DATA, "0x1"},
        {"/array", "9223372036854775807", KM_DATA, "9223372036854775807"},
        {"/array", "99999999999999999999", KM_DATA, "99999999999999999999"},
        {"/array", "1,,2", KM_USAGE, "-c"},
        {"/array", "1,", KM_USAGE, "-c"},
        {"/plain", "", KM_USAGE, "-c"},
        {"/plain", "name", KM_DATA, "name"},
        {"/plain", "X", KM_DATA, "'x'"},
        {"/table/columns", "decl", KM_DATA, "'dec'"},
        {"/table/columns", "ra,{ dec}", KM_DATA, "'dec'"}, /* blanks in braces count */
        {"/table/columns", "{ra,dec}", KM_DATA, "ra,dec"},
        {"/deep/er/group", NULL, KM_DATA, "-c"}, /* no floating-point column */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        km_error error;
        choose_names(&f, table_at(&f, cases[i].table), cases[i].list, &error);
        ck_assert_fails(error, cases[i].code, cases[i].word);
        ck_assert_ptr_nonnull(
            strstr(error.text, cases[i].code == KM_DATA ? cases[i].table : "column"));
    }
    found_free(&f);
}
END_TEST

/* A name longer than anything in the file must not break the message. */
START_TEST(long_names_are_refused)
{
    found f = find_tables(write_tables);
    char list[5000];
    km_error error;
    memset(list, 'r', sizeof list - 1);
    list[sizeof list - 1] = '\0';
    choose_names(&f, table_at(&f, "/plain"), list, &error);
    ck_assert_fails(error, KM_DATA, "no such column");
    choose_names(&f, table_at(&f, "/array"), list, &error);
    ck_assert_fails(error, KM_DATA, "no such column");
    found_free(&f);
}
END_TEST

/* ---- the text of the features --------------------------------------------------------------- */

START_TEST(the_text_chooses_the_same_columns_again)
{
    found f = find_tables(write_tables);
    const char *const cases[][3] = {
        {"/table", "{b-v},ra", "{b-v},ra"}, {"/array", "1:4", "1:4"}, {"/plain", NULL, "x,y,z"}};
    for (int i = 0; i < 3; i++) {
        km_catalogue catalogue;
        km_error error = {0};
        const km_catalogue_name name = {MOCK_PATH(f.path), .table = cases[i][0],
                                        .columns = cases[i][1]};
        ck_assert_all(km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error) == KM_OK);
        char *text = km_catalogue_columns_text(&catalogue, &error);
        ck_assert_str_eq(text, cases[i][2]);
        free(text);
        km_catalogue_close(&catalogue);
    }
    found_free(&f);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        all_layouts_are_found_and_nothing_else,
        columns_have_types_units_and_places,
        the_root_is_a_group_of_columns_too,
        a_file_without_tables_is_refused,
        links_may_form_loops,
        a_table_in_a_loop_is_found_once,
        several_candidates_are_listed,
        tables_are_called_with_and_without_slashes,
        a_long_list_of_candidates_is_cut,
        lists_choose_columns_in_their_order,
        positions_are_those_of_the_array,
        bad_lists_are_refused,
        long_names_are_refused,
        the_text_chooses_the_same_columns_again,
    };
    return SUITE_OF("catalogue", tests);
}
