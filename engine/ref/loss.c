/* Softmax cross-entropy with label smoothing and weights, and the pieces of its lowered form.
 * logits [N, V]; labels I32 [N] (outside [0, V): no target) or real [N, V]; weights? [N]. */
#include "engine/ref/ref.h"

#include <math.h>

/* The smoothed target y'_v = (1 - e) y_v + e / V of one example. */
static double target(const op_call *c, const tensor *labels, int64_t n, int64_t v, int64_t V)
{
    double e = c->settings->label_smoothing;
    double y = labels->dtype == PODIUM_I32 ? ((const int32_t *)labels->data)[n] == v
                                           : ((const double *)labels->data)[n * V + v];
    return (1 - e) * y + e / (double)V;
}

static double weight_of(const tensor *weights, int64_t n)
{
    return weights->data ? ((const double *)weights->data)[n] : 1;
}

/* 1 / D; a batch of padding only (D = 0) has loss 0 and gradient 0. */
static double inverse_denominator(const op_call *c, const tensor *weights, int64_t N)
{
    double D = c->settings->loss_denominator;
    if (D == 0)
        for (int64_t n = 0; n < N; n++)
            D += weight_of(weights, n);
    return D != 0 ? 1 / D : 0;
}

static double log_sum_exp(const double *logits, int64_t V)
{
    double max = logits[0], sum = 0;
    for (int64_t v = 1; v < V; v++)
        max = fmax(max, logits[v]);
    for (int64_t v = 0; v < V; v++)
        sum += exp(logits[v] - max);
    return max + log(sum);
}

/* logits, labels, weights? -> loss [1], per_example? [N], lse? [N] */
static int32_t cross_entropy(op_call *c)
{
    const double *logits = c->in[0].data;
    double *loss = c->out[0].data, *per_example = c->out[1].data, *lse = c->out[2].data;
    int64_t N = c->in[0].shape[0], V = c->in[0].shape[1];
    double total = 0;
    for (int64_t n = 0; n < N; n++) {
        double l = log_sum_exp(logits + n * V, V), ce = 0;
        for (int64_t v = 0; v < V; v++)
            ce += target(c, &c->in[1], n, v, V) * (l - logits[n * V + v]);
        if (per_example)
            per_example[n] = ce;
        if (lse)
            lse[n] = l;
        total += weight_of(&c->in[2], n) * ce;
    }
    loss[0] = total * inverse_denominator(c, &c->in[2], N);
    return 0;
}

/* dloss [1], logits, labels, weights?, lse -> dlogits = dloss w / D ((sum y') softmax - y') */
static int32_t cross_entropy_backward(op_call *c)
{
    const double *dloss = c->in[0].data, *logits = c->in[1].data, *lse = c->in[4].data;
    double *dlogits = c->out[0].data;
    int64_t N = c->in[1].shape[0], V = c->in[1].shape[1];
    double scale = dloss[0] * inverse_denominator(c, &c->in[3], N);
    for (int64_t n = 0; n < N; n++) {
        double w = scale * weight_of(&c->in[3], n), sum = 0;
        for (int64_t v = 0; v < V; v++)
            sum += target(c, &c->in[2], n, v, V);
        for (int64_t v = 0; v < V; v++) {
            double p = exp(logits[n * V + v] - lse[n]);
            dlogits[n * V + v] = w * (sum * p - target(c, &c->in[2], n, v, V));
        }
    }
    return 0;
}

/* y [N, V] -> y' */
static int32_t smooth_labels(op_call *c)
{
    double *out = c->out[0].data;
    int64_t V = ref_last(&c->in[0]);
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = target(c, &c->in[0], i / V, i % V, V);
    return 0;
}

/* ce [N], weights? -> [1] */
static int32_t normalise_loss(op_call *c)
{
    const double *ce = c->in[0].data;
    double *loss = c->out[0].data, total = 0;
    for (int64_t n = 0; n < c->in[0].count; n++)
        total += weight_of(&c->in[1], n) * ce[n];
    loss[0] = total * inverse_denominator(c, &c->in[1], c->in[0].count);
    return 0;
}

/* dloss [1], weights?, ce -> dce [N] */
static int32_t normalise_loss_backward(op_call *c)
{
    const double *dloss = c->in[0].data;
    double *dce = c->out[0].data;
    double scale = dloss[0] * inverse_denominator(c, &c->in[1], c->out[0].count);
    for (int64_t n = 0; n < c->out[0].count; n++)
        dce[n] = scale * weight_of(&c->in[1], n);
    return 0;
}

void ref_loss_kernels(op_kernel *k)
{
    k[OP_CROSS_ENTROPY].run = cross_entropy;
    k[OP_CROSS_ENTROPY_BACKWARD].run = cross_entropy_backward;
    k[OP_SMOOTH_LABELS].run = smooth_labels;
    k[OP_NORMALISE_LOSS].run = normalise_loss;
    k[OP_NORMALISE_LOSS_BACKWARD].run = normalise_loss_backward;
}
