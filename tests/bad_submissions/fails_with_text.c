/* Says why it fails. */
#define IN_CREATE return h->fail(h, PODIUM_ENOTSUP, "needs a bigger boat");
#include "tests/bad_submissions/common.h"
