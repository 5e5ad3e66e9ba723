/* Aborts in create. */
#define IN_CREATE abort();
#include "tests/bad_submissions/common.h"
