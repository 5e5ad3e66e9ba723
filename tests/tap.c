/* The TAP producer behind tap.h. */
#include "tests/tap.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int count, failed;

static void point(bool cond, const char *format, va_list args)
{
    printf("%s %d - ", cond ? "ok" : "not ok", ++count);
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    if (!cond)
        failed++;
}

bool ok(bool cond, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    point(cond, format, args);
    va_end(args);
    return cond;
}

bool close_to(double got, double want, double rel, const char *format, ...)
{
    double scale = fabs(want) > 1e-300 ? fabs(want) : 1e-300;
    bool cond = isfinite(got) && isfinite(want) && fabs(got - want) <= rel * scale;
    va_list args;
    va_start(args, format);
    point(cond, format, args);
    va_end(args);
    if (!cond)
        tap_diag("got %.17g, want %.17g, relative error %.3g > %.3g", got, want,
                 fabs(got - want) / scale, rel);
    return cond;
}

bool is_text(const char *got, const char *want, const char *format, ...)
{
    bool cond = got && want && strcmp(got, want) == 0;
    va_list args;
    va_start(args, format);
    point(cond, format, args);
    va_end(args);
    if (!cond)
        tap_diag("got '%s', want '%s'", got ? got : "(null)", want ? want : "(null)");
    return cond;
}

void tap_skip(int n, const char *why)
{
    for (int i = 0; i < n; i++)
        printf("ok %d # SKIP %s\n", ++count, why);
}

int tap_skip_all(const char *why)
{
    printf("1..0 # SKIP %s\n", why);
    return 0;
}

void tap_diag(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("# ");
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

int tap_done(void)
{
    printf("1..%d\n", count);
    return failed != 0;
}
