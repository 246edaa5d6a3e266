/* bench_expressions: what it costs to compute colours and a cut while rows are read, against
 * reading the columns as they are.
 *
 *     build/bench_expressions [ROWS]
 *
 * By default 4,000,000 rows of 5 bands as float32, each a contiguous dataset of a file in /tmp.
 * Each of 15 rounds reads them on one thread from the page cache in three ways; printed is the
 * least CPU time of each, which other work on the machine changes less than wall time. */
#include "base/hash.h"
#include "base/memory.h"
#include "base/threads.h"
#include "catalogue/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { N_ROUNDS = 15, N_BANDS = 5, N_WAYS = 3 };
static const char PATH[] = "/tmp/bench_expressions.h5";
static const char *const bands[N_BANDS] = {"/t/u", "/t/g", "/t/r", "/t/i", "/t/z"};

static const struct way {
    const char *name, *columns, *where;
} ways[N_WAYS] = {
    {"5 bands as they are", "u,g,r,i,z", NULL},
    {"4 colours", "u-g,g-r,r-i,i-z", NULL},
    {"4 colours and a cut", "u-g,g-r,r-i,i-z", "r < 20 && u-g > -1"}, /* half of the rows */
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Magnitudes from 16 to 24, and colours from -1 to 1. */
static void write_bands(int64_t n)
{
    const hsize_t shape[1] = {(hsize_t)n};
    const hid_t file = H5Fcreate(PATH, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(1, shape, NULL);
    float *values = malloc((size_t)n * sizeof *values);
    H5Gclose(H5Gcreate2(file, "/t", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    for (int b = 0; b < N_BANDS && values != NULL; b++) {
        for (int64_t i = 0; i < n; i++)
            values[i] = (float)((double)(km_mix((uint64_t)i) >> 11) * 0x1p-50 + 16 +
                                (double)(km_mix((uint64_t)(i * N_BANDS + b)) >> 11) * 0x1p-53);
        const hid_t dataset = H5Dcreate2(file, bands[b], H5T_NATIVE_FLOAT, space, H5P_DEFAULT,
                                         H5P_DEFAULT, H5P_DEFAULT);
        H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        H5Dclose(dataset);
    }
    free(values);
    H5Sclose(space);
    H5Fclose(file);
}

/* CPU seconds of reading all rows once; ends the process if that fails. */
static double read_once(const struct way *way)
{
    const char *const paths[] = {PATH};
    const km_catalogue_name name = {
        .paths = paths, .n_paths = 1, .table = "t", .columns = way->columns, .where = way->where};
    km_catalogue catalogue;
    km_samples samples;
    km_findings findings;
    km_error error = {0};
    double seconds = 0;
    if (km_catalogue_open(&catalogue, &name, MPI_COMM_WORLD, &error) == KM_OK) {
        const double start = cpu_seconds();
        km_catalogue_read(&catalogue, KM_MISSING_DROP, NULL, MPI_COMM_WORLD, &samples, &findings,
                          &error);
        seconds = cpu_seconds() - start;
    }
    if (error.code != KM_OK) {
        fprintf(stderr, "bench_expressions: %s\n", error.text);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    km_samples_free(&samples);
    km_findings_free(&findings);
    km_catalogue_close(&catalogue);
    return seconds;
}

int main(int argc, char **argv)
{
    double least[N_WAYS];
    MPI_Init(&argc, &argv);
    km_h5_start();
    km_threads_start(1);
    write_bands(argc > 1 ? atoll(argv[1]) : 4000000);
    for (int round = 0; round < N_ROUNDS; round++)
        for (int w = 0; w < N_WAYS; w++) {
            const double seconds = read_once(&ways[w]);
            least[w] = round == 0 || seconds < least[w] ? seconds : least[w];
        }
    for (int w = 0; w < N_WAYS; w++)
        printf("%-20s %.4f s of CPU, %.2f times the first\n", ways[w].name, least[w],
               least[w] / least[0]);
    unlink(PATH);
    MPI_Finalize();
    return 0;
}
