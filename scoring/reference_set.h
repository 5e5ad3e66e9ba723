/* A frozen reference set: the fastest times of a table as they once were, so that a new entry moves
 * no older score.  A committed JSON file (schema podium-reference/1):
 *
 *   {"schema", "rule", "tables": [{"table": TITLE, "workloads": {NAME: {"data_id", "fingerprint",
 *    "times": {CLOCK: {"time", "submission"}}}}}]} */
#ifndef SCORING_REFERENCE_SET_H
#define SCORING_REFERENCE_SET_H

#include "scoring/board.h"

/* Errors: PODIUM_EIO; PODIUM_EINVAL naming file and field. */
int32_t reference_set_read(json_t **out, const char *path);

/* Frozen times of the board's workloads by a clock, times [num_workloads]; NaN where nobody of the
 * set reached the target.  Errors: PODIUM_EINVAL no such table or workload, other data or another
 * version of the workload, another rule: the set's scores would be those of something else. */
int32_t reference_set_times(const json_t *set, const board *b, record_clock clock, score_rule rule,
                            double *times);

/* The fastest times of the boards as such a file; malloc'd text. */
int32_t reference_set_print(const board_list *boards, char **out);

#endif
