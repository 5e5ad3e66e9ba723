/* Never returns from step 2. */
#define BEFORE_EVALUATE                                            \
    for (volatile int turns = 0; s->index == 2; turns = 1 - turns) \
        ;
#include "tests/bad_submissions/common.h"
