
#include "process/log.h"
#include "base/text.h"
#include "process/status.h"

#include <stdarg.h>
#include <stdio.h>

km_log km_log_create(bool is_speaker, km_verbosity verbosity)
{
    return (km_log){.is_speaker = is_speaker,
                    .is_terminal = is_speaker && km_is_watched(),
                    .verbosity = verbosity};
}

void km_warn(const km_log *log, const char *format, ...)
{
    if (!log->is_speaker || log->verbosity == KM_QUIET)
        return;
    char text[2 * KM_PATH_SIZE]; /* names in it may have line ends */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    km_make_printable(text);
    km_status_clear();
    fprintf(stderr, "skymeans: warning: %s\n", text);
}
