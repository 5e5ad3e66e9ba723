/* Calls exit(0) in step 5. */
#define BEFORE_EVALUATE \
    if (s->index == 5)  \
        exit(0);
#include "tests/bad_submissions/common.h"
