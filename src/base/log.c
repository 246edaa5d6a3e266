#include "skymeans/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

km_log km_log_create(bool is_speaker, km_verbosity verbosity)
{
    return (km_log){.is_speaker = is_speaker,
                    .is_terminal = isatty(STDERR_FILENO) == 1,
                    .verbosity = verbosity};
}

void km_warn(const km_log *log, const char *format, ...)
{
    if (!log->is_speaker || log->verbosity == KM_QUIET)
        return;
    va_list arguments;
    va_start(arguments, format);
    fputs("skymeans: warning: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
