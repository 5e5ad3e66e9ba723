/* What tokenizers ask of Unicode: decoding UTF-8 that may be damaged, white space, the classes
 * BERT's normaliser drops or splits at.  The tables are libunistring's. */
#ifndef DATA_UNICODE_H
#define DATA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"
#include "base/text.h"

#define UNICODE_REPLACEMENT 0xFFFDu

/* Growing array of code points; a failed allocation is sticky, as in text_buffer. */
typedef struct code_points {
    uint32_t *data; /* owned */
    size_t count, capacity;
    bool failed;
} code_points;
void code_points_add(code_points *b, uint32_t c);
/* Appends the code points of UTF-8 text; each damaged sequence gives one U+FFFD. */
void code_points_decode(code_points *b, const char *text, size_t length);
void code_points_release(code_points *b);
/* Appends c as UTF-8 (U+FFFD for what is no scalar value). */
void utf8_append(text_buffer *b, uint32_t c);

bool unicode_is_space(uint32_t c);       /* the White_Space property */
bool unicode_is_split_space(uint32_t c); /* where Python's str.split() cuts: also U+001C..U+001F */
bool unicode_is_other(uint32_t c);       /* Cc, Cf, Cs, Co, Cn */
bool unicode_is_nonspacing(uint32_t c);  /* Mn */
bool unicode_is_punctuation(uint32_t c); /* P* */
bool unicode_is_cjk(uint32_t c);         /* the ideograph blocks that BERT sets apart */
uint32_t unicode_lower(uint32_t c);      /* one to one */
/* Lower case of whole texts as Python's str.lower(): one to many, final sigma. In place.
 * Errors: PODIUM_ENOMEM. */
int32_t code_points_lower(code_points *b);
/* Canonical decomposition (NFD), in place.  Errors: PODIUM_ENOMEM. */
int32_t code_points_nfd(code_points *b);

#endif
