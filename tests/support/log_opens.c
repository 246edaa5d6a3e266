/* Preloaded (LD_PRELOAD), it notes each file of HDF5 that a process opens: a line "PROCESS PATH" to
 * the file that OPENS names. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int open_function(const char *path, int flags, ...);

static int open_and_note(const char *function, const char *path, int flags, mode_t mode)
{
    open_function *real = (open_function *)dlsym(RTLD_NEXT, function);
    const char *ending = strrchr(path, '.'), *log = getenv("OPENS");
    if (log != NULL && ending != NULL && strcmp(ending, ".h5") == 0) {
        char line[4200];
        const int length = snprintf(line, sizeof line, "%d %s\n", (int)getpid(), path);
        const int descriptor = real(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
        if (descriptor < 0 || write(descriptor, line, (size_t)length) != length)
            abort();
        close(descriptor);
    }
    return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list more)
{
    return (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_and_note("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_and_note("open64", path, flags, mode);
}
