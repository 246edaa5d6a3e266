/* Transfers past the memory of the system, by Linux' asynchronous I/O (io_submit), which needs no
 * library; one after the other where it is not there. */
#include "process/direct.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_AT_ONCE = 64 };

struct km_direct {
    aio_context_t context; /* 0: there is none */
    struct iocb requests[MOST_AT_ONCE];
    struct iocb *idle[MOST_AT_ONCE], *waiting[MOST_AT_ONCE];
    int n_idle, n_waiting; /* the others are under way */
};

void km_direct_use(int file)
{
    const int flags = fcntl(file, F_GETFL);
    if (flags >= 0)
        fcntl(file, F_SETFL, flags | O_DIRECT);
}

km_direct *km_direct_create(km_error *error)
{
    km_direct *queue = km_allocate_zeroed(1, sizeof *queue, "queue of a disk", error);
    if (queue == NULL)
        return NULL;
    if (syscall(SYS_io_setup, (long)MOST_AT_ONCE, &queue->context) != 0)
        queue->context = 0;
    for (int i = 0; i < MOST_AT_ONCE; i++)
        queue->idle[queue->n_idle++] = &queue->requests[i];
    return queue;
}

void km_direct_free(km_direct *queue)
{
    if (queue != NULL && queue->context != 0)
        syscall(SYS_io_destroy, queue->context);
    free(queue);
}

/* Transfers what a request has left after its first `done` bytes. A file may end before. */
static bool complete(const struct iocb *r, size_t done)
{
    while (done < r->aio_nbytes) {
        char *memory = (char *)(uintptr_t)r->aio_buf + done;
        const size_t left = (size_t)r->aio_nbytes - done;
        const off_t at = (off_t)r->aio_offset + (off_t)done;
        const ssize_t n = r->aio_lio_opcode == IOCB_CMD_PWRITE
                              ? pwrite((int)r->aio_fildes, memory, left, at)
                              : pread((int)r->aio_fildes, memory, left, at);
        if (n == 0 && r->aio_lio_opcode == IOCB_CMD_PREAD)
            return true;
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Waits for at least so many transfers, in one sleep: to wake up may take as long as a transfer. */
static bool reap(km_direct *queue, long n_least)
{
    struct io_event events[MOST_AT_ONCE];
    bool is_right = true;
    long n;
    do
        n = syscall(SYS_io_getevents, queue->context, n_least, (long)MOST_AT_ONCE, events, NULL);
    while (n < 0 && errno == EINTR);
    for (long i = 0; i < n; i++) {
        struct iocb *r = (struct iocb *)(uintptr_t)events[i].obj; /* NOLINT: as Linux has it */
        is_right &= events[i].res >= 0 && complete(r, (size_t)events[i].res);
        queue->idle[queue->n_idle++] = r;
    }
    return is_right && n > 0;
}

bool km_direct_start(km_direct *queue)
{
    int n_started = 0;
    bool is_right = true;
    while (n_started < queue->n_waiting && is_right) {
        struct iocb **next = &queue->waiting[n_started];
        const long n = queue->context == 0 ? 0
                                           : syscall(SYS_io_submit, queue->context,
                                                     (long)(queue->n_waiting - n_started), next);
        if (n <= 0) {
            is_right = complete(*next, 0);
            queue->idle[queue->n_idle++] = *next;
        }
        n_started += n <= 0 ? 1 : (int)n;
    }
    queue->n_waiting = 0;
    return is_right;
}

bool km_direct_add(km_direct *queue, int file, bool is_write, void *memory, off_t offset,
                   size_t n_bytes)
{
    while (queue->n_idle == 0)
        if (!km_direct_start(queue) || (queue->n_idle == 0 && !reap(queue, MOST_AT_ONCE / 4)))
            return false;
    struct iocb *r = queue->idle[--queue->n_idle];
    *r = (struct iocb){.aio_fildes = (uint32_t)file,
                       .aio_lio_opcode = is_write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
                       .aio_buf = (uint64_t)(uintptr_t)memory,
                       .aio_nbytes = n_bytes,
                       .aio_offset = offset};
    queue->waiting[queue->n_waiting++] = r;
    return true;
}

bool km_direct_finish(km_direct *queue)
{
    bool is_right = km_direct_start(queue);
    while (queue->n_idle < MOST_AT_ONCE && is_right)
        is_right = reap(queue, MOST_AT_ONCE - queue->n_idle);
    return is_right;
}
