/* SHA-256 against the examples of FIPS 180-4 and against itself in pieces. */
#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>
#include "tests/tap.h"

int main(void)
{
    char hex[SHA256_HEX], pieces[SHA256_HEX];
    sha256_of("", 0, hex);
    is_text(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "nothing");
    sha256_of("abc", 3, hex);
    is_text(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha256_of(two, strlen(two), hex);
    is_text(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "two blocks");
    char *million = malloc(1000000);
    if (!million)
        return 1;
    memset(million, 'a', 1000000);
    sha256_of(million, 1000000, hex);
    is_text(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", "a million a");
    int differ = 0, slow_differ = 0;
    for (size_t n = 0; n < 300; n++) {
        sha256 h;
        uint8_t digest[32];
        sha256_of(million, n, hex);
        sha256_init(&h);
        for (size_t at = 0; at < n; at += 7)
            sha256_update(&h, million + at, n - at < 7 ? n - at : 7);
        sha256_final(&h, digest);
        sha256_hex(digest, pieces);
        differ += strcmp(hex, pieces) != 0;
        sha256_init(&h);
        h.accelerated = false;
        sha256_update(&h, million, n);
        sha256_final(&h, digest);
        sha256_hex(digest, pieces);
        slow_differ += strcmp(hex, pieces) != 0;
    }
    ok(differ == 0, "pieces of 7 bytes hash like the whole, for every length below 300");
    ok(slow_differ == 0, "portable code and the processor's instructions agree");
    free(million);
    ok(sha256_of_file("/nonexistent/file", hex) == PODIUM_EIO, "a missing file is an error");
    ok(strstr(podium_error(), "/nonexistent/file") != NULL, "which names the file");
    return tap_done();
}
