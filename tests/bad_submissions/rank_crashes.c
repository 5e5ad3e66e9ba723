/* The second rank crashes in step 3. */
#define BEFORE_EVALUATE                   \
    if (o->t->rank == 1 && s->index == 3) \
        abort();
#include "tests/bad_submissions/common.h"
