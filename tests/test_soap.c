/* SOAP where a first factor has a null space of more than one dimension: any basis of it is a right
 * one, so that no trajectory is.  What is left: the first move has the same length in every basis
 * and the same component along the first gradient, in double and in single precision, and later
 * moves stay of that size. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/replay.h"
#include "tests/tap.h"

enum { STEPS = 8, N = 5 };
static const double rate = 0.02;

/* A vector of five elements, or a matrix of one row: rank 1 at first, then one more a step. */
static replay_case *make(const char *shape)
{
    char text[8192], gradients[4096];
    int used = 0;
    replay_case *c;
    for (int t = 0; t < STEPS; t++)
        for (int i = 0; i < N; i++)
            used += snprintf(gradients + used, sizeof gradients - (size_t)used, "%s%.6f%s",
                             i   ? ","
                             : t ? ",["
                                 : "[",
                             sin(1 + 3.7 * t + 2.3 * i * (1 + t)), i == N - 1 ? "]" : "");
    snprintf(text, sizeof text,
             "{\"schema\":\"replay-case/1\",\"name\":\"null space\",\"optimizer\":\"soap\","
             "\"source\":\"none\",\"dtype\":\"float64\",\"hyperparameters\":{\"lr\":%g,"
             "\"precondition_1d\":1,\"precondition_frequency\":1,\"weight_decay\":0},"
             "\"parameters\":[{\"name\":\"x\",\"shape\":%s,\"kind\":\"weight\","
             "\"values\":[0,0,0,0,0]}],"
             "\"problem\":{\"type\":\"gradients\",\"gradients\":[%s]},\"steps\":%d,"
             "\"gradient_evaluations\":%d,\"expected\":{\"parameters\":["
             "[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0],"
             "[0,0,0,0,0],[0,0,0,0,0]]},\"tolerance\":1}",
             rate, shape, gradients, STEPS, STEPS);
    if (replay_parse(&c, text, strlen(text), "null space")) {
        tap_diag("%s", podium_error());
        return NULL;
    }
    return c;
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += a[i] * b[i];
    return sum;
}

/* The first gradient moves nothing; in its basis the second moves every coordinate by the rate. */
static void test_on(const char *device, const char *shape)
{
    backend *b;
    replay_case *c = make(shape);
    const char *build = getenv("PODIUM_BUILD");
    char so[512];
    snprintf(so, sizeof so, "%s/optimizers/soap.so", build ? build : "build");
    if (backend_open(&b, device, 1) < 0 || !ok(c && replay_expect(c, so, b) == 0, "it runs"))
        return;
    const double *g = c->gradients, *first = c->want, *second = c->want + N;
    double along = dot(second, g) / sqrt(dot(g, g)), longest = 0;
    ok(dot(first, first) == 0, "%s, %s: the first step only looks", device, shape);
    close_to(sqrt(dot(second, second)), rate * sqrt(N), 1e-5, "%s, %s: the length of a move",
             device, shape);
    close_to(along, dot(g, g + N) > 0 ? -rate : rate, 1e-5,
             "%s, %s: its component along the first gradient", device, shape);
    for (int t = 2; t < STEPS; t++)
        for (int i = 0; i < N; i++)
            longest = fmax(longest, fabs(c->want[t * N + i] - c->want[(t - 1) * N + i]));
    ok(longest > 0 && longest < 3 * rate * sqrt(N), "%s, %s: no later move is out of scale (%.2g)",
       device, shape, longest);
    replay_destroy(c);
    backend_close(b);
}

int main(void)
{
    static const char *const devices[] = {"ref", "cpu"}, *const shapes[] = {"[5]", "[1,5]"};
    for (int i = 0; i < 4; i++)
        test_on(devices[i / 2], shapes[i % 2]);
    return tap_done();
}
