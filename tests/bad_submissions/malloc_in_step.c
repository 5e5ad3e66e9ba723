/* Allocates a buffer in every step. */
#define BEFORE_EVALUATE                  \
    char *volatile buffer = malloc(100); \
    free(buffer);
#include "tests/bad_submissions/common.h"
