/* Errors: a pinned negative code (include/podium/submission.h) travels up, its text waits here.
 * The text is set once, where the failure is known; only main prints it. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdint.h>
#include "podium/submission.h"

/* Sets the message of this thread (lower case, failure first, subject quoted, units) and returns
 * `code`. */
int32_t podium_fail(int32_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message that is set. Returns `code`. */
int32_t podium_fail_in(int32_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message of the last failure in this thread; "" if none. Borrowed until the next failure. */
const char *podium_error(void);
void podium_error_clear(void);

/* Returns early from the caller when `expr` is a failure. */
#define TRY(expr)                 \
    do {                          \
        int32_t try_rc_ = (expr); \
        if (try_rc_ < 0)          \
            return try_rc_;       \
    } while (0)

#endif
