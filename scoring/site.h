/* The leaderboard as a static page: works from file://, without JavaScript, light and dark, on a
 * phone.  Every number leads to the records it came from, which are copied beside it. */
#ifndef SCORING_SITE_H
#define SCORING_SITE_H

#include "base/text.h"
#include "scoring/board.h"

typedef struct site_extras {
    const char *const *tuning; /* paths of tuning logs */
    size_t num_tuning;
    const char *const *tracks; /* paths of tables of tracks */
    size_t num_tracks;
} site_extras;

/* Writes DIR/index.html, a page a submission (submissions/N.html), leaderboard.json, leaderboard.md
 * and DIR/records/N.jsonl; from tuning logs sensitivity plots and tuning/N.jsonl, from tables of
 * tracks a section and tracks/N.json.
 * Errors: PODIUM_EIO, PODIUM_ENOMEM; PODIUM_EINVAL of a tuning log or a track's table. */
int32_t site_write(const board_list *boards, const site_extras *extras, const char *dir);

/* Text made safe for HTML, in elements and in quoted attributes. */
void html_text(text_buffer *t, const char *s);
/* At most `most` characters of it, an ellipsis for the rest. */
void html_text_cut(text_buffer *t, const char *s, size_t most);

/* Inline SVG with text that can be selected; colour by submission.
 * Validation curves of one workload: metric against a clock, each trial a faint line, the median of
 * a submission's a bold one, the target dashed. */
void chart_curves(text_buffer *t, const board *b, size_t workload, record_clock clock);

void chart_profile(text_buffer *t, const board *b); /* performance profiles */
/* A small plot of values y [n] against a number `name` of an optimizer's settings, by its logarithm
 * where it spans more than a factor of 20; filled points reached the target. */
void chart_scatter(text_buffer *t, const char *optimizer, const char *name, const double *x,
                   const double *y, const bool *reached, size_t n);
/* Time to target on one workload, a bar a submission, by rank; its number leads to the page of the
 * submission, the first of which is `first_page`. */
void chart_bars(text_buffer *t, const board *b, size_t workload, record_clock clock,
                size_t first_page);

#endif
