/* Finds our shared objects near the executable. */
#include "base/plugin.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder of the executable into `out`, without the last slash. */
static int32_t own_folder(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0)
        return podium_fail(PODIUM_EIO, "cannot read the link '/proc/self/exe'");
    out[n] = 0;
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = 0;
    return 0;
}

int32_t plugin_find(const char *name, char *out, size_t size)
{
    static const char *const places[] = {"backends", "../backends", "../lib/podium"};
    char folder[2048];
    TRY(own_folder(folder, sizeof folder));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(out, size, "%s/%s/libpodium_%s.so", folder, places[i], name);
        if (n > 0 && (size_t)n < size && !access(out, R_OK))
            return 0;
    }
    return podium_fail(PODIUM_ENOTSUP,
                       "no 'libpodium_%s.so' beside the executable in '%s' (its compiler was not "
                       "found, or it was switched off)",
                       name, folder);
}
