/* Ends training in step 12, which is no fault: podium check has other questions. */
#define AFTER_EVALUATE  \
    if (rc)             \
        return rc;      \
    if (s->index == 12) \
        return PODIUM_DONE;
#include "tests/bad_submissions/common.h"
