/* Opens a GPU backend's shared object. */
#include "engine/cuda/load.h"

#include <dlfcn.h>
#include <string.h>

#include "base/plugin.h"

static int32_t fail(int32_t code, const char *text)
{
    return podium_fail(code, "%s", text);
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
    if (plugin_find(name, path, sizeof path))
        return podium_fail_in(PODIUM_ENOTSUP, "device '%s' was not built", name);
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
