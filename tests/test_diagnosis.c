/* What records say of steps and gradients: against norms worked out here, and the gradient noise
 * against that of other batch sizes, of which it must not depend. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "engine/philox.h"
#include "harness/diagnosis.h"
#include "tests/tap.h"

enum { SMALL = 16, LARGE = 128, DRAWS = 40, SEED = 11 };

static bool open_vit(training *t, int64_t batch)
{
    training_options o = {.workload = workload_find("vit"),
                          .size = "test",
                          .data_dir = "data",
                          .device = "cpu",
                          .threads = 1,
                          .precision = PODIUM_F32};
    return ok(training_open(t, &o) == 0 && training_record(t, batch, PODIUM_F32, &t->train) == 0,
              "vit opens with batches of %d: %s", (int)batch, podium_error());
}

/* Gradient of probe batch number k at x, as diagnosis_gradients draws it. */
static void probe(training *t, float *x, int64_t k, int64_t batch, float *g)
{
    graph_settings s = {.seed = philox_derive(SEED, (uint64_t)k),
                        .dropout = t->config.dropout,
                        .label_smoothing = t->config.label_smoothing};
    double loss;
    if (training_draw(t, SEED, k, batch) || training_gradient(t, &t->train, x, g, &s, &loss))
        ok(false, "a gradient: %s", podium_error());
}

static double dot(const float *x, const float *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * y[i];
    return sum;
}

static bool near(double x, double y)
{
    return fabs(x - y) <= 1e-9 * fabs(y);
}

static void test_values(void)
{
    training t;
    diagnosis d;
    if (!open_vit(&t, SMALL) || diagnosis_init(&d, &t))
        return;
    int64_t n = params_vector_length(t.params);
    float *x = calloc(1, t.vector_bytes), *y = calloc(1, t.vector_bytes);
    float *g = calloc(1, t.vector_bytes), *h = calloc(1, t.vector_bytes);
    training_initialise(&t, 3, x);
    probe(&t, x, 6, SMALL, g);
    probe(&t, x, 7, SMALL, h);
    ok(!diagnosis_gradients(&d, x, SEED, 3, SMALL), "gradients are taken");
    double gg = dot(g, g, n), hh = dot(h, h, n), gh = dot(g, h, n);
    ok(near(d.gradient_norm, sqrt((gg + hh) / 2)), "norm of the gradient");
    ok(near(d.gradient_signal, gh), "signal");
    ok(fabs(d.gradient_noise - SMALL * (gg + hh - 2 * gh) / 2) < 1e-6 * d.gradient_noise, "noise");
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - 0.25f * g[i];
    diagnosis_before_step(&d, x);
    diagnosis_after_step(&d, y);
    diagnosis_norms(&d, y, NULL);
    ok(fabs(d.step_norm / (0.25 * sqrt(gg)) - 1) < 1e-4,
       "a step of SGD is as long as its rate says");
    ok(near(d.parameter_norm, sqrt(dot(y, y, n))) && isnan(d.update_norm),
       "norm of the parameters; nothing before them");
    diagnosis_norms(&d, x, y);
    ok(fabs(d.update_norm / (0.25 * sqrt(gg)) - 1) < 1e-4 && isnan(d.step_norm),
       "distance from the evaluation before; a step that nobody watched has no length");
    free(x);
    free(y);
    free(g);
    free(h);
    diagnosis_release(&d);
    training_close(&t);
}

/* Means of signal and noise over many pairs of batches. */
static void average(int64_t batch, double *signal, double *noise)
{
    training t;
    diagnosis d;
    *signal = *noise = 0;
    if (!open_vit(&t, batch) || diagnosis_init(&d, &t))
        return;
    float *x = calloc(1, t.vector_bytes);
    training_initialise(&t, 3, x);
    for (int k = 0; k < DRAWS; k++) {
        diagnosis_gradients(&d, x, SEED, k, batch);
        *signal += d.gradient_signal / DRAWS;
        *noise += d.gradient_noise / DRAWS;
    }
    free(x);
    diagnosis_release(&d);
    training_close(&t);
}

static void test_noise_scale(void)
{
    double signal[2], noise[2];
    average(SMALL, &signal[0], &noise[0]);
    average(LARGE, &signal[1], &noise[1]);
    ok(noise[0] / noise[1] > 0.8 && noise[0] / noise[1] < 1.25,
       "noise of an example is the same from batches of %d (%g) and of %d (%g)", SMALL, noise[0],
       LARGE, noise[1]);
    ok(signal[0] / signal[1] > 0.7 && signal[0] / signal[1] < 1.4, "so is the signal: %g, %g",
       signal[0], signal[1]);
}

int main(void)
{
    test_values();
    test_noise_scale();
    return tap_done();
}
