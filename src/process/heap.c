/* The heap of the process, and what Linux says of it. */
#include "process/heap.h"

#include "base/memory.h"

#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* The number in a file of a control group; INFINITY if there is none, as for "max". */
static double read_limit(const char *folder, const char *name)
{
    char path[3 * PATH_MAX];
    double limit = INFINITY;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file != NULL && fscanf(file, "%lf", &limit) != 1)
        limit = INFINITY;
    if (file != NULL)
        fclose(file);
    return limit;
}

/* The lowest limit of a control group and of those above it. */
static double limit_of_group(const char *top, const char *group, const char *name)
{
    char folder[2 * PATH_MAX];
    double limit = INFINITY;
    snprintf(folder, sizeof folder, "%s%s", top, group);
    while (strlen(folder) >= strlen(top)) {
        limit = fmin(limit, read_limit(folder, name));
        *strrchr(folder, '/') = '\0';
    }
    return limit;
}

/* A line is NUMBER:CONTROLLERS:PATH; without controllers it is of version 2. */
static double limit_of_groups(void)
{
    char line[PATH_MAX];
    double limit = INFINITY;
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        line[strcspn(line, "\n")] = '\0';
        if (group == NULL)
            continue;
        *group++ = '\0';
        if (strcmp(controllers + 1, "memory") == 0)
            limit = fmin(limit,
                         limit_of_group("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
        else if (controllers[1] == '\0')
            limit = fmin(limit, limit_of_group("/sys/fs/cgroup", group, "memory.max"));
    }
    if (file != NULL)
        fclose(file);
    return limit;
}

double km_memory_of_node(void)
{
    const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    return fmin(memory, limit_of_groups());
}

int64_t km_memory_peak(void)
{
    return read_status("VmHWM");
}

int64_t km_memory_now(void)
{
    return read_status("VmRSS");
}
