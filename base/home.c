/* Finds Podium's own files from the environment or the executable's place. */
#include "base/home.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int32_t copy_path(const char *path, char *out, size_t size)
{
    int n = snprintf(out, size, "%s", path);
    return n >= 0 && (size_t)n < size ? PODIUM_OK
                                      : podium_fail(PODIUM_EINVAL, "path '%s' is too long", path);
}

static bool holds(const char *folder, const char *what)
{
    char path[4200];
    int n = snprintf(path, sizeof path, "%s/%s", folder, what);
    return n >= 0 && (size_t)n < sizeof path && (file_exists(path) || directory_exists(path));
}

int32_t home_find(const char *what, char *out, size_t size)
{
    char folder[4096], binary[4000];
    const char *home = getenv("PODIUM_HOME");
    if (home && !holds(home, what))
        return podium_fail(PODIUM_EINVAL, "PODIUM_HOME '%s' holds no '%s'", home, what);
    if (home)
        return copy_path(home, out, size);
    TRY(path_of_executable(binary, sizeof binary));
    TRY(copy_path(binary, folder, sizeof folder));
    for (char *end = folder + strlen(folder); end; end = strrchr(folder, '/')) {
        static const char *const below[] = {"", "/share/podium"};
        *end = '\0';
        for (int i = 0; i < 2; i++) {
            snprintf(end, sizeof folder - (size_t)(end - folder), "%s", below[i]);
            if (holds(folder, what))
                return copy_path(folder, out, size);
            *end = '\0';
        }
    }
    return podium_fail(PODIUM_EINVAL,
                       "cannot find '%s' in a folder above '%s'; set PODIUM_HOME to the folder "
                       "that holds it",
                       what, binary);
}

int32_t home_data(const char *given, char *out, size_t size)
{
    char home[4000];
    if (!given)
        given = getenv("PODIUM_DATA");
    if (given)
        return copy_path(given, out, size);
    TRY(home_find("data/sources.yaml", home, sizeof home));
    return path_join(out, size, home, "data");
}
