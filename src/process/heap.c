/* The heap of the process, and what Linux says of it. */
#include "process/heap.h"

#include "base/memory.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

static void return_freed_memory(void)
{
    malloc_trim(0);
}

void km_memory_start(void)
{
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_ARENA_MAX, 1);
    km_memory_when_returned(return_freed_memory);
}

/* A line of /proc/self/status in bytes; 0 if there is none. (The maximum of getrusage would include
 * the memory of the process that started this program.) */
static int64_t read_status(const char *name)
{
    char line[256];
    long long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), ": %lld", &kib);
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

int64_t km_memory_peak(void)
{
    return read_status("VmHWM");
}

int64_t km_memory_now(void)
{
    return read_status("VmRSS");
}
