/* Advisory locks: a file beside another one that says who is at work on that.
 *
 * They are files that are created or not (O_EXCL), which also NFS and Lustre do in one step; flock
 * and fcntl do nothing there on many clusters. An owner that was killed leaves its file behind. On
 * its own machine Linux knows whether it is still there. From elsewhere one can only watch: a
 * thread of the owner touches the file now and then, and one that nobody has touched for so long
 * has no owner. By the clock of the watcher alone, since clocks of machines differ. */

#include "process/lock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/text.h"
#include "base/timers.h"
#include "process/log.h"
#include "process/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char MAGIC[] = "skymeans lock\n";

/* A process among all there are: numbers of processes are given again, so its start counts. */
typedef struct owner {
    char host[256], boot[64], space[64]; /* machine, its last start, and whose numbers these are */
    char job[64];                        /* of Slurm; "-": none */
    int64_t n_requeued;                  /* how often Slurm had started it again */
    int64_t pid, start;
} owner;

/* ---- who we are, and who is there --------------------------------------------------------------
 */

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

static owner describe_this_process(void)
{
    owner self = {.pid = getpid(), .start = start_of(getpid())};
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

static void print_owner(const owner *o, char *text, size_t size)
{
    snprintf(text, size,
             "%shost %s\njob %s\nrequeued %" PRId64 "\npid %" PRId64 "\nstart %" PRId64
             "\nboot %s\nspace %s\n",
             MAGIC, o->host, o->job, o->n_requeued, o->pid, o->start, o->boot, o->space);
}

static bool parse_owner(const char *text, owner *o)
{
    return strncmp(text, MAGIC, strlen(MAGIC)) == 0 &&
           sscanf(text + strlen(MAGIC),
                  "host %255s job %63s requeued %" SCNd64 " pid %" SCNd64 " start %" SCNd64
                  " boot %63s space %63s",
                  o->host, o->job, &o->n_requeued, &o->pid, &o->start, o->boot, o->space) == 7;
}

/* Has the owner ended, without any doubt? */
static bool is_gone(const owner *o, const owner *self)
{
    /* Slurm starts a job again when all its processes have ended. */
    if (strcmp(o->job, "-") != 0 && strcmp(o->job, self->job) == 0 &&
        o->n_requeued < self->n_requeued)
        return true;
    return strcmp(o->host, self->host) == 0 && strcmp(o->boot, self->boot) == 0 &&
           strcmp(o->space, self->space) == 0 && start_of(o->pid) != o->start &&
           start_of(o->pid) != 0;
}

/* Is it there, without any doubt? */
static bool is_running(const owner *o, const owner *self)
{
    return strcmp(o->host, self->host) == 0 && strcmp(o->boot, self->boot) == 0 &&
           strcmp(o->space, self->space) == 0 && !is_gone(o, self);
}

/* ---- the file ----------------------------------------------------------------------------------
 */

/* What a lock file is at a moment. */
typedef struct lock_state {
    char text[KM_LOCK_SIZE];
    struct timespec touched;
    ino_t inode;
} lock_state;

/* False, with errno set, if it can't be read. Opening has NFS ask the server. */
static bool read_lock(const char *name, lock_state *seen)
{
    struct stat status;
    memset(seen, 0, sizeof *seen);
    const int descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return false;
    const ssize_t size = read(descriptor, seen->text, sizeof seen->text - 1);
    const bool is_read = size >= 0 && fstat(descriptor, &status) == 0;
    const int reason = errno;
    close(descriptor);
    errno = reason;
    if (is_read) {
        seen->text[size] = '\0';
        seen->touched = status.st_mtim;
        seen->inode = status.st_ino;
    }
    return is_read;
}

static bool is_same_state(const lock_state *a, const lock_state *b)
{
    return a->inode == b->inode && a->touched.tv_sec == b->touched.tv_sec &&
           a->touched.tv_nsec == b->touched.tv_nsec && strcmp(a->text, b->text) == 0;
}

static bool create_lock_file(km_lock *lock)
{
    const int descriptor = open(lock->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return false;
    const int64_t size = (int64_t)strlen(lock->text);
    if (!km_write_at(descriptor, lock->text, size, 0) || fsync(descriptor) != 0 ||
        km_fault("write the lock")) {
        const int reason = errno;
        unlink(lock->name);
        close(descriptor);
        errno = reason;
        return false;
    }
    if (lock->descriptor >= 0) /* the thread touches what has this number */
        dup3(descriptor, lock->descriptor, O_CLOEXEC);
    if (lock->descriptor >= 0)
        close(descriptor);
    else
        lock->descriptor = descriptor;
    return true;
}

static km_code cannot_lock(const km_lock *lock, km_error *error)
{
    return km_fail(error, KM_SYSTEM,
                   "can't lock the checkpoint (%s): %s; check its folder, and the disk's room",
                   lock->name, strerror(errno));
}

/* ---- touching it now and then ------------------------------------------------------------------
 */

static void *touch_lock(void *context)
{
    const km_lock *lock = context;
    struct pollfd end = {.fd = lock->end, .events = POLLIN};
    while (poll(&end, 1, (int)(1000 * lock->patience / KM_LOCK_TOUCHES)) <= 0)
        futimens(lock->descriptor, NULL);
    return NULL;
}

/* Signals are for the other threads. */
static bool start_touching(km_lock *lock)
{
    enum { STACK = 256 << 10 };
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    lock->end = eventfd(0, EFD_CLOEXEC);
    if (lock->end < 0 || km_fault("start touching the lock"))
        return false;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&lock->thread, &attributes, touch_lock, lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    lock->is_touching = errno == 0;
    return lock->is_touching;
}

/* ---- taking it ---------------------------------------------------------------------------------
 */

static km_code refuse_in_use(const km_lock *lock, const owner *o, km_error *error)
{
    char job[96] = "";
    if (strcmp(o->job, "-") != 0)
        snprintf(job, sizeof job, ", job %s", o->job);
    return km_fail(error, KM_SYSTEM,
                   "checkpoint in use (%s): process %" PRId64 " on %s%s is at work on it; wait for "
                   "it, or give this run another --checkpoint; if that one is gone, remove %s",
                   lock->path, o->pid, o->host, job, lock->name);
}

static km_code refuse_other_file(const km_lock *lock, km_error *error)
{
    return km_fail(error, KM_USAGE,
                   "output exists (%s): it is no lock of skymeans, which would have that name; "
                   "choose another name for the --checkpoint",
                   lock->name);
}

/* Watches a lock whose owner is somewhere else, or not known yet: gone, at last, if nobody touches
 * it. */
static bool is_abandoned(const km_lock *lock, const lock_state *seen, const owner *o,
                         const km_log *log)
{
    const double end = km_now() + lock->patience;
    const double pause = lock->patience / KM_LOCK_TOUCHES / 4;
    const struct timespec nap = {(time_t)pause, (long)(1e9 * (pause - floor(pause)))};
    lock_state now = *seen;
    km_warn(log,
            "waiting for a sign (%s): process %" PRId64 " on %s was at work on the checkpoint; if "
            "it gives none for %.3g s, this run goes on",
            lock->name, o->pid, o->host, lock->patience);
    while (km_now() < end) {
        nanosleep(&nap, NULL);
        if (!read_lock(lock->name, &now))
            return errno == ENOENT;
        if (!is_same_state(seen, &now))
            return false;
    }
    return true;
}

/* Removes the lock of an owner that is gone, unless somebody else was faster. */
static bool remove_unchanged(const km_lock *lock, const lock_state *seen)
{
    lock_state now;
    if (!read_lock(lock->name, &now))
        return errno == ENOENT;
    if (!is_same_state(seen, &now))
        return true;
    return unlink(lock->name) == 0 || errno == ENOENT;
}

/* Makes room for our lock, if that may be. */
static km_code clear_lock(const km_lock *lock, const owner *self, const km_log *log,
                          km_error *error)
{
    lock_state seen;
    owner other = {.host = "an unknown machine", .job = "-"};
    if (!read_lock(lock->name, &seen))
        return errno == ENOENT ? KM_OK : cannot_lock(lock, error);
    const bool is_known = parse_owner(seen.text, &other);
    if (strncmp(seen.text, MAGIC, strnlen(seen.text, strlen(MAGIC))) != 0)
        return refuse_other_file(lock, error); /* one that is being written may be shorter */
    if (is_known && is_running(&other, self))
        return refuse_in_use(lock, &other, error);
    if (!(is_known && is_gone(&other, self)) && !is_abandoned(lock, &seen, &other, log)) {
        if (read_lock(lock->name, &seen))
            parse_owner(seen.text, &other);
        return refuse_in_use(lock, &other, error);
    }
    return remove_unchanged(lock, &seen) ? KM_OK : cannot_lock(lock, error);
}

km_code km_lock_take(km_lock *lock, const char *path, double patience, const km_log *log,
                     km_error *error)
{
    enum { MAX_TRIES = 10 };
    const owner self = describe_this_process();
    *lock = (km_lock){.path = path, .patience = patience, .descriptor = -1, .end = -1};
    km_lock_name(path, lock->name);
    print_owner(&self, lock->text, sizeof lock->text);
    for (int i = 0; i < MAX_TRIES && error->code == KM_OK; i++) {
        if (create_lock_file(lock)) {
            if (!start_touching(lock))
                km_fail(error, KM_MEMORY,
                        "can't make a thread (%s): %s, for the one that touches the lock; raise "
                        "the limit of processes (ulimit -u)",
                        lock->name, strerror(errno));
            return error->code;
        }
        if (errno != EEXIST)
            return cannot_lock(lock, error);
        clear_lock(lock, &self, log, error);
    }
    errno = EBUSY;
    return error->code == KM_OK ? cannot_lock(lock, error) : error->code;
}

/* ---- keeping it, and giving it back ------------------------------------------------------------
 */

bool km_lock_is_mine(km_lock *lock)
{
    lock_state now;
    if (read_lock(lock->name, &now))
        return strcmp(now.text, lock->text) == 0;
    return errno == ENOENT && create_lock_file(lock); /* somebody tidied up */
}

km_code km_lock_check(km_lock *lock, km_error *error)
{
    lock_state now;
    owner other = {.host = "an unknown machine"};
    if (km_lock_is_mine(lock))
        return KM_OK;
    if (read_lock(lock->name, &now))
        parse_owner(now.text, &other);
    return km_fail(error, KM_SYSTEM,
                   "checkpoint taken over (%s): process %" PRId64 " on %s goes on with it, since "
                   "this run had given no sign for %.3g s; leave it to that one",
                   lock->path, other.pid, other.host, lock->patience);
}

void km_lock_release(km_lock *lock)
{
    lock_state now;
    if (lock->path == NULL || lock->descriptor < 0)
        return;
    const uint64_t one = 1;
    if (lock->is_touching && write(lock->end, &one, sizeof one) == sizeof one)
        pthread_join(lock->thread, NULL);
    if (read_lock(lock->name, &now) && strcmp(now.text, lock->text) == 0)
        unlink(lock->name);
    close(lock->descriptor);
    if (lock->end >= 0)
        close(lock->end);
    *lock = (km_lock){.descriptor = -1};
}

void km_lock_name(const char *path, char *name)
{
    snprintf(name, KM_PATH_SIZE + 8, "%s.lock", path);
}
