/* The secret key of a results folder. */
#include "harness/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static bool parse_key(const char *text, uint8_t key[TRIAL_KEY_BYTES])
{
    if (strlen(text) != 2 * TRIAL_KEY_BYTES ||
        strspn(text, "0123456789abcdef") != 2 * TRIAL_KEY_BYTES)
        return false;
    for (int i = 0; i < TRIAL_KEY_BYTES; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        key[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

static int32_t write_key(const char *path, const uint8_t key[TRIAL_KEY_BYTES])
{
    char text[2 * TRIAL_KEY_BYTES + 2];
    for (int i = 0; i < TRIAL_KEY_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    text[2 * TRIAL_KEY_BYTES] = '\n';
    mode_t before = umask(077); /* a submission must not read it */
    int32_t rc = file_write_atomic(path, text, 2 * TRIAL_KEY_BYTES + 1);
    umask(before);
    return rc;
}

int32_t trial_key(const char *results, const char *given, uint8_t key[TRIAL_KEY_BYTES])
{
    char path[4096], *text = NULL;
    uint8_t wanted[TRIAL_KEY_BYTES];
    size_t n;
    if (given && !parse_key(given, wanted))
        return podium_fail(PODIUM_EINVAL, "key '%s': expected %d hexadecimal digits, lower case",
                           given, 2 * TRIAL_KEY_BYTES);
    TRY(directory_create(results));
    TRY(path_join(path, sizeof path, results, "key"));
    if (file_exists(path)) {
        TRY(file_read(path, 4096, &text, &n));
        text[strcspn(text, "\n")] = '\0';
        bool good = parse_key(text, key);
        free(text);
        if (!good)
            return podium_fail(PODIUM_EINVAL, "'%s' holds no key of %d hexadecimal digits", path,
                               2 * TRIAL_KEY_BYTES);
        if (given && memcmp(key, wanted, TRIAL_KEY_BYTES))
            return podium_fail(PODIUM_EINVAL, "results folder '%s' has another key", results);
        return 0;
    }
    if (given)
        memcpy(key, wanted, TRIAL_KEY_BYTES);
    else if (getrandom(key, TRIAL_KEY_BYTES, 0) != TRIAL_KEY_BYTES)
        return podium_fail(PODIUM_EIO, "no random numbers from the system: %s", strerror(errno));
    return write_key(path, key);
}
