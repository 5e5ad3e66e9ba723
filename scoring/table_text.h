/* Pieces of tables: numbers and hostile texts in CSV and Markdown. */
#ifndef SCORING_TABLE_TEXT_H
#define SCORING_TABLE_TEXT_H

#include "base/text.h"

/* RFC 4180: quotes doubled inside quotes; a leading =, +, - or @ would be a formula in
 * spreadsheets and gets an apostrophe. */
void csv_text(text_buffer *t, const char *s);
/* Escapes what Markdown would read as a mark; line ends become spaces. */
void markdown_text(text_buffer *t, const char *s);
/* A terminal's control characters become '?'. `width` > 0: padded or cut to so many bytes. */
void plain_text(text_buffer *t, const char *s, int width);
/* "21.30", "212.0", or "-" where it is not finite, right-aligned in `width`. */
void table_number(text_buffer *t, double x, int width);

#endif
