/* Built for another ABI. */
#define ABI_MAJOR 7
#include "tests/bad_submissions/common.h"
