/* Mixture of experts: the choice, the dispatch, products by expert, the router's noise. */
#include "engine/philox.h"
#include "engine/ref/ref.h"

#include <string.h>

/* a [L, E] -> ids [L, K], flat? */
static int32_t top_k(op_call *c)
{
    const double *a = c->in[0].data;
    int32_t *ids = c->out[0].data, *flat = c->out[1].data;
    int64_t E = c->in[0].shape[1], K = c->out[0].shape[1];
    for (int64_t l = 0; l < c->in[0].shape[0]; l++)
        for (int64_t j = 0; j < K; j++) {
            int64_t best = -1;
            for (int64_t e = 0; e < E; e++) {
                bool taken = false;
                for (int64_t i = 0; i < j; i++)
                    taken = taken || ids[l * K + i] == e;
                if (!taken && (best < 0 || a[l * E + e] > a[l * E + best]))
                    best = e;
            }
            ids[l * K + j] = (int32_t)best;
            if (flat)
                flat[l * K + j] = (int32_t)(l * E + best);
        }
    return 0;
}

/* ids [L, K] -> slots, rows, offsets, share? */
static int32_t dispatch_assignments(op_call *c)
{
    const int32_t *ids = c->in[0].data;
    int32_t *slots = c->out[0].data, *rows = c->out[1].data, *offsets = c->out[2].data;
    double *share = c->out[3].data;
    int64_t A = c->in[0].count, K = c->in[0].shape[1], E = c->out[2].count - 1, at = 0;
    offsets[0] = 0;
    for (int64_t e = 0; e <= E; e++) { /* e = E: what no expert took */
        int64_t seen[2] = {0, 0};
        for (int64_t a = 0; a < A; a++) {
            if (ids[a] < 0 || ids[a] >= E)
                return podium_fail(PODIUM_EINVAL, "dispatch: expert %d is outside [0, %lld)",
                                   ids[a], (long long)E);
            int64_t earlier = 0;
            if (e == E)
                for (int64_t b = 0; b < a; b++)
                    earlier += ids[b] == ids[a];
            bool mine = e == E ? c->i[0] >= 0 && earlier >= c->i[0] : ids[a] == e;
            if (mine && e < E && c->i[0] >= 0 && seen[0]++ >= c->i[0])
                mine = false;
            seen[1] += ids[a] == e;
            if (!mine)
                continue;
            slots[at] = (int32_t)a;
            rows[at++] = (int32_t)(a / K);
        }
        if (e < E) {
            offsets[e + 1] = (int32_t)at;
            if (share)
                share[e] = (double)seen[1] / (double)A;
        }
    }
    return 0;
}

static int32_t check_offsets(const tensor *offsets, int64_t A)
{
    const int32_t *o = offsets->data;
    bool good = o[0] == 0;
    for (int64_t e = 0; e + 1 < offsets->count; e++)
        good = good && o[e] <= o[e + 1] && o[e + 1] <= A;
    return good ? 0 : podium_fail(PODIUM_EINVAL, "offsets of experts are not in order");
}

/* x [A, K], w [E N, K], bias?, offsets -> y [A, N], pre? */
static int32_t grouped_linear(op_call *c)
{
    const double *x = c->in[0].data, *w = c->in[1].data, *bias = c->in[2].data;
    const int32_t *o = c->in[3].data;
    double *y = c->out[0].data, *pre = c->out[1].data;
    int64_t A = c->in[0].shape[0], K = c->in[0].shape[1], N = c->out[0].shape[1];
    TRY(check_offsets(&c->in[3], A));
    memset(y, 0, (size_t)(A * N) * sizeof *y);
    if (pre)
        memset(pre, 0, (size_t)(A * N) * sizeof *pre);
    for (int64_t e = 0; e + 1 < c->in[3].count; e++)
        for (int64_t a = o[e]; a < o[e + 1]; a++)
            for (int64_t n = 0; n < N; n++) {
                double z = bias ? bias[e * N + n] : 0;
                for (int64_t k = 0; k < K; k++)
                    z += x[a * K + k] * w[(e * N + n) * K + k];
                if (pre)
                    pre[a * N + n] = z;
                y[a * N + n] = ref_activation(c->i[0], z);
            }
    return 0;
}

/* dz [A, N], w [E N, K], pre? [A, K], offsets -> dx [A, K] */
static int32_t grouped_linear_dx(op_call *c)
{
    const double *dz = c->in[0].data, *w = c->in[1].data, *pre = c->in[2].data;
    const int32_t *o = c->in[3].data;
    double *dx = c->out[0].data;
    int64_t A = c->in[0].shape[0], N = c->in[0].shape[1], K = c->out[0].shape[1];
    TRY(check_offsets(&c->in[3], A));
    memset(dx, 0, (size_t)(A * K) * sizeof *dx);
    for (int64_t e = 0; e + 1 < c->in[3].count; e++)
        for (int64_t a = o[e]; a < o[e + 1]; a++)
            for (int64_t k = 0; k < K; k++) {
                double sum = 0;
                for (int64_t n = 0; n < N; n++)
                    sum += dz[a * N + n] * w[(e * N + n) * K + k];
                dx[a * K + k] = pre ? sum * ref_activation_slope(c->i[0], pre[a * K + k]) : sum;
            }
    return 0;
}

/* dz [A, N], x [A, K], offsets -> dw [E N, K], dbias? [E N] */
static int32_t grouped_linear_dw(op_call *c)
{
    const double *dz = c->in[0].data, *x = c->in[1].data;
    const int32_t *o = c->in[2].data;
    double *dw = c->out[0].data, *dbias = c->out[1].data;
    int64_t A = c->in[0].shape[0], N = c->in[0].shape[1], K = c->in[1].shape[1];
    TRY(check_offsets(&c->in[2], A));
    for (int64_t e = 0; e + 1 < c->in[2].count; e++)
        for (int64_t n = 0; n < N; n++) {
            double total = 0;
            for (int64_t k = 0; k < K; k++) {
                double sum = 0;
                for (int64_t a = o[e]; a < o[e + 1]; a++)
                    sum += dz[a * N + n] * x[a * K + k];
                dw[(e * N + n) * K + k] = sum;
            }
            for (int64_t a = o[e]; a < o[e + 1]; a++)
                total += dz[a * N + n];
            if (dbias)
                dbias[e * N + n] = total;
        }
    return 0;
}

/* Element i adds normal number i of the call's stream. */
static int32_t normal_noise(op_call *c)
{
    const double *a = c->in[0].data;
    double *out = c->out[0].data;
    philox stream = philox_make(c->settings->seed, (uint64_t)c->i[0]);
    int64_t first = graph_first_element(c->settings, c->out[0].count);
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = a[i] + c->f[0] * philox_normal(&stream, (uint64_t)(first + i));
    return 0;
}

void ref_experts_kernels(op_kernel *k)
{
    k[OP_TOP_K].run = top_k;
    k[OP_DISPATCH].run = dispatch_assignments;
    k[OP_GROUPED_LINEAR].run = grouped_linear;
    k[OP_GROUPED_LINEAR_DX].run = grouped_linear_dx;
    k[OP_GROUPED_LINEAR_DW].run = grouped_linear_dw;
    k[OP_NORMAL_NOISE].run = normal_noise;
}
