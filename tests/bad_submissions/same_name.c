/* Two vectors of one name. */
#define IN_CREATE                                    \
    int32_t first = h->vec_create(h, "v", 0, &o->v); \
    if (first)                                       \
        return first;
#include "tests/bad_submissions/common.h"
