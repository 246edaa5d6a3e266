/* Advisory locks: a file beside another one that says which process works on that one.
 *
 * A lock file is created with O_EXCL, which is atomic on NFS and Lustre, too; flock and fcntl have
 * no effect on many clusters. An owner that was killed leaves its file behind. On the same machine
 * Linux knows whether the owner still runs. From another machine one can only watch the file: a
 * thread of the owner touches it at intervals, and if nobody has touched it for long enough it has
 * no owner. That time is measured by the clock of the watcher alone, since the clocks of machines
 * differ. */

#include "process/lock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/text.h"
#include "base/timers.h"
#include "process/log.h"
#include "process/output.h"
#include "process/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the file ------------------------------------------------------------------------------- */

/* The state of a lock file at one moment. */
typedef struct lock_state {
    char text[KM_LOCK_SIZE];
    struct timespec touched;
    ino_t inode;
} lock_state;

/* False, with errno set, if the file can't be read. It is opened each time, since that makes NFS
 * ask the server. */
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
    if (lock->descriptor >= 0) /* the thread touches this descriptor, so it is kept */
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

/* ---- touching the file ---------------------------------------------------------------------- */

static void *touch_lock(void *context)
{
    const km_lock *lock = context;
    struct pollfd end = {.fd = lock->end, .events = POLLIN};
    while (poll(&end, 1, (int)(1000 * lock->patience / KM_LOCK_TOUCHES)) <= 0)
        futimens(lock->descriptor, NULL);
    return NULL;
}

/* Starts the thread that touches the lock file. It blocks all signals, which are for other
 * threads. */
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

/* ---- taking the lock ------------------------------------------------------------------------- */

static km_code refuse_in_use(const km_lock *lock, const km_owner *o, km_error *error)
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

/* Waits whether anybody touches a lock whose owner is on another machine, or is not known yet. True
 * if nobody did for `patience` seconds, or the lock is gone. */
static bool is_abandoned(const km_lock *lock, const lock_state *seen, const km_owner *o,
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

/* Removes the lock of an owner that is gone, unless another run has replaced it meanwhile. */
static bool remove_unchanged(const km_lock *lock, const lock_state *seen)
{
    lock_state now;
    if (!read_lock(lock->name, &now))
        return errno == ENOENT;
    if (!is_same_state(seen, &now))
        return true;
    return unlink(lock->name) == 0 || errno == ENOENT;
}

/* Removes the lock of another process, if that has ended. KM_SYSTEM if it may still work, KM_USAGE
 * if the file is no lock. */
static km_code clear_lock(const km_lock *lock, const km_owner *self, const km_log *log,
                          km_error *error)
{
    lock_state seen;
    km_owner other = {.host = "an unknown machine", .job = "-"};
    if (!read_lock(lock->name, &seen))
        return errno == ENOENT ? KM_OK : cannot_lock(lock, error);
    const bool is_known = km_owner_parse(seen.text, &other);
    if (strncmp(seen.text, KM_LOCK_MAGIC, strnlen(seen.text, strlen(KM_LOCK_MAGIC))) != 0)
        return refuse_other_file(lock, error); /* a lock that is being written may be shorter */
    if (is_known && km_owner_is_running(&other, self))
        return refuse_in_use(lock, &other, error);
    if (!(is_known && km_owner_has_ended(&other, self)) &&
        !is_abandoned(lock, &seen, &other, log)) {
        if (read_lock(lock->name, &seen))
            km_owner_parse(seen.text, &other);
        return refuse_in_use(lock, &other, error);
    }
    return remove_unchanged(lock, &seen) ? KM_OK : cannot_lock(lock, error);
}

km_code km_lock_take(km_lock *lock, const char *path, double patience, const km_log *log,
                     km_error *error)
{
    enum { MAX_TRIES = 10 };
    const km_owner self = km_owner_self();
    *lock = (km_lock){.path = path, .patience = patience, .descriptor = -1, .end = -1};
    km_lock_name(path, lock->name);
    km_owner_print(&self, lock->text, sizeof lock->text);
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

/* ---- keeping and releasing the lock --------------------------------------------------------- */

bool km_lock_is_mine(km_lock *lock)
{
    lock_state now;
    if (read_lock(lock->name, &now))
        return strcmp(now.text, lock->text) == 0;
    return errno == ENOENT && create_lock_file(lock); /* somebody removed the file */
}

km_code km_lock_check(km_lock *lock, km_error *error)
{
    lock_state now;
    km_owner other = {.host = "an unknown machine"};
    if (km_lock_is_mine(lock))
        return KM_OK;
    if (read_lock(lock->name, &now))
        km_owner_parse(now.text, &other);
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
