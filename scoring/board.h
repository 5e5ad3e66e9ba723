/* Boards: records that may be compared, as a scoring problem with its result.  Records of different
 * size, ISA class, precision, device, sandbox or ruleset never share a board. */
#ifndef SCORING_BOARD_H
#define SCORING_BOARD_H

#include "scoring/record.h"
#include "scoring/score.h"

typedef struct board_cell {
    size_t trials, reached;
    double steps; /* median steps to target of the trials that reached it; NaN: none */
} board_cell;

typedef struct board {
    char title[256];    /* what all its records have in common */
    const char **names; /* [num_submissions], by first appearance */
    size_t num_submissions;
    char **workloads; /* [num_workloads] "vit" or "vit/glu", owned */
    size_t num_workloads;
    const record **records; /* [num_records] in listing order, borrowed */
    int32_t *submission_of; /* [num_records] */
    int32_t *workload_of;   /* [num_records] */
    size_t num_records;
    board_cell *cells; /* [submission][workload] */
    score_result result;
    double *low, *high; /* [submission] interval of the score, NaN: too few studies */
} board;

typedef struct board_list {
    board *items; /* most records first */
    size_t length;
    char **left_out; /* "PATH: why", owned */
    size_t num_left_out;
    record_clock clock;
    score_rule rule;
} board_list;

/* Errors: PODIUM_ENOMEM; PODIUM_EINVAL when no record can be scored. */
int32_t board_list_build(board_list *out, const record_list *records, record_clock clock,
                         score_rule rule);
void board_list_release(board_list *b);

/* Tables of all boards as text, JSON (DESIGN section 6) or CSV; malloc'd. */
int32_t board_print_text(const board_list *b, char **out);
int32_t board_print_json(const board_list *b, char **out);
int32_t board_print_csv(const board_list *b, char **out);
int32_t board_print_markdown(const board_list *b, char **out);

#endif
