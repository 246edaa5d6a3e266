/* First centers from files. */
#include "mock.h"
#include "mpi_check.h"

#include "base/error.h"
#include "base/precision.h"
#include "catalogue/first_centers.h"

#include <string.h>

static const double ORIGINAL[] = {1, 2, 3, 4, -5, 6.5};

/* Asks for three centers of two features from a file; collective over the world. */
static km_code read_centers(const char *path, double *centers, km_error *error)
{
    const km_first_centers asked = {.file = path, .n_clusters = 3, .n_features = 2};
    *error = (km_error){0};
    return km_first_centers_read(&asked, centers, MPI_COMM_WORLD, error);
}

static void check_centers(const char *path)
{
    double centers[6] = {0};
    km_error error;
    const km_code code = read_centers(path, centers, &error);
    ck_assert_all(code == KM_OK);
    ck_assert_all(memcmp(centers, ORIGINAL, sizeof ORIGINAL) == 0);
}

static void check_failure(const char *path, km_code right, const char *word)
{
    double centers[6];
    km_error error;
    const km_code code = read_centers(path, centers, &error);
    ck_assert_all(code == error.code);
    ck_assert_fails(error, right, word);
}

/* Rank 0 writes a text; the others wait for it. */
static const char *text_file(const mock_folder *folder, const char *text)
{
    const char *path = mock_path(folder, "centers.txt");
    MPI_Barrier(MPI_COMM_WORLD);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        mock_write_file(path, text, strlen(text));
    MPI_Barrier(MPI_COMM_WORLD);
    return path;
}

START_TEST(centers_from_text)
{
    const char *const texts[] = {
        "1 2\n3 4\n-5 6.5\n",
        "# first centers\n1,2\n\n3, 4 # second\n-5;\t6.5",
        "  1\t2\r\n3 4\r\n-5 6.5\r\n",
        "1e0 2.0\n0.3e1 4\n-50e-1 +6.5\n   \n#\n",
    };
    const mock_folder folder = mock_folder_create();
    for (int i = 0; i < 4; i++)
        check_centers(text_file(&folder, texts[i]));
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(bad_texts_are_refused_on_all_ranks)
{
    const mock_folder folder = mock_folder_create();
    check_failure(text_file(&folder, "1 2\n3 4\n"), KM_DATA, "shape");
    check_failure(text_file(&folder, "1 2\n3 4\n5 6\n7 8\n"), KM_DATA, "shape");
    check_failure(text_file(&folder, "1 2 3\n3 4 5\n5 6 7\n"), KM_DATA, "wrong number of values");
    check_failure(text_file(&folder, "1\n3\n5\n"), KM_DATA, "wrong number of values");
    check_failure(text_file(&folder, ""), KM_DATA, "shape");
    check_failure(text_file(&folder, "1 2\n3 four\n5 6\n"), KM_DATA, "line 2");
    check_failure(text_file(&folder, "1 2\n3 4\nnan 6\n"), KM_DATA, "line 3");
    check_failure(text_file(&folder, "1 2\n3 inf\n5 6\n"), KM_DATA, "line 2");
    check_failure(text_file(&folder, "1 2\n3 1e400\n5 6\n"), KM_DATA, "line 2");
    check_failure(text_file(&folder, "1 2\n3 1.7e308\n5 6\n1.7e308"), KM_DATA,
                  "wrong number of values");
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(missing_files_are_a_fault_of_the_system)
{
    const mock_folder folder = mock_folder_create();
    check_failure(mock_path(&folder, "nothing.txt"), KM_SYSTEM, "nothing.txt");
    check_failure(mock_path(&folder, "nothing.h5:/centers"), KM_SYSTEM, "nothing.h5");
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(a_folder_is_no_file_of_centers)
{
    const mock_folder folder = mock_folder_create();
    check_failure(folder.path, KM_SYSTEM, folder.path);
    mock_folder_remove(&folder);
}
END_TEST

/* ---- HDF5 ----------------------------------------------------------------------------------- */

static hid_t create_h5(const char *path)
{
    return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

static void write_2d(hid_t file, const char *name, hsize_t k, hsize_t d, const double *values)
{
    const hsize_t shape[2] = {k, d};
    if (!km_h5_write.array(file, name, H5T_NATIVE_DOUBLE, 2, shape, values))
        MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Files with the centers at different places; by rank 0. */
static void write_h5_files(const mock_folder *folder)
{
    const double other[20] = {0}, bad[6] = {1, 2, 3, NAN, 5, 6};
    hid_t file = create_h5(mock_path(folder, "result.h5")); /* like a result: more than centers */
    write_2d(file, "centers", 3, 2, ORIGINAL);
    write_2d(file, "model", 3, 2, other);
    H5Fclose(file);
    file = create_h5(mock_path(folder, "only.h5"));
    write_2d(file, "start", 3, 2, ORIGINAL);
    H5Fclose(file);
    file = create_h5(mock_path(folder, "several.h5"));
    H5Gclose(H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    write_2d(file, "group/a", 3, 2, ORIGINAL);
    write_2d(file, "b", 4, 5, other);
    write_2d(file, "nan", 3, 2, bad);
    H5Fclose(file);
    mock_write_file(mock_path(folder, "junk.h5"), "\211HDF\r\n\032\njunk", 12);
}

START_TEST(centers_from_hdf5)
{
    const mock_folder folder = mock_folder_create();
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        write_h5_files(&folder);
    MPI_Barrier(MPI_COMM_WORLD);
    check_centers(mock_path(&folder, "result.h5"));
    check_centers(mock_path(&folder, "only.h5"));
    check_centers(mock_path(&folder, "only.h5:/start"));
    check_centers(mock_path(&folder, "several.h5:/group/a"));
    check_failure(mock_path(&folder, "several.h5"), KM_DATA, "several arrays");
    check_failure(mock_path(&folder, "several.h5:/b"), KM_DATA, "shape");
    check_failure(mock_path(&folder, "several.h5:/c"), KM_DATA, "/c");
    check_failure(mock_path(&folder, "several.h5:/nan"), KM_DATA, "center 1, value 1");
    check_failure(mock_path(&folder, "junk.h5"), KM_DATA, "junk.h5");
    ck_assert_int_eq(mock_open_handles(), 0);
    mock_folder_remove(&folder);
}
END_TEST

/* An existing file name wins over the colon. */
START_TEST(a_file_may_have_a_colon_in_its_name)
{
    const mock_folder folder = mock_folder_create();
    const char *path = mock_path(&folder, "a:b.txt");
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        mock_write_file(path, "1 2\n3 4\n-5 6.5\n", 15);
    MPI_Barrier(MPI_COMM_WORLD);
    check_centers(path);
    mock_folder_remove(&folder);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        centers_from_text,
        bad_texts_are_refused_on_all_ranks,
        missing_files_are_a_fault_of_the_system,
        a_folder_is_no_file_of_centers,
        centers_from_hdf5,
        a_file_may_have_a_colon_in_its_name,
    };
    return SUITE_OF("centers", tests);
}
