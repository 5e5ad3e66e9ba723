/* MD5 by the steps of RFC 1321, section 3.4. */
#include "data/md5.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void md5_init(md5 *h)
{
    *h = (md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

static void md5_block(uint32_t state[4], const uint8_t *p, const uint32_t sines[64])
{
    static const uint8_t turns[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t x[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++)
        x[i] = (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16 |
               (uint32_t)p[4 * i + 3] << 24;
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int word, turn = turns[i / 16][i % 4];
        if (i < 16) {
            f = (b & c) | (~b & d);
            word = i;
        } else if (i < 32) {
            f = (b & d) | (c & ~d);
            word = (5 * i + 1) % 16;
        } else if (i < 48) {
            f = b ^ c ^ d;
            word = (3 * i + 5) % 16;
        } else {
            f = c ^ (b | ~d);
            word = 7 * i % 16;
        }
        f += a + sines[i] + x[word];
        a = d;
        d = c;
        c = b;
        b += f << turn | f >> (32 - turn);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_update(md5 *h, const void *data, size_t bytes)
{
    uint32_t sines[64]; /* T[i] = floor(2^32 |sin(i + 1)|), far from any rounding question */
    for (int i = 0; i < 64; i++)
        sines[i] = (uint32_t)floor(fabs(sin(i + 1.0)) * 4294967296.0);
    const uint8_t *p = data;
    while (bytes > 0) {
        size_t used = h->length % 64, n = 64 - used < bytes ? 64 - used : bytes;
        memcpy(h->block + used, p, n);
        h->length += n;
        p += n;
        bytes -= n;
        if (used + n == 64)
            md5_block(h->state, h->block, sines);
    }
}

void md5_final(md5 *h, char hex[MD5_HEX])
{
    static const uint8_t padding[64] = {0x80};
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(h->length * 8 >> 8 * i);
    md5_update(h, padding, 1 + (119 - h->length % 64) % 64);
    md5_update(h, length, 8);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(h->state[i / 4] >> 8 * (i % 4) & 255));
}

int32_t md5_of_file(const char *path, char hex[MD5_HEX])
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return podium_fail(PODIUM_EIO, "cannot open '%s': %s", path, strerror(errno));
    md5 h;
    uint8_t buffer[1 << 16];
    size_t n;
    md5_init(&h);
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
        md5_update(&h, buffer, n);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return podium_fail(PODIUM_EIO, "cannot read '%s'", path);
    md5_final(&h, hex);
    return PODIUM_OK;
}
