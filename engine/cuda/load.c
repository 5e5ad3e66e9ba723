/* Opens a GPU backend's shared object. */
#include "engine/cuda/load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int32_t fail(int32_t code, const char *text)
{
    return podium_fail(code, "%s", text);
}

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

/* The shared object's path into `out`.  Errors: PODIUM_ENOTSUP when there is none. */
static int32_t find(char *out, size_t size, const char *name)
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
                       "device '%s' was not built: no 'libpodium_%s.so' beside the executable in "
                       "'%s' (its compiler was not found, or it was switched off)",
                       name, name, folder);
}

int32_t gpu_backend_open(backend **out, const char *name)
{
    static const gpu_services services = {
        .struct_size = sizeof services,
        .fail = fail,
        .print_source = program_print_source,
        .check_args = program_check_args,
        .cut = program_cut,
        .add_partials = program_add_partials,
    };
    char path[4096];
    *out = NULL;
    TRY(find(path, sizeof path, name));
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays open: backends live in it */
    if (!library)
        return podium_fail(PODIUM_ENOTSUP, "device '%s' cannot be loaded: %s", name, dlerror());
    gpu_open *open_device = NULL;
    void *symbol = dlsym(library, "podium_gpu_open");
    memcpy(&open_device, &symbol, sizeof symbol);
    if (!open_device)
        return podium_fail(PODIUM_ENOTSUP, "'%s' lacks the symbol 'podium_gpu_open'", path);
    return open_device(&services, out);
}

int32_t backend_cuda_open(backend **out, int threads)
{
    (void)threads; /* host threads; the device has its own */
    return gpu_backend_open(out, "cuda");
}
