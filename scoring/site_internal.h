/* Between the files that write the leaderboard: private to scoring/. */
#ifndef SCORING_SITE_INTERNAL_H
#define SCORING_SITE_INTERNAL_H

#include "scoring/site.h"

/* From the doctype to the main heading. */
void site_head(text_buffer *t, const char *title);
/* "<td>212.0</td>" with `format`, a dash where it is not finite. */
void site_number(text_buffer *t, double x, const char *format);

/* DIR/submissions/`page`.html of submission s; its records are files first_file, ... of records/.
 * Errors: PODIUM_EIO, PODIUM_ENOMEM. */
int32_t site_submission(const board *b, size_t s, size_t page, size_t first_file, const char *dir);

/* The first record of a submission in listing order. */
const record *site_first_record(const board *b, size_t s);
/* The one line that repeats its row, made safe for HTML. */
void site_command(text_buffer *t, const board *b, size_t s);

/* The section of the tracks: tables of `files` (schema podium-track/1, site_track.c), what each row
 * came from copied to DIR/tracks.  Errors: PODIUM_EIO; PODIUM_EINVAL naming file and field. */
int32_t site_tracks(text_buffer *t, const char *const *files, size_t count, const char *dir);
/* Copies a file, bytes as they are.  Errors: PODIUM_EIO. */
int32_t site_copy(const char *from, const char *to);

#endif
