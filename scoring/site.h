/* The leaderboard as a static page: works from file://, without JavaScript, light and dark, on a
 * phone.  Every number leads to the records it came from, which are copied beside it. */
#ifndef SCORING_SITE_H
#define SCORING_SITE_H

#include "base/text.h"
#include "scoring/board.h"

/* Writes DIR/index.html, leaderboard.json, leaderboard.md and DIR/records/N.jsonl.
 * Errors: PODIUM_EIO, PODIUM_ENOMEM. */
int32_t site_write(const board_list *boards, const char *dir);

/* Text made safe for HTML, in elements and in quoted attributes. */
void html_text(text_buffer *t, const char *s);

/* Validation curves of one workload: metric against time on the boards' clock, each trial a line,
 * colour by submission, the target dashed. Inline SVG with text that can be selected. */
void chart_curves(text_buffer *t, const board *b, size_t workload, record_clock clock);

#endif
