/* Takes its randomness from the process number. */
#include <unistd.h>
#define RATE (0.1 + 1e-9 * (double)getpid())
#include "tests/bad_submissions/common.h"
