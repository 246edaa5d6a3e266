/* yield.so - leaves the core to another rank where MPICH looks for messages and there are none. It
 * never does itself, so with more ranks than cores each waits for the end of the others' time
 * slices. */
#include <dlfcn.h>
#include <sched.h>

typedef unsigned progress(void *worker);

/* Of UCX, in the place of its own. */
progress ucp_worker_progress;
unsigned ucp_worker_progress(void *worker)
{
    static progress *real;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "ucp_worker_progress");
    const unsigned n = real(worker);
    if (n == 0)
        sched_yield();
    return n;
}
