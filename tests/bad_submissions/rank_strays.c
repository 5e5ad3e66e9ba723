/* In step 2 the second rank calls something else than the first. */
#define BEFORE_EVALUATE                     \
    if (o->t->rank == 1 && s->index == 2) { \
        double one = 1;                     \
        o->h->all_sum(o->h, &one, 1);       \
    }
#include "tests/bad_submissions/common.h"
