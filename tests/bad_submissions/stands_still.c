/* Never moves the parameters. */
#define RATE 0.0
#include "tests/bad_submissions/common.h"
