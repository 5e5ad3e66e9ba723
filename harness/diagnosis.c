/* Norms of parameters, steps and gradients at an evaluation. */
#include "harness/diagnosis.h"

#include <math.h>
#include <string.h>

#include "engine/philox.h"

int32_t diagnosis_init(diagnosis *d, training *t)
{
    *d = (diagnosis){.training = t};
    void **vectors[] = {&d->before, &d->gradients[0], &d->gradients[1]};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        int32_t rc = t->backend->alloc(t->backend, t->vector_bytes, vectors[i]);
        if (rc) {
            diagnosis_release(d);
            return rc;
        }
    }
    d->parameter_norm = d->update_norm = d->step_norm = NAN;
    d->gradient_norm = d->gradient_signal = d->gradient_noise = NAN;
    return 0;
}

void diagnosis_release(diagnosis *d)
{
    void *vectors[] = {d->before, d->gradients[0], d->gradients[1]};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        if (vectors[i])
            d->training->backend->free(d->training->backend, vectors[i]);
    *d = (diagnosis){0};
}

/* Sum of x_i y_i, in order: the same on every rank.  Padding is zero. */
static double dot(const training *t, const void *x, const void *y)
{
    int64_t n = params_vector_length(t->params);
    double sum = 0;
    if (t->backend->real == PODIUM_F64)
        for (int64_t i = 0; i < n; i++)
            sum += ((const double *)x)[i] * ((const double *)y)[i];
    else
        for (int64_t i = 0; i < n; i++)
            sum += (double)((const float *)x)[i] * ((const float *)y)[i];
    return sum;
}

static double distance(const training *t, const void *x, const void *y)
{
    int64_t n = params_vector_length(t->params);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = t->backend->real == PODIUM_F64
                       ? ((const double *)x)[i] - ((const double *)y)[i]
                       : (double)((const float *)x)[i] - ((const float *)y)[i];
        sum += d * d;
    }
    return sqrt(sum);
}

void diagnosis_before_step(diagnosis *d, const void *x)
{
    memcpy(d->before, x, d->training->vector_bytes);
    d->watching = true;
}

void diagnosis_after_step(diagnosis *d, const void *x)
{
    d->step_norm = distance(d->training, x, d->before);
}

void diagnosis_norms(diagnosis *d, const void *x, const void *last)
{
    d->parameter_norm = sqrt(dot(d->training, x, x));
    d->update_norm = last ? distance(d->training, x, last) : NAN;
    if (!d->watching) /* nobody knew that this step would be the last */
        d->step_norm = NAN;
    d->watching = false;
}

int32_t diagnosis_gradients(diagnosis *d, void *x, uint64_t seed, int64_t evaluation, int64_t batch)
{
    training *t = d->training;
    for (int i = 0; i < 2; i++) {
        int64_t number = 2 * evaluation + i;
        graph_settings settings = training_settings(t, philox_derive(seed, (uint64_t)number));
        double loss;
        TRY(parallel_agree(t->ranks, training_draw(t, seed, number, batch)));
        TRY(training_mean_gradient(t, &t->train, x, d->gradients[i], &settings, &loss));
    }
    double gg = dot(t, d->gradients[0], d->gradients[0]);
    double hh = dot(t, d->gradients[1], d->gradients[1]);
    double gh = dot(t, d->gradients[0], d->gradients[1]);
    d->gradient_norm = sqrt((gg + hh) / 2);
    d->gradient_signal = gh;
    d->gradient_noise = (double)batch * (gg + hh - 2 * gh) / 2;
    return 0;
}
