/* lock.h - locks.
 *
 * One run at a time works on a file: beside it, in PATH.lock, stands which one. By one rank. */
#ifndef SKYMEANS_PROCESS_LOCK_H
#define SKYMEANS_PROCESS_LOCK_H

#include "base/error.h"
#include "base/text.h"
#include "process/log.h"

#include <pthread.h>

enum { KM_LOCK_SIZE = 1024, KM_LOCK_TOUCHES = 6 /* in the time after which it has no owner */ };

typedef struct km_lock {
    const char *path; /* of what is locked */
    char name[KM_PATH_SIZE + 8];
    char text[KM_LOCK_SIZE]; /* who we are */
    double patience;         /* seconds */
    int descriptor, end;     /* of the lock file, -1: none; of the sign that the thread shall end */
    pthread_t thread;        /* that touches it */
    bool is_touching;
} km_lock;

/* The name of the lock, for which there is room for KM_PATH_SIZE + 8 characters. */
void km_lock_name(const char *path, char *name);

/* Takes the lock, which must not move in memory until it is released; the path must live as long.
 * KM_SYSTEM, naming the owner, if there is one. A lock is taken over if its owner has ended on this
 * machine, or was this Slurm job before it was queued again, or gives no sign for `patience`
 * seconds; the last is waited for. KM_USAGE if a file of that name is no lock. */
km_code km_lock_take(km_lock *lock, const char *path, double patience, const km_log *log,
                     km_error *error);

/* Is it still ours? It is made again if it was removed. Otherwise KM_SYSTEM: it was taken over
 * while this process was stopped. */
bool km_lock_is_mine(km_lock *lock);
km_code km_lock_check(km_lock *lock, km_error *error);

/* Gives back a lock, if it was taken. */
void km_lock_release(km_lock *lock);

#endif
