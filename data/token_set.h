/* Text sets made ready for training: encoded by byte pairs and written in the form data/token_ids.h
 * reads. */
#ifndef DATA_TOKEN_SET_H
#define DATA_TOKEN_SET_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"
#include "data/text_lines.h"

enum { TOKEN_SET_TRAIN, TOKEN_SET_VALID, TOKEN_SET_TEST, TOKEN_SET_SPLITS };

/* Trains byte pairs on the training split, both sides, and writes
 * {train,valid,test}.{source,target} .ids, vocabulary.vocab and bpe.txt (data/bpe.h) into `folder`.
 * source NULL: texts.  A split without lines is left out.  Errors: PODIUM_EINVAL sides of different
 * length, no training lines; PODIUM_EIO. */
int32_t token_set_write(const char *folder, const text_lines *source, const text_lines *target,
                        int32_t merges);
/* The same from FOLDER/NAME.de and .en, whose names are those of the splits; German is the source.
 */
int32_t token_set_write_pairs(const char *from, const char *const names[TOKEN_SET_SPLITS],
                              const char *folder, int32_t merges);
/* From FOLDER/descriptions-{train,valid,test}.tsv (data/debian_text.h): a description a line. */
int32_t token_set_write_descriptions(const char *from, const char *folder, int32_t merges);
/* Whether `folder` holds a set that was written whole: its vocabulary comes last. */
bool token_set_present(const char *folder);

#endif
