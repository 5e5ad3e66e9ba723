/* Numbered strings by open addressing. */
#include "data/vocabulary.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_bytes(const char *text, size_t length)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

/* The slot that holds the string, or the free one where it belongs. */
static size_t slot_of(const vocabulary *v, const char *text, size_t length)
{
    size_t at = hash_bytes(text, length) & (v->slot_count - 1);
    while (v->slots[at]) {
        size_t n;
        const char *other = vocabulary_text(v, v->slots[at] - 1, &n);
        if (n == length && !memcmp(other, text, n))
            break;
        at = (at + 1) & (v->slot_count - 1);
    }
    return at;
}

/* At most half of the slots are taken. */
static int32_t reserve(vocabulary *v)
{
    if (v->start && v->count < v->capacity)
        return 0;
    int32_t capacity = v->capacity ? 2 * v->capacity : 256;
    size_t slot_count = 4 * (size_t)capacity;
    size_t *start = realloc(v->start, ((size_t)capacity + 1) * sizeof *start);
    if (start)
        v->start = start;
    int32_t *slots = calloc(slot_count, sizeof *slots);
    if (!start || !slots) {
        free(slots);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a vocabulary of %d", capacity);
    }
    if (!v->count)
        start[0] = 0;
    free(v->slots);
    v->slots = slots;
    v->slot_count = slot_count;
    v->capacity = capacity;
    for (int32_t id = 0; id < v->count; id++) {
        size_t n;
        const char *text = vocabulary_text(v, id, &n);
        slots[slot_of(v, text, n)] = id + 1;
    }
    return 0;
}

int32_t vocabulary_add(vocabulary *v, const char *text, size_t length)
{
    if (v->count >= 1 << 30)
        return podium_fail(PODIUM_EINVAL, "too many strings");
    TRY(reserve(v));
    size_t at = slot_of(v, text, length);
    if (v->slots[at])
        return podium_fail(PODIUM_EINVAL, "twice");
    text_append(&v->bytes, text, length);
    if (v->bytes.failed)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a vocabulary of %d", v->count + 1);
    v->slots[at] = ++v->count;
    v->start[v->count] = v->bytes.length;
    return 0;
}

int32_t vocabulary_find(const vocabulary *v, const char *text, size_t length)
{
    return v->slot_count ? v->slots[slot_of(v, text, length)] - 1 : -1;
}

const char *vocabulary_text(const vocabulary *v, int32_t id, size_t *length)
{
    *length = v->start[id + 1] - v->start[id];
    return v->bytes.data + v->start[id];
}

void vocabulary_release(vocabulary *v)
{
    text_release(&v->bytes);
    free(v->start);
    free(v->slots);
    *v = (vocabulary){0};
}
