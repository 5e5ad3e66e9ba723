/* Which LAPACK the dynamic linker found, and its threads.  Its names are looked up at run time: any
 * LAPACK links, and only OpenBLAS has more to say. */
#include "engine/linalg.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ilaver_(int *major, int *minor, int *patch);

/* The function `name` of the process, NULL: there is none. */
typedef union symbol {
    void *object;
    char *(*text)(void);
    void (*set_integer)(int);
} symbol;

static symbol look_up(const char *name)
{
    return (symbol){.object = dlsym(RTLD_DEFAULT, name)};
}

/* File and folder of the library that eigenvectors come from. */
static void find_file(char *out, size_t size)
{
    char whole[PATH_MAX];
    Dl_info info;
    snprintf(out, size, "linked in");
    symbol at = look_up("dsyevd_");
    if (!at.object || !dladdr(at.object, &info) || !info.dli_fname ||
        !realpath(info.dli_fname, whole))
        return;
    char *file = strrchr(whole, '/');
    while (file && file > whole && file[-1] != '/')
        file--;
    snprintf(out, size, "%.200s", file ? file : whole);
}

void linalg_library(char *out, size_t size)
{
    char file[256];
    int major, minor, patch;
    symbol config = look_up("openblas_get_config");
    find_file(file, sizeof file);
    ilaver_(&major, &minor, &patch);
    snprintf(out, size, "%s, LAPACK %d.%d.%d%s%s", file, major, minor, patch,
             config.object ? ", " : "", config.object ? config.text() : "");
}

void linalg_library_threads(int threads)
{
    symbol set = look_up("openblas_set_num_threads");
    if (set.object)
        set.set_integer(threads);
}
