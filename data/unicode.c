/* Code points on libunistring. */
#include "data/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

void code_points_add(code_points *b, uint32_t c)
{
    if (b->failed)
        return;
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 64;
        uint32_t *data = realloc(b->data, capacity * sizeof *data);
        if (!data) {
            b->failed = true;
            return;
        }
        b->data = data;
        b->capacity = capacity;
    }
    b->data[b->count++] = c;
}

void code_points_decode(code_points *b, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    while (length) {
        ucs4_t c = *at;
        int used = 1;
        if (c >= 0x80)
            used = u8_mbtouc(&c, at, length); /* c is U+FFFD where the bytes are damaged */
        code_points_add(b, c);
        at += used;
        length -= (size_t)used;
    }
}

void code_points_release(code_points *b)
{
    free(b->data);
    *b = (code_points){0};
}

void utf8_append(text_buffer *b, uint32_t c)
{
    uint8_t bytes[6];
    int n = u8_uctomb(bytes, c, sizeof bytes);
    if (n < 0)
        n = u8_uctomb(bytes, UNICODE_REPLACEMENT, sizeof bytes);
    text_append(b, (const char *)bytes, (size_t)n);
}

bool unicode_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return uc_is_property_white_space(c);
}

bool unicode_is_split_space(uint32_t c)
{
    return unicode_is_space(c) || (c >= 0x1C && c <= 0x1F);
}

bool unicode_is_other(uint32_t c)
{
    if (c < 0x80)
        return c < 0x20 || c == 0x7F;
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_C);
}

bool unicode_is_nonspacing(uint32_t c)
{
    return c >= 0x300 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Mn);
}

bool unicode_is_punctuation(uint32_t c)
{
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_P);
}

bool unicode_is_cjk(uint32_t c)
{
    static const uint32_t blocks[][2] = {
        {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
        {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F},
    };
    for (size_t i = 0; c >= 0x3400 && i < sizeof blocks / sizeof *blocks; i++)
        if (c >= blocks[i][0] && c <= blocks[i][1])
            return true;
    return false;
}

uint32_t unicode_lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return uc_tolower(c);
}

/* Takes over what libunistring allocated. */
static int32_t replace(code_points *b, uint32_t *data, size_t count)
{
    if (!data)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu code points", b->count);
    free(b->data);
    *b = (code_points){.data = data, .count = count, .capacity = count};
    return 0;
}

int32_t code_points_lower(code_points *b)
{
    size_t count = 0;
    if (!b->count)
        return 0;
    uint32_t *data = u32_tolower(b->data, b->count, NULL, NULL, NULL, &count);
    return replace(b, data, count);
}

int32_t code_points_nfd(code_points *b)
{
    size_t count = 0;
    if (!b->count)
        return 0;
    uint32_t *data = u32_normalize(UNINORM_NFD, b->data, b->count, NULL, &count);
    return replace(b, data, count);
}
