/* What `podium compare` says of paired records: the test, its sentence, the diagnosis. */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include <stdbool.h>
#include "scoring/sequential.h"
#include "scoring/record.h"

typedef struct compare_pairs {
    const char *name[2]; /* borrowed */
    record *(*items)[2]; /* [length] owned, room for most */
    size_t length;
    double *d; /* [most] */
} compare_pairs;

int32_t compare_pairs_init(compare_pairs *p, size_t most, const char *a, const char *b);
void compare_pairs_clear(compare_pairs *p);
void compare_pairs_release(compare_pairs *p);

/* Log ratios, B over A: of time to the target, of steps to it, of seconds a step. */
typedef struct compare_result {
    sequential_result time, steps, cost;
} compare_result;

int32_t compare_test(compare_pairs *p, record_clock clock, double level, compare_result *out);
bool compare_is_decided(const compare_result *r); /* false of one that is all 0 */

void compare_print_pair(const compare_pairs *p, record_clock clock, const compare_result *r);
/* The sentence, and unless `brief` the table and the diagnosis of each run. */
void compare_print(const compare_pairs *p, record_clock clock, const compare_result *r, bool brief);

#endif
