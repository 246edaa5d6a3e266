/* The cores that a process may use. */
#include "process/cores.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

void km_cpus_of_process(km_cpus *cpus)
{
    CPU_ZERO_S(sizeof cpus->sets, cpus->sets);
    if (sched_getaffinity(0, sizeof cpus->sets, cpus->sets) != 0)
        for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN) && cpu < KM_MAX_CPUS; cpu++)
            CPU_SET_S((size_t)cpu, sizeof cpus->sets, cpus->sets);
}

static bool has_cpu(const km_cpus *cpus, int cpu)
{
    return cpu < KM_MAX_CPUS && CPU_ISSET_S((size_t)cpu, sizeof cpus->sets, cpus->sets);
}

void km_cpus_text(const km_cpus *cpus, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int first = 0; first < KM_MAX_CPUS && used < size; first++) {
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

/* The first of the hardware threads that share a core with this one; the thread itself if Linux
 * does not say. */
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
    for (int cpu = 0; cpu < KM_MAX_CPUS; cpu++)
        if (has_cpu(cpus, cpu))
            CPU_SET_S((size_t)first_of_core(cpu), sizeof cores.sets, cores.sets);
    return CPU_COUNT_S(sizeof cores.sets, cores.sets);
}
