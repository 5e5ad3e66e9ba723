/* Nothing is wrong with this one: what the others would be without their fault. */

#include "tests/bad_submissions/common.h"
