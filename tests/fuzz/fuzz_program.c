/* Program text from anywhere: compiles or fails with a message, and what compiles runs the same on
 * both paths.  The first byte chooses the number of elements. */
#include "engine/program_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 256 };

static double numbers[PROGRAM_MAX_CONSTANTS];

static void run(program *p, int64_t n, float *memory, double *sums, double *q)
{
    void *vectors[PROGRAM_MAX_VECTORS];
    const double *per_param[PROGRAM_MAX_PER_PARAM];
    double *per_param_sums[PROGRAM_MAX_SUMS];
    program_segment segments[] = {{0, n / 2}, {n / 2 + 1, n - n / 2 - 1}};
    for (int v = 0; v < PROGRAM_MAX_VECTORS; v++) {
        vectors[v] = memory + v * MOST;
        for (int i = 0; i < MOST; i++)
            memory[v * MOST + i] = (float)((v + 1) * (i - 7)) / 16;
    }
    for (int i = 0; i < PROGRAM_MAX_CONSTANTS; i++)
        numbers[i] = 0.5 * i - 3;
    for (int i = 0; i < PROGRAM_MAX_PER_PARAM; i++)
        per_param[i] = numbers + i;
    for (int i = 0; i < PROGRAM_MAX_SUMS; i++)
        per_param_sums[i] = q + 2 * i;
    program_args a = {.count = n,
                      .dtype = PODIUM_F32,
                      .num_segments = n > 2 ? 2 : 0,
                      .segments = segments,
                      .vectors = vectors,
                      .constants = numbers,
                      .per_param = per_param,
                      .sums = sums,
                      .per_param_sums = per_param_sums};
    int32_t rc = program_run_host(p, &a, 1);
    if (rc && !*podium_error())
        abort();
}

static bool differ(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) && !(isnan(a[i]) && isnan(b[i])))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float native[PROGRAM_MAX_VECTORS * MOST], plain[PROGRAM_MAX_VECTORS * MOST];
    double sums[PROGRAM_MAX_SUMS], q[2 * PROGRAM_MAX_SUMS];
    if (!size)
        return 0;
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    program *p = NULL;
    podium_error_clear();
    int32_t rc = program_compile(&p, text);
    if (rc && !*podium_error())
        abort();
    if (!rc) {
        char *source = NULL;
        run(p, data[0], native, sums, q);
        if (program_print_source(p, PODIUM_F32, &source))
            abort();
        free(source);
        p->native = NULL;
        run(p, data[0], plain, sums, q);
        if (differ(native, plain, PROGRAM_MAX_VECTORS * MOST))
            abort();
    }
    program_destroy(p);
    free(text);
    return 0;
}
