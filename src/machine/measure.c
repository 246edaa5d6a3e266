/* The limits of a machine, measured: arithmetic, memory, and sums over the ranks. */
#include "machine/machine.h"

#include "base/memory.h"
#include "base/threads.h"
#include "base/timers.h"

#include <math.h>
#include <stdlib.h>

/* Each figure is the best of some measurements, which take so long that starting does not count. */
static const double LONG_ENOUGH = 0.02;
enum { MEASUREMENTS = 5 };

/* Waits until all ranks are here. */
static void meet(MPI_Comm comm)
{
    int64_t nothing = 0;
    km_max_int64(comm, &nothing, 1);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* FMAs per second of this rank. */
static double measure_fma(const km_kernel *kernel, km_precision precision, int64_t n_rounds,
                          double *seconds)
{
    double done = 0;
    volatile double result = 0; /* so that the sums are not left out */
    const double start = km_now();
#pragma omp parallel reduction(+ : done)
    {
        double sum;
        done += kernel->peak[precision](n_rounds, &sum);
        if (km_thread() == 0)
            result = sum;
    }
    (void)result;
    *seconds = km_now() - start;
    return done / *seconds;
}

/* FMAs per second of all ranks, at the same time. */
static double find_fma(const km_kernel *kernel, km_precision precision, MPI_Comm comm)
{
    double best = 0;
    int64_t n_rounds = 1 << 16;
    for (int done = 0; done < MEASUREMENTS;) {
        double seconds;
        meet(comm);
        double rate = measure_fma(kernel, precision, n_rounds, &seconds);
        km_sum_double(comm, &rate, 1);
        km_min_double(comm, &seconds, 1);
        best = fmax(best, rate);
        if (seconds < LONG_ENOUGH)
            n_rounds *= 2;
        else
            done++;
    }
    return best;
}

/* ---- comparing ------------------------------------------------------------------------------- */

enum { COMPARED_BLOCKS = 16, COMPARED_CENTERS = 256, FEW_FEATURES = 4, MANY_FEATURES = 32 };

/* Samples and centers that fit into the caches of a core. */
static void fill_values(km_precision precision, void *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        km_value_set(precision, values, i, fmod(0.618033988749895 * (double)i, 1));
}

/* Seconds of a thread to compare a sample with a center, while all threads do so. */
static double time_comparing(const km_kernel *kernel, km_precision precision, const char *values,
                             int64_t d, MPI_Comm comm)
{
    const int64_t block_size = KM_BLOCK * d * (int64_t)km_precision_size(precision);
    const char *centers = values + COMPARED_BLOCKS * block_size;
    double best = INFINITY;
    int repeats = 1;
    for (int done = 0; done < MEASUREMENTS;) {
        meet(comm);
        const double start = km_now();
#pragma omp parallel
        {
            _Alignas(64) int32_t labels[KM_BLOCK];
            km_distances distances2;
            for (int i = 0; i < repeats * COMPARED_BLOCKS; i++)
                kernel->nearest[precision](values + i % COMPARED_BLOCKS * block_size, centers, d,
                                           COMPARED_CENTERS, labels, &distances2);
        }
        double seconds = km_now() - start;
        km_max_double(comm, &seconds, 1);
        best = fmin(best, seconds / repeats);
        if (seconds < LONG_ENOUGH)
            repeats *= 2;
        else
            done++;
    }
    return best / (COMPARED_BLOCKS * KM_BLOCK * COMPARED_CENTERS);
}

static km_code measure_comparing(km_machine *machine, const km_kernel *kernel, MPI_Comm comm,
                                 km_error *error)
{
    const int64_t n = (COMPARED_BLOCKS * KM_BLOCK + COMPARED_CENTERS) * MANY_FEATURES;
    char *values = km_allocate(n, sizeof(double), "samples to compare", error);
    for (int p = KM_FLOAT32; p <= KM_FLOAT64 && km_agree(comm, error) == KM_OK; p++) {
        const km_precision precision = (km_precision)p;
        fill_values(precision, values, n);
        const double few = time_comparing(kernel, precision, values, FEW_FEATURES, comm);
        const double many = time_comparing(kernel, precision, values, MANY_FEATURES, comm);
        const double per_feature = fmax((many - few) / (MANY_FEATURES - FEW_FEATURES), 0);
        machine->comparing[p] =
            (km_comparing){fmax(few - FEW_FEATURES * per_feature, 0), per_feature};
    }
    free(values);
    return error->code;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* So much more than caches hold, on a node and per thread. */
enum { NODE_MEGABYTES = 512, THREAD_MEGABYTES = 32, MEGAWORDS = (1 << 20) / 8 };

static int64_t words_to_read(const km_machine *machine)
{
    const int64_t ranks_per_node = (machine->n_ranks + machine->n_nodes - 1) / machine->n_nodes;
    const int64_t of_node = NODE_MEGABYTES / ranks_per_node;
    const int64_t of_threads = THREAD_MEGABYTES * machine->n_threads;
    return MEGAWORDS * (of_node > of_threads ? of_node : of_threads);
}

/* The sum of all words; four sums, so that additions do not wait for each other. */
static uint64_t sum_words(const uint64_t *words, int64_t n)
{
    uint64_t total = 0;
#pragma omp parallel for reduction(+ : total) schedule(static)
    for (int64_t i = 0; i < n / 4; i++)
        total += (words[4 * i] ^ words[4 * i + 1]) + (words[4 * i + 2] ^ words[4 * i + 3]);
    return total;
}

/* Bytes per second that all ranks read from their memory, at the same time. */
static km_code find_memory_rate(const km_machine *machine, MPI_Comm comm, double *rate,
                                km_error *error)
{
    const int64_t n = words_to_read(machine);
    *rate = 0;
    uint64_t *words = km_allocate(n, sizeof *words, "memory to read", error);
    if (km_agree(comm, error) != KM_OK) {
        free(words);
        return error->code;
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        words[i] = (uint64_t)i;
    volatile uint64_t result;
    for (int r = 0; r < MEASUREMENTS; r++) {
        meet(comm);
        const double start = km_now();
        result = sum_words(words, n);
        double now = (double)n * sizeof *words / (km_now() - start);
        km_sum_double(comm, &now, 1);
        *rate = fmax(*rate, now);
    }
    (void)result;
    free(words);
    return KM_OK;
}

/* ---- sums over the ranks --------------------------------------------------------------------- */

/* Seconds of `repeats` sums, on the rank that took longest. */
static double time_sums(MPI_Comm comm, int64_t *words, int64_t count, int64_t repeats)
{
    meet(comm);
    const double start = km_now();
    for (int64_t r = 0; r < repeats; r++)
        km_sum_int64(comm, words, count);
    double seconds = km_now() - start;
    km_max_double(comm, &seconds, 1);
    return seconds;
}

static double time_of_sum(MPI_Comm comm, int64_t *words, int64_t count)
{
    double best = INFINITY;
    int64_t repeats = 1;
    km_sum_int64(comm, words, count); /* connections are made */
    for (int done = 0; done < MEASUREMENTS;) {
        const double seconds = time_sums(comm, words, count, repeats);
        best = fmin(best, seconds / (double)repeats);
        if (seconds < LONG_ENOUGH)
            repeats *= 2;
        else
            done++;
    }
    return best;
}

static km_code measure_sums(km_machine *machine, MPI_Comm comm, km_error *error)
{
    enum { MOST = 1 << 21 }; /* words: 16 MiB */
    int64_t *words = km_allocate_zeroed(MOST, sizeof *words, "messages", error);
    if (km_agree(comm, error) == KM_OK)
        for (int64_t count = 8; count <= MOST && machine->n_ranks > 1; count *= 4)
            machine->messages[machine->n_messages++] =
                (km_message_time){(double)count * sizeof *words, time_of_sum(comm, words, count)};
    free(words);
    return error->code;
}

km_code km_machine_measure(km_machine *machine, const km_kernel *kernel, MPI_Comm comm,
                           km_error *error)
{
    for (int precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++)
        machine->fma[precision] =
            find_fma(kernel, (km_precision)precision, comm) / (double)machine->n_nodes;
    if (measure_comparing(machine, kernel, comm, error) != KM_OK ||
        find_memory_rate(machine, comm, &machine->memory, error) != KM_OK)
        return error->code;
    machine->memory /= (double)machine->n_nodes;
    machine->n_messages = 0;
    machine->message_ranks = machine->n_ranks;
    return measure_sums(machine, comm, error);
}
