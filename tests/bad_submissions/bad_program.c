/* A program text that does not parse. */
#define BEFORE_EVALUATE                                                   \
    int32_t bad_rc = o->h->vec_run(o->h, "v0 = v0 -", &o->v, 1, NULL, 0); \
    if (bad_rc)                                                           \
        return bad_rc;
#include "tests/bad_submissions/common.h"
