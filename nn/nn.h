/* Layers built from engine ops.  A layer declares its parameters under `prefix.` the first time and
 * finds them afterwards, so recording the same model twice shares them.  Errors are the graph's
 * sticky ones.  Inits and parameter kinds are AlgoPerf's. */
#ifndef NN_NN_H
#define NN_NN_H

#include "engine/graph.h"
#include "engine/ops.h"

/* One parameter "prefix.suffix" (an empty prefix: "suffix") as a value. `spec` gives the rest; its
 * name is ignored. */
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
value nn_activation(graph *g, activation act, value x);

/* prefix.weight and prefix.bias [C], ones and zeros. */
value nn_layer_norm(graph *g, const char *prefix, value x, double eps);
/* The norm of a + b; *sum gets the residual stream. */
value nn_add_layer_norm(graph *g, const char *prefix, value a, value b, double eps, value *sum);

/* prefix.weight [C], ones: x / sqrt(mean(x^2) + eps) * weight. */
value nn_rms_norm(graph *g, const char *prefix, value x, double eps);

typedef struct nn_attention_config {
    int64_t width;
    int heads;
    param_init bias; /* of all four projections */
    bool no_bias;
    bool causal;
    double scale;               /* 0: 1 / sqrt(head width) */
    int64_t head_width;         /* 0: width / heads */
    int key_heads;              /* grouped queries (engine/ops.h); 0: heads */
    double rope_theta;          /* rotary positions of queries and keys; 0: none */
    bool fused_fans;            /* Xavier counts q, k, v (cross-attention: k, v) as one matrix */
    const param_init *init;     /* of the matrices; NULL: Xavier uniform */
    const param_init *out_init; /* of the out matrix; NULL: as the others */
} nn_attention_config;

/* Multi-head attention with prefix.{q,k,v,out}.  queries [B, Tq, C]; keys [B, Tk, C], the same
 * value for self-attention (then q, k, v are one product where their parameters are adjacent). mask
 * as op_attention or NO_VALUE. */
value nn_attention(graph *g, const char *prefix, const nn_attention_config *c, value queries,
                   value keys, value mask);

/* The general form; any of the last three may be NO_VALUE. */
typedef struct nn_attention_inputs {
    value queries, keys;
    value mask;
    value bias;      /* added to the scores, [heads, Tq, Tk] */
    value positions; /* I32 [B, T], of the rotary positions; NO_VALUE: 0, 1, ... */
} nn_attention_inputs;
value nn_attention_general(graph *g, const char *prefix, const nn_attention_config *c,
                           const nn_attention_inputs *in);

typedef struct nn_mlp_config {
    int64_t width, hidden;
    activation act;
    bool glu;                   /* h *= glu(h), the gate acting on the activated hidden layer */
    bool glu_input;             /* h *= glu(x), the gate acting on the input */
    bool dropout;               /* a dropout layer before fc2 */
    const param_init *init;     /* of the matrices; NULL: Xavier uniform */
    const param_init *out_init; /* of the last matrix; NULL: as the others */
    bool zero_bias;             /* biases start at 0 instead of N(0, 1e-6) */
    bool swiglu_bias;           /* nn_swiglu's layers have biases */
} nn_mlp_config;

/* prefix.{fc1,fc2} and, gated, prefix.glu [hidden, hidden or width].  x [..., width]. */
value nn_mlp(graph *g, const char *prefix, const nn_mlp_config *c, value x);
/* down(silu(gate x) * up x) (Shazeer 2020): prefix.{gate,up,down}.  Takes width,
 * hidden and the inits of the config. */
value nn_swiglu(graph *g, const char *prefix, const nn_mlp_config *c, value x);

/* Non-overlapping patches through prefix.weight [width, Ch, p, p] of this init: images [N, Ch, H,
 * W] -> [N, T, width], tokens row-major. */
value nn_patch_embedding(graph *g, const char *prefix, value images, int patch, int64_t width,
                         param_init_kind init);

/* Fixed positions of a rows x columns grid, [1, rows * columns, width]: omega_j =
 * temperature^(-j/(width/4 - 1)), columns sin x, cos x, sin y, cos y.  width % 4 = 0, > 4. */
value nn_sincos2d(graph *g, int64_t rows, int64_t columns, int64_t width, double temperature);

/* A table prefix.weight [rows, width]; op_gather_rows looks ids up. */
value nn_embedding(graph *g, const char *prefix, int64_t rows, int64_t width, param_init init,
                   bool is_output);

/* Fixed positions of a sequence, [rows, width]: with h = floor(width / 2), k_j =
 * exp(-ln(temperature) j / (h - 1)), columns sin(p k_j), then cos(p k_j); a last odd column is 0.
 */
value nn_sinusoids(graph *g, int64_t rows, int64_t width, double temperature);

/* x [B, T, C] of tokens against a table [V, C]: scale * x . row, [B T, V]. */
value nn_token_logits(graph *g, value x, value table, double scale);

/* Reals that are 1 where an id of I32 [B, T] differs from `ignored`, [B T]. */
value nn_id_weights(graph *g, value ids, int32_t ignored);

/* Attention pooling: a learned probe asks x [B, T, C]; then y + MLP(LN y).  prefix.{probe, attn,
 * ln, mlp} -> [B, C]. */
value nn_map_pool(graph *g, const char *prefix, value x, int heads, const nn_mlp_config *mlp,
                  double eps);

#endif
