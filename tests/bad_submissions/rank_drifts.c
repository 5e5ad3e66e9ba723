/* Each rank takes steps of its own length. */
#define RATE (0.1 + 0.01 * o->t->rank)
#include "tests/bad_submissions/common.h"
