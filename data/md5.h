/* MD5 (RFC 1321), only because publishers of data sets state it: no protection against an attacker.
 */
#ifndef DATA_MD5_H
#define DATA_MD5_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define MD5_HEX 33 /* 32 digits and the end */

typedef struct md5 {
    uint32_t state[4];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
} md5;

void md5_init(md5 *h);
void md5_update(md5 *h, const void *data, size_t bytes);
/* Lower-case hexadecimal; h is spent afterwards. */
void md5_final(md5 *h, char hex[MD5_HEX]);
/* Errors: PODIUM_EIO naming the file. */
int32_t md5_of_file(const char *path, char hex[MD5_HEX]);

#endif
