/* Prints in create. */
#include <stdio.h>
#define IN_CREATE                        \
    printf("hello from a submission\n"); \
    fflush(stdout);
#include "tests/bad_submissions/common.h"
