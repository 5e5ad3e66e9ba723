/* Programs on a GPU: printed as source, compiled once a text and element type, run over the same
 * pieces as on the CPU; partial sums come back and are added in order by the host. */
#include "engine/cuda/gpu.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

struct gpu_program {
    gpu_program *next;
    char *text;
    int32_t dtype;
    CUmodule module;
    CUfunction function;
    program_piece *host_pieces; /* what `pieces` holds */
    int32_t num_pieces;
    void *pieces, *partial, *numbers;
    size_t numbers_bytes;
};

static void program_free(gpu_program *p)
{
    cudaFree(p->pieces);
    cudaFree(p->partial);
    cudaFree(p->numbers);
    if (p->module)
        cuModuleUnload(p->module);
    free(p->host_pieces);
    free(p->text);
    delete p;
}

void gpu_programs_free(gpu_state *g)
{
    while (g->programs) {
        gpu_program *p = g->programs;
        g->programs = p->next;
        program_free(p);
    }
}

/* Source to a loaded module.  No fused multiply-add but fma(): the CPU's roundings. */
static int32_t compile_source(gpu_state *g, gpu_program *p, const char *source)
{
    char architecture[64];
    snprintf(architecture, sizeof architecture, GPU_ARCHITECTURE, g->major, g->minor);
    const char *options[] = {architecture, GPU_NO_CONTRACTION};
    nvrtcProgram compiler = nullptr;
    if (nvrtcCreateProgram(&compiler, source, "program.cu", 0, nullptr, nullptr) != NVRTC_SUCCESS)
        return gpu_fail(PODIUM_EDEVICE, "%s: the run-time compiler does not start", GPU_NAME);
    size_t size = 0;
    char *code = nullptr;
    int32_t rc = 0;
    nvrtcResult result = nvrtcCompileProgram(compiler, 2, options);
    if (result != NVRTC_SUCCESS) {
        char log[768] = "";
        if (nvrtcGetProgramLogSize(compiler, &size) == NVRTC_SUCCESS && size < sizeof log)
            nvrtcGetProgramLog(compiler, log);
        rc = gpu_fail(PODIUM_EDEVICE, "%s: a program does not compile: %s %s", GPU_NAME,
                      nvrtcGetErrorString(result), log);
    } else if (nvrtcGetCUBINSize(compiler, &size) != NVRTC_SUCCESS ||
               !(code = (char *)malloc(size)) || nvrtcGetCUBIN(compiler, code) != NVRTC_SUCCESS) {
        rc = gpu_fail(PODIUM_EDEVICE, "%s: no code from the run-time compiler", GPU_NAME);
    } else if (cuModuleLoadData(&p->module, code) != CUDA_SUCCESS ||
               cuModuleGetFunction(&p->function, p->module, "podium_program") != CUDA_SUCCESS) {
        rc = gpu_fail(PODIUM_EDEVICE, "%s: a compiled program does not load", GPU_NAME);
    }
    free(code);
    nvrtcDestroyProgram(&compiler);
    return rc;
}

static int32_t program_find(gpu_state *g, const program *p, int32_t dtype, gpu_program **out)
{
    for (gpu_program *q = g->programs; q; q = q->next)
        if (q->dtype == dtype && !strcmp(q->text, p->text)) {
            *out = q;
            return 0;
        }
    gpu_program *q = new (std::nothrow) gpu_program();
    char *source = nullptr;
    if (!q || !(q->text = strdup(p->text))) {
        delete q;
        return gpu_fail(PODIUM_ENOMEM, "no memory for a program");
    }
    q->dtype = dtype;
    int32_t rc = gpu_host->print_source(p, dtype, &source);
    if (!rc)
        rc = compile_source(g, q, source);
    free(source);
    if (rc) {
        program_free(q);
        return rc;
    }
    q->next = g->programs;
    g->programs = q;
    *out = q;
    return 0;
}

/* Device copies of the pieces, and room for the partial sums; kept while the pieces stay. */
static int32_t place_pieces(gpu_state *g, gpu_program *q, const program *p)
{
    size_t bytes = (size_t)p->num_pieces * sizeof *p->pieces;
    if (q->host_pieces && q->num_pieces == p->num_pieces &&
        !memcmp(q->host_pieces, p->pieces, bytes))
        return 0;
    cudaFree(q->pieces);
    cudaFree(q->partial);
    free(q->host_pieces);
    q->pieces = q->partial = nullptr;
    q->host_pieces = (program_piece *)malloc(bytes + 1);
    if (!q->host_pieces)
        return gpu_fail(PODIUM_ENOMEM, "no memory for %d pieces of a program", p->num_pieces);
    q->num_pieces = -1; /* until all of it succeeded */
    TRY(gpu_check(cudaMalloc(&q->pieces, bytes + 8), "allocating pieces"));
    TRY(gpu_check(cudaMalloc(&q->partial, ((size_t)p->num_pieces * (size_t)p->num_sums + 1) * 8),
                  "allocating partial sums"));
    TRY(g->base.copy_in(&g->base, q->pieces, p->pieces, bytes));
    memcpy(q->host_pieces, p->pieces, bytes);
    q->num_pieces = p->num_pieces;
    return 0;
}

/* Constants, then the per-parameter operands one after another, into q->numbers. */
static int32_t place_numbers(gpu_state *g, gpu_program *q, const program *p,
                             const program_args *args)
{
    size_t constants = (size_t)p->info.num_constants * 8, row = (size_t)args->num_segments * 8;
    size_t bytes = constants + (size_t)p->info.num_per_param * row;
    if (!q->numbers || q->numbers_bytes < bytes) {
        cudaFree(q->numbers);
        q->numbers = nullptr;
        TRY(gpu_check(cudaMalloc(&q->numbers, bytes + 8), "allocating constants"));
        q->numbers_bytes = bytes;
    }
    char *at = (char *)q->numbers;
    if (constants)
        TRY(g->base.copy_in(&g->base, at, args->constants, constants));
    for (int32_t i = 0; i < p->info.num_per_param; i++)
        TRY(g->base.copy_in(&g->base, at + constants + (size_t)i * row, args->per_param[i], row));
    return 0;
}

static int32_t launch(gpu_state *g, const gpu_program *q, const program *p,
                      const program_args *args)
{
    void *vectors[PROGRAM_MAX_VECTORS], *list[6 + PROGRAM_MAX_VECTORS];
    void *pieces = q->pieces, *partial = q->partial, *constants = q->numbers;
    void *per_param = (double *)q->numbers + p->info.num_constants;
    int num_pieces = p->num_pieces, num_segments = args->num_segments;
    list[0] = &pieces;
    list[1] = &num_pieces;
    list[2] = &num_segments;
    list[3] = &constants;
    list[4] = &per_param;
    list[5] = &partial;
    for (int32_t v = 0; v < p->info.num_vectors; v++) {
        vectors[v] = args->vectors[v];
        list[6 + v] = &vectors[v];
    }
    int most = 8 * g->num_blocks;
    unsigned blocks = (unsigned)(num_pieces < most ? num_pieces : most);
    if (cuLaunchKernel(q->function, blocks, 1, 1, GPU_THREADS, 1, 1, 0, g->stream, list, nullptr) !=
        CUDA_SUCCESS)
        return gpu_fail(PODIUM_EDEVICE, "%s: a program does not start", GPU_NAME);
    return 0;
}

int32_t gpu_program_run(backend *b, program *p, const program_args *args)
{
    gpu_state *g = gpu_of(b);
    gpu_program *q = nullptr;
    TRY(gpu_host->check_args(p, args));
    TRY(gpu_host->cut(p, args));
    TRY(program_find(g, p, args->dtype, &q));
    TRY(place_pieces(g, q, p));
    TRY(place_numbers(g, q, p, args));
    if (p->num_pieces)
        TRY(launch(g, q, p, args));
    if (!p->num_sums)
        return 0;
    if (p->num_pieces)
        TRY(b->copy_out(b, p->partial, q->partial,
                        (size_t)p->num_pieces * (size_t)p->num_sums * sizeof(double)));
    gpu_host->add_partials(p, args);
    return 0;
}
