/* Opens the LAPACK that the dynamic linker finds, and says which it is.  Its names are looked up at
 * run time: any LAPACK will do, and only OpenBLAS has more to say. */
#include "base/library.h"
#include "engine/lapack.h"
#include "engine/linalg.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SONAME "liblapack.so.3"

static lapack found;        /* written once, before anyone reads it */
static const char *missing; /* what could not be found; NULL: nothing */

static void open_once(void)
{
    static const library_symbol all[] = {
        {"dsyevd_", &found.dsyevd, false},
        {"dgeqrf_", &found.dgeqrf, false},
        {"dorgqr_", &found.dorgqr, false},
        {"ssyevd_", &found.ssyevd, false},
        {"sgeqrf_", &found.sgeqrf, false},
        {"sorgqr_", &found.sorgqr, false},
        {"dsyrk_", &found.dsyrk, false}, /* of the BLAS it depends on */
        {"ilaver_", &found.ilaver, false},
        {"openblas_get_config", &found.config, true},
        {"openblas_set_num_threads", &found.set_threads, true},
    };
    missing = library_open(SONAME, all, sizeof all / sizeof *all);
}

int32_t lapack_open(const lapack **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_once);
    *out = &found;
    return missing
               ? podium_fail(PODIUM_EDEVICE,
                             "no LAPACK: %s of " SONAME " is missing (Debian: liblapack3)", missing)
               : 0;
}

/* File and folder of the library that eigenvectors come from. */
static void find_file(const lapack *l, char *out, size_t size)
{
    char whole[PATH_MAX];
    void *at;
    Dl_info info;
    memcpy(&at, &l->dsyevd, sizeof at);
    snprintf(out, size, "linked in");
    if (!dladdr(at, &info) || !info.dli_fname || !realpath(info.dli_fname, whole))
        return;
    char *file = strrchr(whole, '/');
    while (file && file > whole && file[-1] != '/')
        file--;
    snprintf(out, size, "%.200s", file ? file : whole);
}

void linalg_library(char *out, size_t size)
{
    const lapack *l;
    char file[256];
    int major, minor, patch;
    if (lapack_open(&l)) {
        snprintf(out, size, "none");
        return;
    }
    find_file(l, file, sizeof file);
    l->ilaver(&major, &minor, &patch);
    snprintf(out, size, "%s, LAPACK %d.%d.%d%s%s", file, major, minor, patch, l->config ? ", " : "",
             l->config ? l->config() : "");
}

void linalg_library_threads(int threads)
{
    const lapack *l;
    if (!lapack_open(&l) && l->set_threads)
        l->set_threads(threads);
}
