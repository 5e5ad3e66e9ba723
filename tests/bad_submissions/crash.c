/* Writes through a null pointer in step 3. */
#define BEFORE_EVALUATE \
    if (s->index == 3)  \
        *(volatile int *volatile)NULL = 1;
#include "tests/bad_submissions/common.h"
