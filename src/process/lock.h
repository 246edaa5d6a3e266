/* lock.h - locks.
 *
 * Only one run at a time may work on a file. The file PATH.lock beside it names that run. By one
 * rank. */
#ifndef SKYMEANS_PROCESS_LOCK_H
#define SKYMEANS_PROCESS_LOCK_H

#include "base/error.h"
#include "base/text.h"
#include "process/log.h"

#include <pthread.h>

enum {
    KM_LOCK_SIZE = 1024,
    KM_LOCK_TOUCHES = 6, /* by the owner of a lock, in a time of `patience` */
};

typedef struct km_lock {
    const char *path; /* of what is locked */
    char name[KM_PATH_SIZE + 8];
    char text[KM_LOCK_SIZE]; /* the contents of the lock file, which name this process */
    double patience;         /* seconds without a touch after which a lock has no owner */
    int descriptor, end;     /* of the lock file, and of the event that ends the thread; -1: none */
    pthread_t thread;        /* that touches the lock file */
    bool is_touching;
} km_lock;

/* The name of the lock file, to `name` [KM_PATH_SIZE + 8]. */
void km_lock_name(const char *path, char *name);

/* Takes the lock. The struct must stay where it is, and the path must live, until the lock is
 * released. KM_SYSTEM, naming the owner, if the lock has one. KM_USAGE if a file of that name is no
 * lock. A lock has no owner if the owner has ended on this machine, was this Slurm job before it
 * was queued again, or has not touched the file for `patience` seconds, which this function waits
 * for. */
km_code km_lock_take(km_lock *lock, const char *path, double patience, const km_log *log,
                     km_error *error);

/* Does this process still own the lock? A lock file that was removed is created again.
 * km_lock_check fails with KM_SYSTEM if another run took the lock over while this process was
 * stopped. */
bool km_lock_is_mine(km_lock *lock);
km_code km_lock_check(km_lock *lock, km_error *error);

/* Releases the lock if it was taken. */
void km_lock_release(km_lock *lock);

#endif
