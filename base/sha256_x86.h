/* The rounds of SHA-256 by the processor's own instructions. */
#ifndef BASE_SHA256_X86_H
#define BASE_SHA256_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False where the processor or the compiler has none. */
bool sha256_x86_available(void);
/* Only where available.  k: the 64 round constants. */
void sha256_x86_compress(uint32_t state[8], const uint8_t *data, size_t blocks,
                         const uint32_t k[64]);

#endif
