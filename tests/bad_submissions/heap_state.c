/* Keeps its step count in malloc memory without keep(). */
#define BEFORE_EVALUATE                   \
    static int *count;                    \
    if (!count)                           \
        count = calloc(1, sizeof *count); \
    ++*count;
#define RATE (0.1 / *count)
#include "tests/bad_submissions/common.h"
