/* The owner of a lock: a process, known by what Linux and Slurm tell of it. */
#include "process/owner.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A word of the system, "-" if it tells none. */
static void read_word(const char *path, char *word, size_t size)
{
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(word, (int)size, file) == NULL)
        word[0] = '\0';
    if (file != NULL)
        fclose(file);
    word[strcspn(word, " \n")] = '\0';
    if (word[0] == '\0')
        snprintf(word, size, "-");
}

/* When a process began, in ticks of its machine; -1 if it has ended, 0 if Linux does not tell. */
static int64_t start_of(int64_t pid)
{
    char path[64], text[1024] = "", state = '?';
    long long start = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(path, "r");
    const size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    text[size] = '\0';
    const char *name_end = strrchr(text, ')'); /* the name may have anything in it */
    if (name_end == NULL)
        return kill((pid_t)pid, 0) != 0 && errno == ESRCH ? -1 : 0;
    sscanf(name_end + 1,
           " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld",
           &state, &start);
    return state == 'Z' || state == 'X' ? -1 : start;
}

static void copy_word(char *word, size_t size, const char *text)
{
    snprintf(word, size, "%s", text != NULL && text[0] != '\0' ? text : "-");
    for (char *c = word; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ')
            *c = '_';
}

km_owner km_owner_self(void)
{
    km_owner self = {.pid = getpid(), .start = start_of(getpid())};
    char host[256] = "", space[64] = "";
    const char *n_requeued = getenv("SLURM_RESTART_COUNT");
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    if (readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0)
        space[0] = '\0';
    copy_word(self.host, sizeof self.host, host);
    copy_word(self.space, sizeof self.space, space);
    copy_word(self.job, sizeof self.job, getenv("SLURM_JOB_ID"));
    read_word("/proc/sys/kernel/random/boot_id", self.boot, sizeof self.boot);
    if (n_requeued == NULL || !km_parse_int64(n_requeued, &self.n_requeued))
        self.n_requeued = 0;
    return self;
}

void km_owner_print(const km_owner *o, char *text, size_t size)
{
    snprintf(text, size,
             "%shost %s\njob %s\nrequeued %" PRId64 "\npid %" PRId64 "\nstart %" PRId64
             "\nboot %s\nspace %s\n",
             KM_LOCK_MAGIC, o->host, o->job, o->n_requeued, o->pid, o->start, o->boot, o->space);
}

bool km_owner_parse(const char *text, km_owner *o)
{
    return strncmp(text, KM_LOCK_MAGIC, strlen(KM_LOCK_MAGIC)) == 0 &&
           sscanf(text + strlen(KM_LOCK_MAGIC),
                  "host %255s job %63s requeued %" SCNd64 " pid %" SCNd64 " start %" SCNd64
                  " boot %63s space %63s",
                  o->host, o->job, &o->n_requeued, &o->pid, &o->start, o->boot, o->space) == 7;
}

/* Do the numbers of processes of both mean the same? */
static bool is_on_same_system(const km_owner *a, const km_owner *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->boot, b->boot) == 0 &&
           strcmp(a->space, b->space) == 0;
}

bool km_owner_has_ended(const km_owner *o, const km_owner *self)
{
    /* Slurm starts a job again when all its processes have ended. */
    if (strcmp(o->job, "-") != 0 && strcmp(o->job, self->job) == 0 &&
        o->n_requeued < self->n_requeued)
        return true;
    return is_on_same_system(o, self) && start_of(o->pid) != o->start && start_of(o->pid) != 0;
}

bool km_owner_is_running(const km_owner *o, const km_owner *self)
{
    return is_on_same_system(o, self) && !km_owner_has_ended(o, self);
}
