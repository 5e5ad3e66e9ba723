/* Layers built from engine ops.  A layer declares its parameters under `prefix.` the first time and
 * finds them afterwards, so recording the same model twice shares them.  Errors are the graph's
 * sticky ones.  Inits and parameter kinds are AlgoPerf's. */
#ifndef NN_NN_H
#define NN_NN_H

#include "engine/graph.h"
#include "engine/ops.h"

/* One parameter "prefix.suffix" as a value. `spec` gives the rest; its name is ignored. */
value nn_parameter(graph *g, const param *spec, const char *prefix, const char *suffix);
/* The same, by number, declared but not yet used; NO_VALUE after an error. */
int32_t nn_declare(graph *g, const param *spec, const char *prefix, const char *suffix);

typedef struct nn_linear_config {
    int64_t in, out;
    int32_t weight_kind, bias_kind; /* PODIUM_WEIGHT and PODIUM_BIAS are not both 0: give them */
    param_init weight, bias;
    activation act;
    bool no_bias;
    bool is_output; /* makes the logits */
} nn_linear_config;

/* act(x W^T + b): prefix.weight [out, in], prefix.bias [out].  x [..., in] -> [..., out]. */
value nn_linear(graph *g, const char *prefix, const nn_linear_config *c, value x);

/* prefix.weight and prefix.bias [C], ones and zeros. */
value nn_layer_norm(graph *g, const char *prefix, value x, double eps);
/* The norm of a + b; *sum gets the residual stream. */
value nn_add_layer_norm(graph *g, const char *prefix, value a, value b, double eps, value *sum);

typedef struct nn_attention_config {
    int64_t width;
    int heads;
    param_init bias; /* of all four projections; the matrices are Xavier uniform */
    bool no_bias;
    bool causal;
    double scale; /* 0: 1 / sqrt(head width) */
} nn_attention_config;

/* Multi-head attention with prefix.{q,k,v,out}.  queries [B, Tq, C]; keys [B, Tk, C], the same
 * value for self-attention (then q, k, v are one product where their parameters are adjacent). mask
 * as op_attention or NO_VALUE. */
value nn_attention(graph *g, const char *prefix, const nn_attention_config *c, value queries,
                   value keys, value mask);

typedef struct nn_mlp_config {
    int64_t width, hidden;
    activation act;
    bool glu;     /* h *= glu(h), the gate acting on the activated hidden layer */
    bool dropout; /* a dropout layer before fc2 */
} nn_mlp_config;

/* prefix.{fc1,fc2} and, gated, prefix.glu [hidden, hidden].  x [..., width]. */
value nn_mlp(graph *g, const char *prefix, const nn_mlp_config *c, value x);

/* Non-overlapping patches through prefix.weight [width, Ch, p, p]: images [N, Ch, H, W] -> [N, T,
 * width], tokens row-major. */
value nn_patch_embedding(graph *g, const char *prefix, value images, int patch, int64_t width);

/* Fixed positions of a rows x columns grid, [1, rows * columns, width]: omega_j =
 * temperature^(-j/(width/4 - 1)), columns sin x, cos x, sin y, cos y.  width % 4 = 0, > 4. */
value nn_sincos2d(graph *g, int64_t rows, int64_t columns, int64_t width, double temperature);

/* Attention pooling: a learned probe asks x [B, T, C]; then y + MLP(LN y).  prefix.{probe, attn,
 * ln, mlp} -> [B, C]. */
value nn_map_pool(graph *g, const char *prefix, value x, int heads, const nn_mlp_config *mlp,
                  double eps);

#endif
