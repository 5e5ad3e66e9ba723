/* SHA-256 (FIPS 180-4). */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
} sha256;

void sha256_init(sha256 *s);
void sha256_update(sha256 *s, const void *data, size_t n);
void sha256_final(sha256 *s, uint8_t out[32]);
void sha256_hex(const uint8_t digest[32], char out[65]); /* lower case, terminated */
/* Of a whole file, as hex. Errors: PODIUM_EIO. */
int32_t sha256_file(const char *path, char out[65]);

#endif
