/* cores.h - processors and threads of this process. */
#ifndef SKYMEANS_PROCESS_CORES_H
#define SKYMEANS_PROCESS_CORES_H

#include "base/error.h"
#include "base/threads.h"

#include <sched.h>

/* The processors that a process may run on: its affinity mask. */
enum { KM_MAX_CPUS = 8192 };
typedef struct km_cpus {
    cpu_set_t sets[KM_MAX_CPUS / CPU_SETSIZE];
} km_cpus;

void km_cpus_of_process(km_cpus *cpus);

/* The mask as Linux writes it, "0-3,8"; cut to `size`. */
void km_cpus_text(const km_cpus *cpus, char *text, size_t size);

/* The number of cores in a mask; hardware threads of one core count once. */
int km_cores(const km_cpus *cpus);

#endif
