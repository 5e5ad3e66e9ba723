/* A default outside its own range. */
#define DEFAULT_RATE 2
#include "tests/bad_submissions/common.h"
