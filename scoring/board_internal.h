/* Between the files that make boards: private to scoring/. */
#ifndef SCORING_BOARD_INTERNAL_H
#define SCORING_BOARD_INTERNAL_H

#include "scoring/board.h"

/* Scores a board whose records are listed: everything behind `num_records` in board.h.
 * Errors: PODIUM_ENOMEM, PODIUM_EINVAL of the reference set. */
int32_t board_score(board *b, const board_options *o);
void board_score_release(board *b);

#endif
