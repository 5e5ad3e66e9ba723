/* The message slot behind podium_fail: one text a thread. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[2048];

int32_t podium_fail(int32_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return code;
}

int32_t podium_fail_in(int32_t code, const char *format, ...)
{
    char inner[sizeof message / 2];
    snprintf(inner, sizeof inner, "%.*s", (int)sizeof inner - 1, message);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message / 2, format, args);
    va_end(args);
    size_t n = strlen(message);
    snprintf(message + n, sizeof message - n, ": %s", inner);
    return code;
}

const char *podium_error(void)
{
    return message;
}

void podium_error_clear(void)
{
    message[0] = '\0';
}
