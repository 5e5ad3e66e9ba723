/* Exports another symbol. */
#define ENTRY get_submission
#include "tests/bad_submissions/common.h"
