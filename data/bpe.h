/* Byte-level byte pair encoding (Sennrich et al. 2016, on bytes): trained by us, so that the same
 * text gives the same tokens on every machine.  Ids: 0 padding, 1 begin (or mask), 2 end, 3 + byte,
 * then one a merge. Text is cut into words first (a space belongs to the word behind it; letters,
 * digits and other characters do not mix), and merges stay within a word. */
#ifndef DATA_BPE_H
#define DATA_BPE_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"
#include "base/text.h"
#include "data/ids.h"

#define BPE_PAD 0
#define BPE_BEGIN 1
#define BPE_END 2
#define BPE_SPECIALS 3
#define BPE_FIRST_MERGE (BPE_SPECIALS + 256)
#define BPE_MAX_MERGES 65000

typedef struct bpe bpe;

/* The most frequent pair of neighbours becomes a token, `merges` times (fewer when no pair occurs
 * twice); among equally frequent ones that with the smaller bytes, left part first.  `lines` end
 * with a zero byte.  Errors: PODIUM_EINVAL merges out of 0..65000; PODIUM_ENOMEM. */
int32_t bpe_train(bpe **out, const char *const *lines, int64_t count, int32_t merges);
/* The text form: a line "podium-bpe 1 MERGES NOTE", then "LEFT RIGHT" a merge. `note` is one word.
 */
int32_t bpe_write(const bpe *b, const char *note, text_buffer *out);
/* Errors: PODIUM_EINVAL naming `name` and the line.  *note (may be NULL) is borrowed from b. */
int32_t bpe_parse(bpe **out, const char *text, size_t length, const char *name, const char **note);
void bpe_close(bpe *b);          /* NULL is fine */
int32_t bpe_count(const bpe *b); /* ids */

/* Appends the ids of a text.  Errors: PODIUM_ENOMEM. */
int32_t bpe_encode(const bpe *b, const char *text, size_t length, id_buffer *out);
/* Appends the bytes of ids; specials have none.  Errors: PODIUM_EINVAL an id that does not exist.
 */
int32_t bpe_decode(const bpe *b, const int32_t *ids, int64_t count, text_buffer *out);

#endif
