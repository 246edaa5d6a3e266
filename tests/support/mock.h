/* mock.h - what tests share: data made up in memory, equal on every rank, samples of them, and a
 * temporary folder, HDF5 files. */
#ifndef SKYMEANS_TESTS_MOCK_H
#define SKYMEANS_TESTS_MOCK_H

#include "base/error.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/random.h"
#include "comm/comm.h"
#include "h5/h5.h"
#include "order/order.h"
#include "samples/facts.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A test without its data has no meaning. */
static inline void *mock_memory(int64_t count, size_t size)
{
    void *memory = calloc((size_t)(count > 0 ? count : 1), size);
    if (memory == NULL)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return memory;
}

/* Collective over the world: every rank has failed with this code, and its one line has the word.
 */
#define ck_assert_fails(error, right, word)                                                 \
    do {                                                                                    \
        int64_t wrong_ = (error).code != (right) || strstr((error).text, (word)) == NULL || \
                         strchr((error).text, '\n') != NULL;                                \
        km_max_int64(MPI_COMM_WORLD, &wrong_, 1);                                           \
        ck_assert_msg(!wrong_, "code %d, not %d, or not '%s': %.300s", (int)(error).code,   \
                      (int)(right), (word), (error).text);                                  \
    } while (0)

static inline bool is_same_bits(const double *a, const double *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* In [0, 1). */
static inline double mock_uniform(uint64_t seed, uint64_t index)
{
    return (double)(km_random(seed, KM_RANDOM_DRAW, index) >> 11) * 0x1p-53;
}

/* Mean 0, variance 1, nearly normal, and without libm the same bits everywhere. */
static inline double mock_normal(uint64_t seed, uint64_t index)
{
    double sum = -6;
    for (uint64_t i = 0; i < 12; i++)
        sum += mock_uniform(seed, 12 * index + i);
    return sum;
}

/* Of both signs, from 1e-30 to 1e30. */
static inline double mock_wide(uint64_t seed, uint64_t index)
{
    const double sign = mock_uniform(seed, 3 * index) < 0.5 ? -1 : 1;
    const int exponent = (int)(mock_uniform(seed, 3 * index + 1) * 200) - 100;
    return ldexp(sign * (0.5 + mock_uniform(seed, 3 * index + 2)), exponent);
}

/* ---- tables --------------------------------------------------------------------------------- */

/* A small catalogue; every rank holds all of it. */
typedef struct mock {
    int64_t n, d;
    double *values;      /* [n][d] */
    uint8_t *is_missing; /* [n], 1 for rows that are not used */
    double *weights;     /* [n], or NULL: all are 1 */
} mock;

static inline mock mock_create(int64_t n, int64_t d)
{
    return (mock){.n = n,
                  .d = d,
                  .values = mock_memory(n * d, sizeof(double)),
                  .is_missing = mock_memory(n, 1)};
}

static inline void mock_free(mock *data)
{
    free(data->values);
    free(data->is_missing);
    free(data->weights);
    *data = (mock){0};
}

/* k round clouds of different width and number of rows, their middles in [0, 1). */
static inline mock mock_mixture(int64_t n, int64_t d, int64_t k, uint64_t seed)
{
    mock data = mock_create(n, d);
    for (int64_t i = 0; i < n; i++) {
        const double u = mock_uniform(seed, (uint64_t)i);
        const int64_t c = (int64_t)(u * u * (double)k);
        for (int64_t j = 0; j < d; j++)
            data.values[i * d + j] =
                mock_uniform(seed + 1, (uint64_t)(c * d + j)) +
                0.02 * (double)(1 + c % 4) * mock_normal(seed + 2, (uint64_t)(i * d + j));
    }
    return data;
}

/* Data that break arithmetic, by name. */
typedef enum mock_kind {
    MOCK_CONSTANT,   /* the first feature is constant */
    MOCK_OFFSET,     /* 1e6 + 1e-3 normal */
    MOCK_OUTLIER,    /* one value of 1e15 among ones and a little more */
    MOCK_WIDE,       /* 1e-30 to 1e30 */
    MOCK_DENORMAL,   /* below the normal numbers, also of float32 */
    MOCK_LATTICE,    /* small whole numbers: exact ties */
    MOCK_DUPLICATES, /* five distinct rows */
    MOCK_N_KINDS
} mock_kind;

static inline double mock_hostile_value(mock_kind kind, int64_t i, int64_t j, int64_t d)
{
    const uint64_t at = (uint64_t)(i * d + j);
    switch (kind) {
    case MOCK_CONSTANT:
        return j == 0 ? 7.3 : mock_normal(11, at);
    case MOCK_OFFSET:
        return 1e6 + 1e-3 * mock_normal(12, at);
    case MOCK_OUTLIER:
        return i == 77 ? 1e15 : 1 + 0.25 * mock_uniform(13, at);
    case MOCK_WIDE:
        return mock_wide(14, at);
    case MOCK_DENORMAL:
        return mock_uniform(15, at) * (j % 2 == 0 ? 1e-310 : 1e-40);
    case MOCK_LATTICE:
        return floor(4 * mock_uniform(16, at));
    default:
        return mock_normal(17, (uint64_t)(i % 5 * d + j));
    }
}

static inline mock mock_hostile(mock_kind kind, int64_t n, int64_t d)
{
    mock data = mock_create(n, d);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            data.values[i * d + j] = mock_hostile_value(kind, i, j, d);
    return data;
}

/* Declares about every fifth row missing. */
static inline void mock_drop_rows(mock *data)
{
    for (int64_t i = 0; i < data->n; i++)
        data->is_missing[i] = mock_uniform(18, (uint64_t)i) < 0.2;
}

/* Gives the rows whole weights from 0 to 4. */
static inline void mock_weigh(mock *data)
{
    data->weights = mock_memory(data->n, sizeof *data->weights);
    for (int64_t i = 0; i < data->n; i++)
        data->weights[i] = floor(5 * mock_uniform(19, (uint64_t)i));
}

/* One file in a km_catalogue_name. */
#define MOCK_PATH(path) .paths = (const char *const[]){path}, .n_paths = 1

/* ---- samples -------------------------------------------------------------------------------- */

/* Feature j of rows of d values beside each other. */
static inline km_values mock_values(const void *rows, km_precision precision, int64_t j, int64_t d)
{
    const int64_t size = (int64_t)km_precision_size(precision);
    return (km_values){(const char *)rows + j * size, d * size};
}

/* Appends a slab of the data in odd pieces. */
static inline void mock_append(km_samples *samples, const mock *data)
{
    enum { PIECE = 37 };
    const int64_t d = data->d;
    const km_rows slab = samples->slab;
    char *rounded = mock_memory(PIECE * d, sizeof(double));
    km_values *features = mock_memory(d, sizeof *features);
    for (int64_t j = 0; j < d; j++)
        features[j] = mock_values(rounded, samples->precision, j, d);
    for (int64_t done = 0; done < slab.count; done += PIECE) {
        const int64_t row = slab.first + done;
        const int64_t count = slab.count - done < PIECE ? slab.count - done : PIECE;
        km_round_to_precision(samples->precision, data->values + row * d, count * d, rounded);
        km_samples_append(samples, count, features,
                          data->weights != NULL ? data->weights + row : NULL,
                          data->is_missing + row);
    }
    free(features);
    free(rounded);
}

/* The samples of this rank's slab of the data, in catalogue order, their weights settled. Free with
 * km_samples_free. */
static inline km_samples mock_samples_as_read(const mock *data, km_precision precision,
                                              MPI_Comm comm)
{
    const km_rows slab = km_slab(data->n, km_comm_size(comm), km_comm_rank(comm));
    km_samples samples;
    km_error error = {0};
    if (km_samples_create(&samples, precision, data->d, data->weights != NULL, slab, &error) !=
        KM_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    mock_append(&samples, data);
    if (data->weights != NULL && km_weights_settle(&samples, comm, &error) != KM_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return samples;
}

/* The same in the order along the curve if there are several ranks: tests that compare them with
 * one rank compare orders as well. */
static inline km_samples mock_samples(const mock *data, km_precision precision, MPI_Comm comm)
{
    km_samples samples = mock_samples_as_read(data, precision, comm);
    km_error error = {0};
    if (km_comm_size(comm) > 1 && km_samples_order(&samples, MPI_COMM_SELF, &error) != KM_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return samples;
}

/* The numbers of this rank's samples, those with lower rows first. The caller frees them. */
static inline int64_t *mock_by_row(const km_samples *samples)
{
    int64_t *sample_of = mock_memory(samples->slab.count, sizeof *sample_of), count = 0;
    int64_t *sorted = mock_memory(samples->n_samples, sizeof *sorted);
    for (int64_t i = 0; i < samples->n_samples; i++)
        sample_of[km_samples_row(samples, i) - samples->slab.first] = i + 1;
    for (int64_t row = 0; row < samples->slab.count; row++)
        if (sample_of[row] > 0)
            sorted[count++] = sample_of[row] - 1;
    if (count != samples->n_samples)
        MPI_Abort(MPI_COMM_WORLD, 1);
    free(sample_of);
    return sorted;
}

/* Is a sample the row that it says it is? */
static inline bool mock_is_its_row(const km_samples *samples, const mock *data, int64_t sample)
{
    double values[16];
    const int64_t row = km_samples_row(samples, sample);
    bool is_right = row < data->n && !data->is_missing[row] &&
                    (data->weights == NULL || samples->weights[sample] == data->weights[row]);
    km_samples_get(samples, sample, values);
    for (int64_t j = 0; j < data->d && is_right; j++) {
        const double value = data->values[row * data->d + j];
        is_right = values[j] == (samples->precision == KM_FLOAT32 ? (double)(float)value : value);
    }
    return is_right;
}

/* The sum over the blocks of this rank of the area of their boxes. */
static inline double mock_sum_of_boxes(const km_samples *samples)
{
    double sum = 0;
    for (int64_t b = 0; b < samples->n_blocks; b++) {
        double area = 1;
        for (int64_t j = 0; j < samples->n_features; j++) {
            double lowest, highest;
            km_samples_range(samples, b, j, &lowest, &highest);
            area *= highest - lowest;
        }
        sum += area;
    }
    return sum;
}

/* Facts with moments. Collective over comm; free with km_facts_free. */
static inline km_facts mock_facts(const km_samples *samples, MPI_Comm comm)
{
    km_facts facts;
    km_error error = {0};
    km_samples same = *samples; /* without a transform they stay */
    if (km_facts_find_ranges(&facts, samples, comm, &error) != KM_OK ||
        km_facts_find_moments(&facts, &same, NULL, comm, &error) != KM_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return facts;
}

/* ---- a temporary folder --------------------------------------------------------------------- */

typedef struct mock_folder {
    char path[512];
} mock_folder;

/* Removes a folder and the files in it. By one rank. */
static inline void mock_folder_delete(const char *path)
{
    DIR *list = opendir(path);
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(list), entry->d_name, 0);
    if (list != NULL)
        closedir(list);
    rmdir(path);
}

/* The folder of a test that failed is removed by the next one, or at the end. */
static inline mock_folder *mock_leftover(void)
{
    static mock_folder folder;
    return &folder;
}

static inline void mock_leftover_delete(void)
{
    if (mock_leftover()->path[0] != '\0')
        mock_folder_delete(mock_leftover()->path);
    mock_leftover()->path[0] = '\0';
}

/* One new folder for all ranks. Collective over the world. */
static inline mock_folder mock_folder_create(void)
{
    static bool is_registered = false;
    mock_folder folder = {{0}};
    const char *parent = getenv("TMPDIR");
    if (km_comm_rank(MPI_COMM_WORLD) == 0) {
        if (!is_registered)
            atexit(mock_leftover_delete);
        is_registered = true;
        mock_leftover_delete();
        snprintf(folder.path, sizeof folder.path, "%s/skymeans-test-XXXXXX",
                 parent != NULL && parent[0] != '\0' ? parent : "/tmp");
        if (mkdtemp(folder.path) == NULL)
            MPI_Abort(MPI_COMM_WORLD, 1);
        *mock_leftover() = folder;
    }
    km_broadcast(MPI_COMM_WORLD, 0, &folder, sizeof folder);
    return folder;
}

/* Removes the folder. Collective over the world. */
static inline void mock_folder_remove(const mock_folder *folder)
{
    MPI_Barrier(MPI_COMM_WORLD);
    if (km_comm_rank(MPI_COMM_WORLD) == 0)
        mock_folder_delete(folder->path);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* FOLDER/NAME; the text lives until the eighth call after this one. */
static inline const char *mock_path(const mock_folder *folder, const char *name)
{
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder->path, name);
    return path;
}

/* Writes some bytes to a new file. By one rank. */
static inline void mock_write_file(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, count, file) != count || fclose(file) != 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
}

/* ---- HDF5 ----------------------------------------------------------------------------------- */

/* How a dataset is stored; all 0: contiguous. */
typedef struct mock_storage {
    hsize_t chunk[2];
    int deflate; /* level; with the bytes shuffled */
} mock_storage;

/* A text attribute of variable length. */
static inline void mock_write_text(hid_t object, const char *name, const char *text)
{
    const hid_t type = km_h5_text_type();
    if (!km_h5_write.attribute(object, name, type, &text))
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Tclose(type);
}

static inline hid_t mock_create_file(const char *path)
{
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file < 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return file;
}

/* Writes a dataset of this type from doubles. By one rank. */
static inline void mock_write(hid_t file, const char *name, hid_t type, int n_dimensions,
                              const hsize_t *shape, mock_storage storage, const double *values)
{
    const hsize_t any[] = {H5S_UNLIMITED, H5S_UNLIMITED}; /* so that chunks may be larger */
    const bool is_chunked = storage.chunk[0] > 0;
    const hid_t space = H5Screate_simple(n_dimensions, shape, is_chunked ? any : NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    if (is_chunked)
        H5Pset_chunk(creation, n_dimensions, storage.chunk);
    if (storage.deflate > 0) {
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, (unsigned)storage.deflate);
    }
    const hid_t dataset = H5Dcreate2(file, name, type, space, links, creation, H5P_DEFAULT);
    if (H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Dclose(dataset);
    H5Pclose(links);
    H5Pclose(creation);
    H5Sclose(space);
}

/* A table of this many values of a type, all 0. */
static inline void mock_write_zeros(hid_t file, const char *name, hid_t type, int n_dimensions,
                                    const hsize_t *shape)
{
    hsize_t count = 1;
    for (int i = 0; i < n_dimensions; i++)
        count *= shape[i];
    double *zeros = mock_memory((int64_t)count, sizeof *zeros);
    mock_write(file, name, type, n_dimensions, shape, (mock_storage){{0}, 0}, zeros);
    free(zeros);
}

/* Files and what is open in them. (HDF5 does not tell how many types and spaces there are.) */
static inline int64_t mock_open_handles(void)
{
    return H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
}

#endif
