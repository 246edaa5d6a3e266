/* The cores that a process may use, and whether it can have so many threads. */
#include "process/cores.h"

#include "base/error.h"
#include "base/fault.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a trial -----------------------------------------------------------------------------------
 * OpenMP ends the process when it can't make a thread, so it is tried before, with the same stack.
 */

/* The stack that the environment has libgomp give to its threads: a number and a unit, by default
 * kB. 0: none, and then the system's. */
static size_t stack_of_environment(void)
{
    const char *text = getenv("OMP_STACKSIZE");
    unsigned long size;
    char unit[2] = "k", rest[2];
    if (text == NULL)
        text = getenv("GOMP_STACKSIZE");
    const int n = text != NULL ? sscanf(text, "%lu %1[bBkKmMgG] %1s", &size, unit, rest) : 0;
    if (n != 1 && n != 2)
        return 0;
    const int shift = 10 * (int)(strchr("bkmg", tolower((unsigned char)unit[0])) - "bkmg");
    return size <= SIZE_MAX >> shift ? size << shift : 0;
}

static void *wait_at_gate(void *context)
{
    km_trial *trial = context;
    pthread_mutex_lock(&trial->gate);
    pthread_mutex_unlock(&trial->gate);
    return NULL;
}

km_code km_trial_begin(km_trial *trial, int n_threads, km_error *error)
{
    const int limit = omp_get_thread_limit(), n = n_threads < limit ? n_threads : limit;
    const size_t stack = stack_of_environment();
    pthread_attr_t attributes;
    int reason = km_fault("make a thread") ? errno : 0;
    trial->count = 0;
    pthread_mutex_init(&trial->gate, NULL);
    pthread_mutex_lock(&trial->gate);
    pthread_attr_init(&attributes);
    if (stack > 0)
        pthread_attr_setstacksize(&attributes, stack); /* or too small, which OpenMP says */
    while (reason == 0 && trial->count < n - 1) {
        reason = pthread_create(&trial->threads[trial->count], &attributes, wait_at_gate, trial);
        trial->count += reason == 0;
    }
    pthread_attr_destroy(&attributes);
    if (reason != 0)
        km_fail(
            error, KM_MEMORY,
            "can't make threads (%d of %d): %s; use fewer (--threads, OMP_NUM_THREADS), a higher "
            "limit of processes (ulimit -u), or a smaller OMP_STACKSIZE",
            trial->count + 1, n, strerror(reason));
    return error->code;
}

void km_trial_end(km_trial *trial)
{
    pthread_mutex_unlock(&trial->gate);
    for (int i = 0; i < trial->count; i++)
        pthread_join(trial->threads[i], NULL);
    pthread_mutex_destroy(&trial->gate);
}

/* ---- cores ----------------------------------------------------------------------------------- */

void km_cpus_of_process(km_cpus *cpus)
{
    CPU_ZERO_S(sizeof cpus->sets, cpus->sets);
    if (sched_getaffinity(0, sizeof cpus->sets, cpus->sets) != 0)
        for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN) && cpu < KM_MOST_CPUS; cpu++)
            CPU_SET_S((size_t)cpu, sizeof cpus->sets, cpus->sets);
}

static bool has_cpu(const km_cpus *cpus, int cpu)
{
    return cpu < KM_MOST_CPUS && CPU_ISSET_S((size_t)cpu, sizeof cpus->sets, cpus->sets);
}

void km_cpus_text(const km_cpus *cpus, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int first = 0; first < KM_MOST_CPUS && used < size; first++) {
        if (!has_cpu(cpus, first))
            continue;
        int last = first;
        while (has_cpu(cpus, last + 1))
            last++;
        used += (size_t)snprintf(text + used, size - used, first < last ? "%s%d-%d" : "%s%d",
                                 used > 0 ? "," : "", first, last);
        first = last;
    }
}

/* The first of the hardware threads that share a core with this one; itself if Linux doesn't say.
 */
static int first_of_core(int cpu)
{
    char path[96];
    int first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return cpu;
    if (fscanf(file, "%d", &first) != 1)
        first = cpu;
    fclose(file);
    return first;
}

int km_cores(const km_cpus *cpus)
{
    km_cpus cores;
    CPU_ZERO_S(sizeof cores.sets, cores.sets);
    for (int cpu = 0; cpu < KM_MOST_CPUS; cpu++)
        if (has_cpu(cpus, cpu))
            CPU_SET_S((size_t)first_of_core(cpu), sizeof cores.sets, cores.sets);
    return CPU_COUNT_S(sizeof cores.sets, cores.sets);
}
