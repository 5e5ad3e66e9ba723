/* The registry of backends.  Each folder's opener is referenced weakly: a backend that is not built
 * is a null pointer here (the Makefile asks the linker for the ones that are). */
#include "engine/backend.h"

#include <string.h>

#pragma weak backend_ref_open
#pragma weak backend_cpu_open
#pragma weak backend_cuda_open
#pragma weak backend_hip_open

static const char *const kind_names[OP_COUNT] = {
#define X(name) #name,
    OP_KINDS(X)
#undef X
};

const char *op_kind_name(int32_t kind)
{
    return kind >= 0 && kind < OP_COUNT ? kind_names[kind] : "?";
}

typedef struct registry_entry {
    const char *name;
    int32_t (*open)(backend **out, int threads);
} registry_entry;

#define REGISTRY                                                                           \
    {                                                                                      \
        {"ref", backend_ref_open}, {"cpu", backend_cpu_open}, {"cuda", backend_cuda_open}, \
            {"hip", backend_hip_open},                                                     \
    }

int32_t backend_open(backend **out, const char *name, int threads)
{
    const registry_entry registry[] = REGISTRY;
    *out = NULL;
    if (threads < 0)
        return podium_fail(PODIUM_EINVAL, "%d threads, expected 0 or more", threads);
    for (size_t i = 0; i < sizeof registry / sizeof registry[0]; i++) {
        if (strcmp(registry[i].name, name))
            continue;
        if (!registry[i].open)
            return podium_fail(PODIUM_ENOTSUP, "device '%s' is not in this build", name);
        return registry[i].open(out, threads);
    }
    return podium_fail(PODIUM_EINVAL, "unknown device '%s', expected ref, cpu, cuda or hip", name);
}

int32_t backend_check_precision(const backend *b, int32_t precision)
{
    if (precision && precision != PODIUM_F32 && precision != PODIUM_BF16)
        return podium_fail(PODIUM_EINVAL, "precision %d, expected f32 or bf16", precision);
    if (precision == PODIUM_BF16 && !b->has_bf16)
        return podium_fail(PODIUM_ENOTSUP, "device '%s' has no bf16 on this machine", b->name);
    return PODIUM_OK;
}

void backend_close(backend *b)
{
    if (b)
        b->destroy(b);
}

const char *const *backend_names(void)
{
    static const char *names[5]; /* filled with the same strings by whoever asks first */
    const registry_entry registry[] = REGISTRY;
    size_t n = 0;
    for (size_t i = 0; i < sizeof registry / sizeof registry[0]; i++)
        if (registry[i].open)
            names[n++] = registry[i].name;
    return names;
}
