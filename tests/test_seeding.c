#include "mock.h"
#include "mpi_check.h"

#include "skymeans/seeding.h"

static const km_precision BOTH[] = {KM_FLOAT32, KM_FLOAT64};

/* ---- choice of rows ------------------------------------------------------------------------- */

typedef struct keyed {
    uint64_t key;
    int64_t row;
} keyed;

static int by_key_and_row(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* All used rows in the order of their random numbers. */
static keyed *sorted_rows(const mock *data, uint64_t seed, int64_t *count)
{
    keyed *rows = mock_memory(data->n, sizeof *rows);
    *count = 0;
    for (int64_t i = 0; i < data->n; i++)
        if (!data->is_missing[i])
            rows[(*count)++] = (keyed){km_random(seed, KM_RANDOM_ROWS, (uint64_t)i), i};
    qsort(rows, (size_t)*count, sizeof *rows, by_key_and_row);
    return rows;
}

/* A byte for each row of the data: was it chosen on any rank? */
static uint8_t *choose(const mock *data, int64_t wanted, uint64_t seed, MPI_Comm comm,
                       int64_t *n_all)
{
    km_samples samples = mock_samples(data, KM_FLOAT64, comm);
    int64_t *chosen, n_chosen;
    km_error error = {0};
    const km_choice choice = {wanted, seed, km_stream(KM_RANDOM_ROWS, 0, 0)};
    const km_code code = km_choose_samples(&samples, &choice, comm, &chosen, &n_chosen, &error);
    ck_assert_all(code == KM_OK);
    int64_t *is_chosen = mock_memory(data->n, sizeof *is_chosen);
    bool is_ascending = true;
    for (int64_t i = 0; i < n_chosen; i++) {
        is_ascending = is_ascending && (i == 0 || chosen[i] > chosen[i - 1]);
        is_chosen[km_samples_row(&samples, chosen[i])]++;
    }
    ck_assert_all(is_ascending);
    km_sum_int64(comm, is_chosen, data->n);
    km_sum_int64(comm, &n_chosen, 1);
    *n_all = n_chosen;
    uint8_t *bytes = mock_memory(data->n, 1);
    for (int64_t i = 0; i < data->n; i++)
        bytes[i] = (uint8_t)is_chosen[i];
    free(is_chosen);
    free(chosen);
    km_samples_free(&samples);
    return bytes;
}

static void check_choice(const mock *data, int64_t wanted, uint64_t seed, MPI_Comm comm)
{
    int64_t n_used, n_chosen;
    keyed *sorted = sorted_rows(data, seed, &n_used);
    uint8_t *is_chosen = choose(data, wanted, seed, comm, &n_chosen);
    const int64_t n_right = wanted < n_used ? wanted : n_used;
    ck_assert_all(n_chosen == n_right);
    for (int64_t i = 0; i < n_right; i++)
        ck_assert_int_eq(is_chosen[sorted[i].row], 1);
    free(is_chosen);
    free(sorted);
}

START_TEST(choice_is_the_smallest_random_numbers)
{
    mock data = mock_mixture(1500, 1, 2, 1);
    mock_drop_rows(&data);
    for (int64_t wanted = 1; wanted < 3000; wanted = 3 * wanted + 1)
        for (uint64_t seed = 0; seed < 3; seed++) {
            check_choice(&data, wanted, seed, MPI_COMM_WORLD);
            check_choice(&data, wanted, seed, MPI_COMM_SELF);
        }
    check_choice(&data, INT64_MAX, 7, MPI_COMM_WORLD);
    mock_free(&data);
}
END_TEST

START_TEST(choice_works_with_few_samples)
{
    for (int64_t n = 1; n <= 5; n++) {
        mock data = mock_mixture(n, 1, 1, 2);
        for (int64_t wanted = 1; wanted <= n + 1; wanted++)
            check_choice(&data, wanted, UINT64_MAX, MPI_COMM_WORLD);
        mock_free(&data);
    }
}
END_TEST

/* ---- seedings of the table ------------------------------------------------------------------ */

static const km_seeding *seeding_called(const char *name)
{
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++)
        if (strcmp(seeding->name, name) == 0)
            return seeding;
    ck_abort_msg("no seeding is called %s", name);
    return NULL;
}

/* How to seed, but for samples and communicator. */
typedef struct seed_order {
    const char *seeding;
    int64_t k, n_rows;
    uint64_t seed;
    km_precision precision;
} seed_order;

/* The centers [k][d], which the caller frees. */
static double *seed_centers(const seed_order *order, const mock *data, MPI_Comm comm)
{
    km_samples samples = mock_samples(data, order->precision, comm);
    const km_seeding_task task = {.samples = &samples,
                                  .kernel = km_kernel_choose("auto", km_kernels_available()),
                                  .n_clusters = order->k,
                                  .n_rows = order->n_rows,
                                  .random_seed = order->seed,
                                  .comm = comm};
    double *centers = mock_memory(order->k * data->d, sizeof *centers);
    km_error error = {0};
    const km_code code = seeding_called(order->seeding)->choose(&task, centers, &error);
    ck_assert_all(code == KM_OK);
    km_samples_free(&samples);
    return centers;
}

static bool is_same_row(const double *a, const double *b, int64_t d)
{
    return memcmp(a, b, (size_t)d * sizeof *a) == 0;
}

/* The lowest used row with these values, rounded; -1 if there is none. */
static int64_t find_row(const mock *data, km_precision precision, const double *center)
{
    for (int64_t i = 0; i < data->n; i++) {
        bool is_found = !data->is_missing[i];
        for (int64_t j = 0; j < data->d; j++) {
            const double value = data->values[i * data->d + j];
            is_found &= center[j] == (precision == KM_FLOAT32 ? (double)(float)value : value);
        }
        if (is_found)
            return i;
    }
    return -1;
}

static int64_t count_duplicates(const double *centers, int64_t k, int64_t d)
{
    int64_t count = 0;
    for (int64_t c = 1; c < k; c++)
        for (int64_t other = 0; other < c; other++)
            count += is_same_row(centers + c * d, centers + other * d, d);
    return count;
}

/* On all ranks together and on each alone: the same bits. Returns the centers. */
static double *check_partitions(const seed_order *order, const mock *data)
{
    double *together = seed_centers(order, data, MPI_COMM_WORLD);
    double *alone = seed_centers(order, data, MPI_COMM_SELF);
    ck_assert_all(memcmp(together, alone, (size_t)(order->k * data->d) * sizeof(double)) == 0);
    free(alone);
    return together;
}

START_TEST(seedings_do_not_depend_on_partition)
{
    mock data = mock_mixture(700, 3, 5, 3);
    mock_drop_rows(&data);
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++)
        for (int b = 0; b < 2; b++)
            for (uint64_t seed = 0; seed < 5; seed++) {
                const seed_order order = {seeding->name, 12, INT64_MAX, seed, BOTH[b]};
                double *centers = check_partitions(&order, &data);
                for (int64_t c = 0; c < 12; c++)
                    ck_assert_int_ge(find_row(&data, BOTH[b], centers + 3 * c), 0);
                ck_assert_int_eq(count_duplicates(centers, 12, 3), 0);
                free(centers);
            }
    mock_free(&data);
}
END_TEST

START_TEST(hostile_seedings_do_not_depend_on_partition)
{
    for (mock_kind kind = 0; kind < MOCK_N_KINDS; kind++)
        for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
            mock data = mock_hostile(kind, 300, 2);
            const seed_order order = {seeding->name, 9, INT64_MAX, 5, KM_FLOAT64};
            free(check_partitions(&order, &data));
            mock_free(&data);
        }
}
END_TEST

START_TEST(seeds_give_different_centers)
{
    mock data = mock_mixture(700, 3, 5, 4);
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
        seed_order order = {seeding->name, 5, INT64_MAX, 0, KM_FLOAT64};
        double *a = seed_centers(&order, &data, MPI_COMM_WORLD);
        order.seed = UINT64_MAX;
        double *b = seed_centers(&order, &data, MPI_COMM_WORLD);
        ck_assert(!is_same_row(a, b, 15));
        free(a);
        free(b);
    }
    mock_free(&data);
}
END_TEST

START_TEST(random_takes_rows_in_the_order_of_their_numbers)
{
    mock data = mock_mixture(500, 2, 3, 5);
    mock_drop_rows(&data);
    int64_t n_used;
    keyed *sorted = sorted_rows(&data, 42, &n_used);
    const seed_order order = {"random", n_used, INT64_MAX, 42, KM_FLOAT64};
    double *centers = seed_centers(&order, &data, MPI_COMM_WORLD);
    for (int64_t c = 0; c < n_used; c++)
        ck_assert(is_same_row(centers + 2 * c, data.values + 2 * sorted[c].row, 2));
    free(centers);
    free(sorted);
    mock_free(&data);
}
END_TEST

/* ---- kmeans++ ------------------------------------------------------------------------------- */

/* kmeans++ on whole numbers, where weights are exact without any power of two. */
static void plain_kmeanspp(const mock *data, int64_t k, uint64_t seed, double *centers)
{
    const int64_t n = data->n, d = data->d;
    uint64_t *weights = mock_memory(n, sizeof *weights);
    uint8_t *is_center = mock_memory(n, 1);
    for (int64_t c = 0; c < k; c++) {
        uint64_t total = 0, target = km_random(seed, KM_RANDOM_DRAW, (uint64_t)c);
        int64_t i = 0;
        for (int64_t r = 0; r < n; r++)
            total += c == 0 ? 1 : weights[r];
        if (total > 0) {
            target = km_random_below(total, target);
            for (uint64_t sum = c == 0 ? 1 : weights[0]; sum <= target;)
                sum += c == 0 ? ((void)++i, 1) : weights[++i];
        } else {
            while (is_center[i])
                i++;
        }
        is_center[i] = 1;
        memcpy(centers + c * d, data->values + i * d, (size_t)d * sizeof *centers);
        for (int64_t r = 0; r < n; r++) {
            uint64_t d2 = 0;
            for (int64_t j = 0; j < d; j++) {
                const double difference = data->values[r * d + j] - data->values[i * d + j];
                d2 += (uint64_t)(difference * difference);
            }
            weights[r] = c == 0 || d2 < weights[r] ? d2 : weights[r];
        }
    }
    free(weights);
    free(is_center);
}

static void check_kmeanspp(const mock *data, int64_t k, uint64_t seed)
{
    double *right = mock_memory(k * data->d, sizeof *right);
    plain_kmeanspp(data, k, seed, right);
    for (int b = 0; b < 2; b++) {
        const seed_order order = {"kmeans++", k, INT64_MAX, seed, BOTH[b]};
        double *found = seed_centers(&order, data, MPI_COMM_WORLD);
        ck_assert(is_same_row(found, right, k * data->d));
        free(found);
    }
    free(right);
}

START_TEST(kmeanspp_agrees_with_exact_arithmetic)
{
    mock data = mock_hostile(MOCK_LATTICE, 400, 3);
    for (uint64_t seed = 0; seed < 10; seed++)
        check_kmeanspp(&data, 20, seed);
    mock_free(&data);
}
END_TEST

/* More centers than distinct rows: first all distinct ones, then the lowest unused. */
START_TEST(kmeanspp_ends_with_the_lowest_unused_rows)
{
    mock data = mock_create(150, 1);
    for (int64_t i = 0; i < 150; i++)
        data.values[i] = (double)(i / 3 % 4);
    for (uint64_t seed = 0; seed < 10; seed++)
        check_kmeanspp(&data, 100, seed);
    check_kmeanspp(&data, 150, 3);
    mock_free(&data);
}
END_TEST

START_TEST(kmeanspp_takes_all_distinct_rows_first)
{
    mock data = mock_hostile(MOCK_DUPLICATES, 333, 2);
    for (uint64_t seed = 0; seed < 20; seed++) {
        const seed_order order = {"kmeans++", 5, INT64_MAX, seed, KM_FLOAT64};
        double *centers = seed_centers(&order, &data, MPI_COMM_WORLD);
        ck_assert_int_eq(count_duplicates(centers, 5, 2), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

/* Beside an outlier the others weigh next to nothing, but once it is a center they count again. */
START_TEST(kmeanspp_sees_past_an_outlier)
{
    mock data = mock_hostile(MOCK_OUTLIER, 300, 1);
    for (uint64_t seed = 0; seed < 20; seed++) {
        const seed_order order = {"kmeans++", 40, INT64_MAX, seed, KM_FLOAT64};
        double *centers = check_partitions(&order, &data);
        ck_assert(centers[0] == 1e15 || centers[1] == 1e15);
        ck_assert_int_eq(count_duplicates(centers, 40, 1), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

/* Distances that shrink step by step ask for a new power of two again and again. */
START_TEST(kmeanspp_never_takes_a_row_twice_on_all_scales)
{
    mock data = mock_create(200, 1);
    for (int64_t i = 0; i < 200; i++)
        data.values[i] = ldexp(1, -(int)i);
    for (uint64_t seed = 0; seed < 5; seed++) {
        const seed_order order = {"kmeans++", 200, INT64_MAX, seed, KM_FLOAT64};
        double *centers = check_partitions(&order, &data);
        ck_assert_int_eq(count_duplicates(centers, 200, 1), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

/* Is a frequency within four standard deviations of its probability? */
static bool is_plausible(int count, int n, double probability)
{
    const double expected = n * probability;
    return fabs(count - expected) <= 4 * sqrt(expected * (1 - probability)) + 1;
}

/* Points at 0, 1 and 3: the second center has probability d2 / sum of d2. */
START_TEST(kmeanspp_draws_in_proportion_to_squared_distances)
{
    enum { N = 1200 };
    const double points[] = {0, 1, 3};
    const double squares[3][3] = {{0, 1, 9}, {1, 0, 4}, {9, 4, 0}};
    const double sums[3] = {10, 5, 13};
    int counts[3][3] = {{0}};
    mock data = mock_create(3, 1);
    memcpy(data.values, points, sizeof points);
    for (uint64_t seed = 0; seed < N; seed++) {
        const seed_order order = {"kmeans++", 2, INT64_MAX, seed, KM_FLOAT32};
        double *centers = seed_centers(&order, &data, MPI_COMM_WORLD);
        counts[find_row(&data, KM_FLOAT32, centers)][find_row(&data, KM_FLOAT32, centers + 1)]++;
        free(centers);
    }
    for (int a = 0; a < 3; a++) {
        ck_assert(is_plausible(counts[a][0] + counts[a][1] + counts[a][2], N, 1.0 / 3));
        for (int b = 0; b < 3; b++)
            ck_assert(is_plausible(counts[a][b], N, squares[a][b] / sums[a] / 3));
        ck_assert_int_eq(counts[a][a], 0);
    }
    mock_free(&data);
}
END_TEST

/* With fewer seeding rows, the draw is from those with the smallest random numbers. */
START_TEST(kmeanspp_draws_from_the_seeding_rows)
{
    enum { ROWS = 60 };
    mock data = mock_mixture(900, 2, 4, 6);
    mock_drop_rows(&data);
    for (uint64_t seed = 0; seed < 5; seed++) {
        int64_t n_used;
        keyed *sorted = sorted_rows(&data, seed, &n_used);
        const seed_order order = {"kmeans++", ROWS, ROWS, seed, KM_FLOAT64};
        double *centers = check_partitions(&order, &data);
        ck_assert_int_eq(count_duplicates(centers, ROWS, 2), 0);
        for (int i = 0; i < ROWS; i++) { /* k = rows: each of them is a center */
            bool is_center = false;
            for (int c = 0; c < ROWS; c++)
                is_center |= is_same_row(centers + 2 * c, data.values + 2 * sorted[i].row, 2);
            ck_assert(is_center);
        }
        free(centers);
        free(sorted);
    }
    mock_free(&data);
}
END_TEST

START_TEST(more_ranks_than_samples)
{
    mock data = mock_mixture(2, 2, 2, 7);
    for (const km_seeding *seeding = km_seedings; seeding->name != NULL; seeding++) {
        const seed_order order = {seeding->name, 2, INT64_MAX, 1, KM_FLOAT64};
        double *centers = check_partitions(&order, &data);
        ck_assert_int_eq(count_duplicates(centers, 2, 2), 0);
        free(centers);
    }
    mock_free(&data);
}
END_TEST

/* ---- centers from a file -------------------------------------------------------------------- */

/* A scaling, so that units matter: scaled = (x - 1) * 2 * 2^-3 and (x + 4) * 0.5 * 2^-3. */
static double offsets[] = {1, -4}, factors[] = {2, 0.5};
static const km_transform TRANSFORM = {2, offsets, factors, 3};
static const double ORIGINAL[] = {1, 2, 3, 4, -5, 6.5},
                    WORKING[] = {0, 0.375, 0.5, 0.5, -1.5, 0.65625};

/* Asks for three centers of two features from a file; collective over the world. */
static km_code read_centers(const char *path, double *centers, km_error *error)
{
    mock data = mock_mixture(200, 2, 2, 8);
    km_samples samples = mock_samples(&data, KM_FLOAT64, MPI_COMM_WORLD);
    const km_seeding_task task = {.samples = &samples,
                                  .transform = &TRANSFORM,
                                  .n_clusters = 3,
                                  .file = path,
                                  .comm = MPI_COMM_WORLD};
    *error = (km_error){0};
    const km_code code = km_seeding_from_file(&task, centers, error);
    km_samples_free(&samples);
    mock_free(&data);
    return code;
}

static void check_centers(const char *path)
{
    double centers[6] = {0};
    km_error error;
    const km_code code = read_centers(path, centers, &error);
    ck_assert_all(code == KM_OK);
    ck_assert_all(memcmp(centers, WORKING, sizeof WORKING) == 0);
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
        choice_is_the_smallest_random_numbers,
        choice_works_with_few_samples,
        seedings_do_not_depend_on_partition,
        hostile_seedings_do_not_depend_on_partition,
        seeds_give_different_centers,
        random_takes_rows_in_the_order_of_their_numbers,
        kmeanspp_agrees_with_exact_arithmetic,
        kmeanspp_ends_with_the_lowest_unused_rows,
        kmeanspp_takes_all_distinct_rows_first,
        kmeanspp_sees_past_an_outlier,
        kmeanspp_never_takes_a_row_twice_on_all_scales,
        kmeanspp_draws_in_proportion_to_squared_distances,
        kmeanspp_draws_from_the_seeding_rows,
        more_ranks_than_samples,
        centers_from_text,
        bad_texts_are_refused_on_all_ranks,
        missing_files_are_a_fault_of_the_system,
        a_folder_is_no_file_of_centers,
        centers_from_hdf5,
        a_file_may_have_a_colon_in_its_name,
    };
    return SUITE_OF("seeding", tests);
}
