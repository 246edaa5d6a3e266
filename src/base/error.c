/* The first failure recorded in an error stays. */
#include "base/error.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

km_code km_fail(km_error *error, km_code code, const char *format, ...)
{
    if (error->code != KM_OK)
        return error->code;
    error->code = code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    km_make_printable(error->text);
    return code;
}
