/* Writes where no memory is, in step 3. */
#define BEFORE_EVALUATE                  \
    if (s->index == 3) {                 \
        volatile uintptr_t nowhere = 64; \
        *(volatile int *)nowhere = 1;    \
    }
#include "tests/bad_submissions/common.h"
