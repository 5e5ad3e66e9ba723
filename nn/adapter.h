/* Parameter-efficient fine-tuning: what is added to a pretrained network.  Parameters are called as
 * in the golden cases; the layers act as y = x H on rows, so their tensors are not transposed. */
#ifndef NN_ADAPTER_H
#define NN_ADAPTER_H

#include "nn/nn.h"

/* A layer of parametrised hypercomplex multiplications (Zhang et al. 2021; Karimi Mahabadi,
 * Henderson & Ruder 2021, eq. 3 to 5): y = act(x H + b), H = sum_i A_i (x) W_i over i < n. */
typedef struct nn_phm_config {
    int64_t in, out; /* multiples of n */
    activation act;  /* of y */
    int64_t n;
    int64_t rank;         /* of each W_i = W_left_i W_right_i; 0: a full W_i [in/n, out/n] */
    bool factorized_rule; /* A_i = phm_rule_left_i phm_rule_right_i, of rank one */
    bool shared_rule;     /* one A for the whole model, called phm_rule without a prefix */
    bool no_bias;
} nn_phm_config;

/* prefix.{phm_rule | phm_rule_left, phm_rule_right}, prefix.{W | W_left, W_right}, prefix.bias; an
 * empty prefix leaves the dot out.  x [..., in] -> [..., out]. */
value nn_phm(graph *g, const char *prefix, const nn_phm_config *c, value x);

typedef enum {
    ADAPTER_NONE,
    ADAPTER_PLAIN,    /* two linear layers (Houlsby et al. 2019) */
    ADAPTER_LOW_RANK, /* y = x W_left W_right + b */
    ADAPTER_PHM,      /* PHM layers: Compacter when of rank one with a shared rule */
} nn_adapter_kind;

typedef struct nn_adapter_config {
    nn_adapter_kind kind;
    int64_t width, bottleneck;
    activation act;
    int64_t n, rank; /* of the PHM layers; rank also of low-rank layers */
    bool shared_rule, factorized_rule;
    bool after_attention, after_mlp; /* Compacter++ has the second place only */
} nn_adapter_config;

/* x + up(act(down(x))), prefix.{down,up}.  x [..., width]. */
value nn_adapter(graph *g, const char *prefix, const nn_adapter_config *c, value x);

/* Places of low-rank updates (Hu et al. 2021), as a mask. */
enum {
    LORA_Q = 1,
    LORA_K = 2,
    LORA_V = 4,
    LORA_OUT = 8,
    LORA_FC1 = 16,
    LORA_FC2 = 32,
    LORA_GATE = 64,
    LORA_UP = 128,
};

typedef struct nn_lora_config {
    int64_t rank;
    double alpha;     /* the update is multiplied by alpha / rank */
    uint32_t targets; /* 0: no low-rank updates */
} nn_lora_config;

/* y + (alpha / rank) (x A^T) B^T, prefix.lora_a [rank, in], prefix.lora_b [out, rank] (zeros at the
 * start).  x [..., in], y [..., out]. */
value nn_lora(graph *g, const char *prefix, const nn_lora_config *c, value x, value y);

/* Everything that is added to a network. */
typedef struct nn_adaptation {
    nn_adapter_config adapter;
    nn_lora_config lora;
} nn_adaptation;

/* A linear layer with its low-rank update when `place` is among the targets. */
value nn_adapted_linear(graph *g, const char *prefix, const nn_linear_config *c,
                        const nn_adaptation *a, uint32_t place, value x);

typedef struct nn_adapted_attention_config {
    int64_t width, head_width;
    int heads;
    double scale; /* 0: 1 / sqrt(head width) */
    bool has_bias, causal;
    param_init q, kv, out; /* of the matrices; biases start at 0 */
} nn_adapted_attention_config;

/* Multi-head attention whose projections prefix.{q,k,v,out} may carry low-rank updates; q, k and v
 * of self-attention are one product where they carry none.  queries [B, Tq, C]; keys [B, Tk, C];
 * mask as op_attention; score_bias [heads, Tq, Tk] or NO_VALUE. */
value nn_adapted_attention(graph *g, const char *prefix, const nn_adapted_attention_config *c,
                           const nn_adaptation *a, value queries, value keys, value mask,
                           value score_bias);

#endif
