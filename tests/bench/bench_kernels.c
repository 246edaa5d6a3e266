/* How near the kernels come to the limit of one core: for each shape, precision and kernel the
 * pairs of feature values a second, the bytes, and the share of what the binding limit would allow;
 * and the same with a screen of whole numbers, where there is one, which may pass the limit.
 * Limits are measured beside each kernel, since a shared machine is not always equally fast:
 *     arithmetic  independent pairs of one subtraction and one fma, in the widest vectors
 *     memory      one read from each line of the samples, fetched ahead */
#include "assign/screen.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

/* With so many samples that memory counts where it does in a whole run. */
static const struct shape {
    const char *name;
    int64_t n, d, k;
} shapes[] = {
    {"W1", 1 << 19, 5, 64},   {"W2", 1 << 16, 16, 256}, {"W3", 1 << 12, 128, 1000},
    {"W4", 1 << 17, 3, 1000}, {"W5", 1 << 23, 3, 8},    {"W6", 1 << 14, 8, 4096},
};

enum { N_SHAPES = sizeof shapes / sizeof *shapes, REPEATS = 9, CHAINS = 12, STEPS = 200000 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Seconds for each lane of a pair, in vectors of one instruction set; REGISTER is the compilers'
 * letter for one of them. To the compiler, x is another in each step. */
#define LIMIT(name, set, vector, fma, lanes)                                  \
    __attribute__((target(set), noinline)) static double name(vector *values) \
    {                                                                         \
        vector sum[CHAINS], x = values[0];                                    \
        for (int i = 0; i < CHAINS; i++)                                      \
            sum[i] = values[i];                                               \
        const double start = seconds();                                       \
        for (int step = 0; step < STEPS; step++) {                            \
            __asm__("" : "+" REGISTER(x));                                    \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)         \
            {                                                                 \
                const vector difference = x - values[CHAINS + i];             \
                sum[i] = fma(difference, difference, sum[i]);                 \
            }                                                                 \
        }                                                                     \
        const double end = seconds();                                         \
        for (int i = 0; i < CHAINS; i++)                                      \
            values[i] = sum[i];                                               \
        return (end - start) / ((double)STEPS * CHAINS * (lanes));            \
    }

static _Alignas(64) char zeros[2 * CHAINS * 64];

#if defined __x86_64__
#define REGISTER "x"
LIMIT(pair_avx512, "avx512f", __m512, _mm512_fmadd_ps, 16)
LIMIT(pair_avx2, "avx2,fma", __m256, _mm256_fmadd_ps, 8)

static double seconds_a_pair(void)
{
    return __builtin_cpu_supports("avx512f") ? pair_avx512((__m512 *)zeros)
                                             : pair_avx2((__m256 *)zeros);
}
#elif defined __aarch64__
#define REGISTER     "w"
#define FMA(a, b, c) vfmaq_f32(c, a, b)
LIMIT(pair_neon, "arch=armv8-a", float32x4_t, FMA, 4)

static double seconds_a_pair(void)
{
    return pair_neon((float32x4_t *)zeros);
}
#endif

static double seconds_to_read(const char *bytes, int64_t count)
{
    uint64_t sum = 0;
    const double start = seconds();
    for (int64_t i = 0; i < count; i += 64) {
        __builtin_prefetch((const void *)((uintptr_t)bytes + i + 4096));
        sum += (uint64_t)bytes[i];
    }
    volatile uint64_t read = sum;
    (void)read;
    return seconds() - start;
}

/* What compares all centers with all samples. */
typedef struct contestant {
    const km_kernel *kernel;
    const km_screen *screen; /* NULL: none */
    const int32_t *all;      /* [k], with a screen: the centers */
    void *work;
} contestant;

static void assign_block(const contestant *who, km_precision precision, const struct shape *shape,
                         const void *block, const void *centers)
{
    int32_t labels[KM_BLOCK];
    km_distances distances2;
    int64_t n_pairs = 0;
    memset(labels, 0xff, sizeof labels);
    if (who->screen == NULL ||
        who->kernel->screens->screened[precision](block, centers, shape->d, who->screen, who->all,
                                                  shape->k, who->work, labels, NULL, &n_pairs) < 0)
        who->kernel->nearest[precision](block, centers, shape->d, shape->k, labels, &distances2);
}

static double seconds_to_assign(const contestant *who, km_precision precision,
                                const struct shape *shape, const char *blocks, const void *centers)
{
    const int64_t size = KM_BLOCK * shape->d * km_precision_size(precision);
    const double start = seconds();
    for (int64_t b = 0; b < shape->n / KM_BLOCK; b++)
        assign_block(who, precision, shape, blocks + b * size, centers);
    return seconds() - start;
}

static int in_order(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Medians over repeats of the time and of its share of the limit. */
static void bench(const contestant *who, km_precision precision, const struct shape *shape,
                  const char *blocks, const void *centers)
{
    const double pairs = (double)(shape->n * shape->d * shape->k);
    const int64_t bytes = shape->n * shape->d * km_precision_size(precision);
    double times[REPEATS], shares[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        const double memory = seconds_to_read(blocks, bytes);
        const double lanes = (double)km_precision_size(precision) / sizeof(float);
        const double arithmetic = pairs * lanes * seconds_a_pair();
        times[i] = seconds_to_assign(who, precision, shape, blocks, centers);
        shares[i] = (memory > arithmetic ? memory : arithmetic) / times[i];
    }
    qsort(times, REPEATS, sizeof *times, in_order);
    qsort(shares, REPEATS, sizeof *shares, in_order);
    const double time = times[REPEATS / 2];
    printf("%s  d %3d  k %4d  %s  %-10s %-8s  %6.1f Gpairs/s  %5.1f GB/s  %3.0f %% of the limit\n",
           shape->name, (int)shape->d, (int)shape->k, km_precision_name(precision),
           who->kernel->name, who->screen != NULL ? "screened" : "", 1e-9 * pairs / time,
           1e-9 * (double)bytes / time, 100 * shares[REPEATS / 2]);
}

static void fill(km_precision precision, int64_t count, uint64_t seed, void *values)
{
    for (int64_t i = 0; i < count; i++) {
        const double value = (double)(km_mix(seed + (uint64_t)i) >> 11) * 0x1p-53;
        if (precision == KM_FLOAT32)
            ((float *)values)[i] = (float)value;
        else
            ((double *)values)[i] = value;
    }
}

/* The same with whole numbers, where they pay. */
static void bench_screened(const km_kernel *kernel, km_precision precision,
                           const struct shape *shape, const char *blocks, const void *centers,
                           km_error *error)
{
    km_owned_screen owned;
    if (!km_screen_pays(kernel, shape->d))
        return;
    km_screen_create(&owned, kernel, shape->k, shape->d, error);
    int32_t *all = km_allocate(shape->k, sizeof *all, "centers", error);
    void *work = km_allocate(km_screen_workspace(shape->d, shape->k), 1, "workspace", error);
    if (error->code == KM_OK) {
        const contestant who = {kernel, &owned.screen, all, work};
        for (int32_t c = 0; c < shape->k; c++)
            all[c] = c;
        km_screen_set(&owned, precision, centers);
        bench(&who, precision, shape, blocks, centers);
    }
    free(all);
    free(work);
    km_screen_free(&owned);
}

/* Returns false if there is no memory. */
static bool bench_shape(const struct shape *shape, km_precision precision, const char *only)
{
    km_error error = {0};
    const size_t size = km_precision_size(precision);
    void *blocks = km_allocate(shape->n * shape->d, size, "samples", &error);
    void *centers = km_allocate(shape->k * shape->d, size, "centers", &error);
    if (blocks != NULL && centers != NULL) {
        fill(precision, shape->n * shape->d, 1, blocks);
        fill(precision, shape->k * shape->d, 2, centers);
        for (int row = 0; km_kernels[row] != NULL; row++)
            if (km_kernels[row]->is_available() &&
                (strcmp(km_kernels[row]->name, only) == 0 || (only[0] == '\0' && row > 0))) {
                const contestant plain = {.kernel = km_kernels[row]};
                bench(&plain, precision, shape, blocks, centers);
                bench_screened(km_kernels[row], precision, shape, blocks, centers, &error);
            }
    }
    free(blocks);
    free(centers);
    if (error.code != KM_OK)
        fprintf(stderr, "%s\n", error.text);
    return error.code == KM_OK;
}

/* All shapes and vectorised kernels, or those that are named: bench_kernels W4 avx2 */
int main(int argc, char **argv)
{
    for (int s = 0; s < N_SHAPES; s++)
        for (km_precision precision = KM_FLOAT32; precision <= KM_FLOAT64; precision++)
            if (argc < 2 || strcmp(argv[1], shapes[s].name) == 0)
                if (!bench_shape(&shapes[s], precision, argc > 2 ? argv[2] : ""))
                    return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
