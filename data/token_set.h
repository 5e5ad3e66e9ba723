/* The descriptions made ready for a language model: encoded by byte pairs and written in the form
 * data/text_data.h reads. */
#ifndef DATA_TOKEN_SET_H
#define DATA_TOKEN_SET_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

/* Trains byte pairs on FROM/descriptions-train.tsv and writes each of
 * FROM/descriptions-{train,valid,test}.tsv (data/debian_text.h), a description a line, to
 * FOLDER/{train,valid,test}.target.ids, with bpe.txt (data/bpe.h) and vocabulary.vocab.  A split
 * without lines is left out.
 * Errors: PODIUM_EINVAL a line without four columns, no training lines; PODIUM_EIO. */
int32_t token_set_write(const char *from, const char *folder, int32_t merges);
/* Whether `folder` holds a set that was written whole: its vocabulary comes last. */
bool token_set_present(const char *folder);

#endif
