/* Divides zero by zero in step 7. */
#define RATE (s->index == 7 ? 0.0 / (double)(s->index - 7) : 0.1)
#include "tests/bad_submissions/common.h"
