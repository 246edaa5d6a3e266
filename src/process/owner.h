/* owner.h - the owner of a lock: one process among those of all machines. */
#ifndef SKYMEANS_PROCESS_OWNER_H
#define SKYMEANS_PROCESS_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first line of a lock file. */
#define KM_LOCK_MAGIC "skymeans lock\n"

/* Linux uses the number of a process again, so the time of its start belongs to it. */
typedef struct km_owner {
    char host[256];     /* the machine, */
    char boot[64];      /* its last start, */
    char space[64];     /* and the namespace that the number of the process belongs to */
    char job[64];       /* of Slurm; "-": none */
    int64_t n_requeued; /* how often Slurm had started the job again */
    int64_t pid, start; /* start: in ticks since the start of the machine */
} km_owner;

/* This process. */
km_owner km_owner_self(void);

/* The text of a lock file, and the owner that such a text names; false if it names none. */
void km_owner_print(const km_owner *owner, char *text, size_t size);
bool km_owner_parse(const char *text, km_owner *owner);

/* Is it certain that the owner has ended, or that it is running? Of a process of another machine
 * neither is, unless it belonged to this Slurm job before the job was queued again: then it has
 * ended. */
bool km_owner_has_ended(const km_owner *owner, const km_owner *self);
bool km_owner_is_running(const km_owner *owner, const km_owner *self);

#endif
