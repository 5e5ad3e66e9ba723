/* What every data set has: three splits, and the key of its secret relabelling. */
#ifndef DATA_DATA_SET_H
#define DATA_DATA_SET_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, SPLITS } data_split;

/* Permutes pixels, token ids or classes (DESIGN section 4).  Where a key is expected, NULL is one
 * that is not enabled. */
typedef struct data_key {
    bool enabled;
    uint64_t words[2];
} data_key;

#endif
