/* A set of byte strings numbered from 0 in the order they were added, found by content. */
#ifndef DATA_VOCABULARY_H
#define DATA_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"
#include "base/text.h"

typedef struct vocabulary {
    text_buffer bytes;       /* all strings, one after the other */
    size_t *start;           /* [count + 1] into bytes */
    int32_t *slots;          /* [slot_count] open addressing: id + 1, 0 free */
    int32_t count, capacity; /* strings; room in start */
    size_t slot_count;       /* a power of two; 0 before the first addition */
} vocabulary;

/* Gives the string the next number.  Errors: PODIUM_EINVAL it has one already (the text says only
 * "twice": callers know the file), or 2^30 are there; PODIUM_ENOMEM. */
int32_t vocabulary_add(vocabulary *v, const char *text, size_t length);
int32_t vocabulary_find(const vocabulary *v, const char *text, size_t length); /* -1: absent */
/* Borrowed, no zero byte at its end, valid until the next addition; id in [0, count). */
const char *vocabulary_text(const vocabulary *v, int32_t id, size_t *length);
void vocabulary_release(vocabulary *v);

#endif
