/* Classification and pair tasks made from the distribution's descriptions (data/debian_text.h), in
 * the layout of task_data's "tsv": CLASS TAB SENTENCE [TAB SECOND]. */
#ifndef DATA_TEXT_TASKS_H
#define DATA_TEXT_TASKS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

/* Rows of a section in one split of `sections`, rows of a split of `match`, pairs of one source
 * package in `same-source`: at most. */
enum { SECTION_MAX_ROWS = 1500, MATCH_MAX_ROWS = 20000, SOURCE_MAX_PAIRS = 4 };

/* Reads FROM/descriptions-{train,valid,test}.tsv and FROM/{train,valid,test}.{de,en} and writes
 *   BASE/descriptions/train.txt   "SHORT. LONG", a training description a line: the text a
 *                                 backbone is pretrained on
 *   BASE/sections/SPLIT.tsv       the section of a short line, 12 topical sections
 *   BASE/match/SPLIT.tsv          yes|no: a short line and a long text (its first 400 bytes) are
 *                                 of one description; else the text is of another source package
 *                                 of the same section
 *   BASE/same-source/SPLIT.tsv    yes|no: two short lines are of one source package; else they
 *                                 share the section alone
 *   BASE/translation/SPLIT.tsv    yes|no: the German sentence translates the English one
 * with as many "no" as "yes", give or take one.  Splits are those of the descriptions, by source
 * package, so no package is on two sides; rows follow the manifest's order, whose hashes thus
 * choose them.  Errors: PODIUM_EIO; PODIUM_EINVAL naming file and line. */
int32_t text_tasks_write(const char *from, const char *base);
/* Whether they were written whole. */
bool text_tasks_present(const char *base);

#endif
