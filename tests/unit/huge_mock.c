/* huge_mock FILE ROWS: writes a mock catalogue of ROWS rows x 8 columns into one file, as
 * `generate` does, but drops each piece from the disk once it was written and read back. A few are
 * kept, and compared by plain HDF5 with rows that are made one at a time. Run by `make
 * check-generate`. */
#include "base/error.h"
#include "base/threads.h"
#include "base/timers.h"
#include "h5/h5.h"
#include "mock/kinds.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COLUMNS = 8, MAX_KEPT = 64 };

static int64_t n_bytes, most_on_disk; /* of this rank */

/* A piece is kept if it has a multiple of this offset: about MAX_KEPT pieces of the file. */
static int64_t keep_every;

static bool holds_multiple(int64_t offset, int64_t size)
{
    return (offset + size - 1) / keep_every > (offset - 1) / keep_every;
}

static bool drop(int descriptor, void *bytes, int64_t size, int64_t offset)
{
    struct stat status;
    (void)bytes;
    fstat(descriptor, &status);
#pragma omp critical
    {
        n_bytes += size;
        if (status.st_blocks * 512 > most_on_disk)
            most_on_disk = status.st_blocks * 512;
    }
    return holds_multiple(offset, size) ||
           fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size) == 0;
}

/* Compares a row of the file with the one that is made alone. */
static bool is_right(const km_mock *mock, hid_t samples, hid_t space, int64_t row)
{
    const hsize_t first[2] = {(hsize_t)row, 0}, count[2] = {1, COLUMNS};
    const hid_t in_memory = H5Screate_simple(2, count, NULL);
    static double values[COLUMNS * KM_MOCK_BLOCK];
    float read[COLUMNS];
    int32_t label;
    mock->kind->fill(mock, row, 1, values, &label);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, count, NULL);
    bool is_same = H5Dread(samples, H5T_NATIVE_FLOAT, in_memory, space, H5P_DEFAULT, read) >= 0;
    for (int j = 0; j < COLUMNS; j++)
        is_same = is_same && read[j] == (float)values[j * KM_MOCK_BLOCK];
    H5Sclose(in_memory);
    return is_same;
}

/* Rows around the multiples of `keep_every`, which are in pieces that were kept. Returns how many
 * were compared; -1 if one is wrong. */
static int64_t compare_kept(const km_mock *mock, const char *path, int64_t n_rows)
{
    int64_t n_compared = 0;
    const hid_t access = km_h5_local_access(), file = H5Fopen(path, H5F_ACC_RDONLY, access);
    const hid_t samples = H5Dopen2(file, "/samples", H5P_DEFAULT), space = H5Dget_space(samples);
    const int64_t begin = (int64_t)H5Dget_offset(samples), row_bytes = COLUMNS * sizeof(float);
    for (int64_t at = keep_every; at < begin + n_rows * row_bytes; at += keep_every, n_compared++)
        if (at >= begin && !is_right(mock, samples, space, (at - begin) / row_bytes))
            n_compared = INT64_MIN;
    H5Sclose(space);
    H5Dclose(samples);
    H5Fclose(file);
    H5Pclose(access);
    return n_compared < 0 ? -1 : n_compared;
}

static int check(const km_mock *mock, const km_mock_asked *asked, km_error *error)
{
    const double start = km_now();
    km_mock_report report;
    if (km_mock_write(mock, (km_mock_control){.written = drop}, MPI_COMM_WORLD, &report, error) !=
        KM_OK)
        return 1;
    const double seconds = km_now() - start;
    km_sum_int64(MPI_COMM_WORLD, &n_bytes, 1);
    km_max_int64(MPI_COMM_WORLD, &most_on_disk, 1);
    if (km_comm_rank(MPI_COMM_WORLD) > 0)
        return 0;
    const int64_t n_compared = compare_kept(mock, asked->path, asked->n_rows);
    const int64_t expected = asked->n_rows * (COLUMNS + 1) * 4;
    printf("%lld rows, %.1f GB in %.0f s (%.2f GB/s), at most %.2f GB on the disk; %lld rows "
           "compared\n",
           (long long)asked->n_rows, (double)n_bytes / 1e9, seconds,
           (double)n_bytes / 1e9 / seconds, (double)most_on_disk / 1e9, (long long)n_compared);
    unlink(asked->path);
    if (n_bytes != expected || n_compared < MAX_KEPT / 2)
        printf("FAILED: %lld bytes expected, and no wrong row\n", (long long)expected);
    return n_bytes != expected || n_compared < MAX_KEPT / 2;
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    km_h5_start();
    km_threads_start(1);
    km_error error = {0};
    const km_mock_asked asked = {.path = argc > 1 ? argv[1] : "huge-mock.h5",
                                 .kind = "mixture",
                                 .type = "float32",
                                 .n_rows = argc > 2 ? atoll(argv[2]) : 1000000000,
                                 .n_columns = COLUMNS,
                                 .n_clusters = 1000,
                                 .n_files = 1,
                                 .may_replace = true};
    keep_every = asked.n_rows * COLUMNS * (int64_t)sizeof(float) / MAX_KEPT;
    km_mock *mock = km_mock_create(&asked, &error);
    const int has_failed = mock == NULL || check(mock, &asked, &error);
    if (error.code != KM_OK)
        printf("FAILED: %s\n", error.text);
    km_mock_free(mock);
    MPI_Finalize();
    return has_failed;
}
