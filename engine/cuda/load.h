/* The door between podium and a GPU backend, a shared object that is opened when it is asked for:
 * so the binary runs on machines without the vendor's libraries. */
#ifndef ENGINE_CUDA_LOAD_H
#define ENGINE_CUDA_LOAD_H

#include "engine/backend.h"
#include "engine/program_internal.h"

/* What the shared object needs of podium; borrowed for the life of the process. */
typedef struct gpu_services {
    size_t struct_size;
    int32_t (*fail)(int32_t code, const char *text); /* copies the text, returns code */
    int32_t (*print_source)(const program *p, int32_t dtype, char **out);
    int32_t (*check_args)(const program *p, const program_args *args);
    int32_t (*cut)(program *p, const program_args *args);
    void (*add_partials)(const program *p, const program_args *args);
} gpu_services;

/* The one symbol of the shared object, "podium_gpu_open". */
typedef int32_t gpu_open(const gpu_services *services, backend **out);

/* Opens libpodium_NAME.so beside the executable (backends/, ../backends/ or ../lib/podium/) and the
 * first device.  Errors: PODIUM_ENOTSUP with the reason when it is not there or finds no device. */
int32_t gpu_backend_open(backend **out, const char *name);

#endif
