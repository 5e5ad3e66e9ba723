/* Boards: records that may be compared, as a scoring problem with its result.  Records of different
 * size, ISA class, precision, device, sandbox or ruleset never share a board. */
#ifndef SCORING_BOARD_H
#define SCORING_BOARD_H

#include "base/text.h"
#include "scoring/preset.h"
#include "scoring/record.h"
#include "scoring/score.h"

typedef struct board_cell {
    size_t trials, reached;
    /* Medians over the trials that reached the target, NaN: none.  Time to target is their product,
     * but for the medians. */
    double steps, seconds_per_step;
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
    double *weight;    /* [workload] a workload and its held-out variants share one weight */
    int32_t *base_of;  /* [workload] of a held-out variant its base workload here, else -1 */
    score_result by_clock[CLOCK_COUNT];
    score_result result; /* that of the list's clock, borrowed from by_clock */
    size_t *rank;        /* [submission] from 1; shared by those that cannot be told apart */
    double *low, *high;  /* [submission] interval of the score, NaN: too few studies */
    double *memory;      /* [submission] largest optimizer state of a trial, bytes; NaN: unknown */
    double *p;           /* [a][b] p-values of the paired test after Holm's correction; NaN: not
                            tested, for fewer than SCORE_LEAST_STUDIES common studies */
    size_t *pairs;       /* [a][b] studies that both have on every workload */
} board;

#define BOARD_LEVEL 0.05 /* of the test that tells submissions apart */

typedef struct board_list {
    board *items; /* most records first */
    size_t length;
    char **left_out; /* "PATH: why", owned */
    size_t num_left_out;
    record_clock clock;
    score_rule rule;
    bool frozen; /* scored against a reference set */
} board_list;

typedef struct board_options {
    record_clock clock;
    score_rule rule;
    const preset *preset;    /* only its ruleset, studies and trials count; NULL: all */
    const json_t *reference; /* frozen times (scoring/reference_set.h); NULL: the fastest here */
} board_options;

/* Errors: PODIUM_ENOMEM; PODIUM_EINVAL when no record can be scored, or the reference set is not of
 * these tables. */
int32_t board_list_build(board_list *out, const record_list *records, const board_options *options);
void board_list_release(board_list *b);

/* Fewest studies of a submission on a workload that it ran. */
size_t board_fewest_studies(const board *b, size_t submission);

/* How many of a submission's records have each verdict, [RECORD_VERDICTS]; returns their number. */
size_t board_verdicts(const board *b, size_t submission, size_t count[]);
/* "10 of 10 exact", "8 of 10 exact, 2 not verified". */
void board_verdicts_text(text_buffer *t, const board *b, size_t submission);

/* Ratio to the fastest on a held-out variant over that on its base workload; NaN: not both. */
double board_held_out_gap(const board *b, size_t submission, size_t workload);

/* What stands behind a board's scores, as text below its table. */
void board_details_text(text_buffer *t, const board_list *list, const board *b);
/* The same as JSON: fields of the table's object. */
void board_details_json(json_t *table, const board *b);

/* Tables of all boards as text, JSON (DESIGN section 6) or CSV; malloc'd. */
int32_t board_print_text(const board_list *b, char **out);
int32_t board_print_json(const board_list *b, char **out);
int32_t board_print_csv(const board_list *b, char **out);
int32_t board_print_markdown(const board_list *b, char **out);
/* Performance profiles of the largest table as an SVG file; malloc'd. */
int32_t board_print_svg(const board_list *b, char **out);

#endif
