/* How long a host call takes: all_sum of one number from a submission (bench/echo.c), that is a
 * request, its check, the reply, and two hand-overs while both sides spin. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/hyperparameters.h"
#include "harness/runner_host.h"
#include "runner/protocol.h"

#define CALLS 20000 /* as in bench/echo.c */

static int32_t run_program(backend *b, program *p, const program_args *args)
{
    return program_run_host(p, args, b->threads);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int fail(runner *r)
{
    fprintf(stderr, "bench_protocol: %s\n", podium_error());
    runner_stop(r);
    return 2;
}

int main(int argc, char **argv)
{
    static const runner_param one = {.ndim = 1, .shape = {16}, .count = 16};
    backend host = {.name = "host", .threads = 1, .host_memory = true, .program_run = run_program};
    runner_config config = {
        .so_path = argc > 1 ? argv[1] : "build/bench/echo.so",
        .params = &one,
        .num_params = 1,
        .vector_length = 16,
        .dtype = PODIUM_F32,
        .backend = &host,
    };
    runner *r;
    double microseconds[15];
    if (runner_start(&r, &config) || runner_set_values(r, 0, NULL, 0) || runner_create(r))
        return fail(r);
    for (int i = 0; i < 15; i++) {
        int64_t start = protocol_now_ns();
        if (runner_step(r, i, 0, NAN, NAN))
            return fail(r);
        microseconds[i] = (double)(protocol_now_ns() - start) * 1e-3 / CALLS;
    }
    qsort(microseconds, 15, sizeof *microseconds, compare);
    printf("host call while spinning: median %.2f us, best %.2f us (goal: under 2 us)\n",
           microseconds[7], microseconds[0]);
    runner_stop(r);
    return 0;
}
