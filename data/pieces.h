/* Text that a SentencePiece tool has encoded: its vocabulary file (spm_train's .vocab: "PIECE TAB
 * SCORE" a line) and files of ids (spm_encode --output_format=id: numbers and spaces, a sentence a
 * line). */
#ifndef DATA_PIECES_H
#define DATA_PIECES_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"
#include "base/text.h"
#include "data/ids.h"
#include "data/vocabulary.h"

/* `out` starts as {0}; release also after a failure.  Errors: PODIUM_EINVAL naming the line. */
int32_t pieces_parse(vocabulary *out, const char *text, size_t length, const char *name);
int32_t pieces_read(vocabulary *out, const char *path);
/* Ids of one line, terminated by a zero byte.  Errors: PODIUM_EINVAL what is no id below `count`.
 */
int32_t pieces_ids(const char *line, int32_t count, id_buffer *out);
/* The text of ids: U+2581 is a space (the first one is dropped), "<0xHH>" a byte, control pieces
 * ("<s>", "</s>", "<pad>", "<unk>") nothing.  Errors: PODIUM_EINVAL an id that does not exist. */
int32_t pieces_decode(const vocabulary *v, const int32_t *ids, int64_t count, text_buffer *out);

#endif
