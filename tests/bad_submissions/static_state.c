/* Counts steps in a static variable, which a checkpoint does not hold. */
static int count;
#define RATE (0.1 / ++count)
#include "tests/bad_submissions/common.h"
