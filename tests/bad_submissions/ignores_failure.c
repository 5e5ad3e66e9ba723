/* Goes on when evaluate fails. */
#define AFTER_EVALUATE (void)rc;
#include "tests/bad_submissions/common.h"
