/* SHA-256 (FIPS 180-4): data ids, provenance, chained hashes of records. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define SHA256_HEX 65 /* 64 digits and the end */

typedef struct sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
    bool accelerated; /* by the processor's instructions; may be cleared before the first update */
} sha256;

void sha256_init(sha256 *h);
void sha256_update(sha256 *h, const void *data, size_t bytes);
/* h is spent afterwards. */
void sha256_final(sha256 *h, uint8_t digest[32]);

/* Lower-case hexadecimal, NUL-terminated. */
void sha256_hex(const uint8_t digest[32], char hex[SHA256_HEX]);
void sha256_of(const void *data, size_t bytes, char hex[SHA256_HEX]);
/* Errors: PODIUM_EIO naming the file. */
int32_t sha256_of_file(const char *path, char hex[SHA256_HEX]);

#endif
