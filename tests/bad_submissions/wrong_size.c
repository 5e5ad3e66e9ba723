/* Gives a wrong struct_size. */
#define TABLE_SIZE 24
#include "tests/bad_submissions/common.h"
