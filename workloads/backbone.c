/* Loading pretrained networks. */
#include "workloads/backbone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/safetensors.h"

typedef struct name_pair {
    const char *ours, *theirs;
} name_pair;

/* Beginnings of names that are followed by .weight or .bias. */
static const name_pair bert_tops[] = {
    {"embedding", "embeddings.word_embeddings"},
    {"pos", "embeddings.position_embeddings"},
    {"type", "embeddings.token_type_embeddings"},
    {"ln_embed", "embeddings.LayerNorm"},
    {NULL, NULL},
};
static const name_pair bert_layers[] = {
    {"attn.q", "attention.self.query"},
    {"attn.k", "attention.self.key"},
    {"attn.v", "attention.self.value"},
    {"attn.out", "attention.output.dense"},
    {"ln1", "attention.output.LayerNorm"},
    {"mlp.fc1", "intermediate.dense"},
    {"mlp.fc2", "output.dense"},
    {"ln2", "output.LayerNorm"},
    {NULL, NULL},
};
/* %d: the layer's place in the block, 1 in the encoder and 2 in the decoder for the MLP */
static const name_pair t5_layers[] = {
    {"attn.q", "layer.0.SelfAttention.q"},
    {"attn.k", "layer.0.SelfAttention.k"},
    {"attn.v", "layer.0.SelfAttention.v"},
    {"attn.out", "layer.0.SelfAttention.o"},
    {"rms1", "layer.0.layer_norm"},
    {"cross.q", "layer.1.EncDecAttention.q"},
    {"cross.k", "layer.1.EncDecAttention.k"},
    {"cross.v", "layer.1.EncDecAttention.v"},
    {"cross.out", "layer.1.EncDecAttention.o"},
    {"rms2", "layer.1.layer_norm"},
    {"rms3", "layer.2.layer_norm"},
    {NULL, NULL},
};
static const name_pair t5_mlp[] = {
    {"mlp.fc1", "wi"}, {"mlp.gate", "wi_0"}, {"mlp.up", "wi_1"}, {"mlp.fc2", "wo"}, {NULL, NULL},
};

static const char *look_up(const name_pair *pairs, const char *part, size_t length)
{
    for (; pairs->ours; pairs++)
        if (strlen(pairs->ours) == length && !memcmp(pairs->ours, part, length))
            return pairs->theirs;
    return NULL;
}

/* "STACK.rest" of T5; part is `rest` without its suffix. */
static void t5_name(const char *stack, const char *part, size_t length, const char *suffix,
                    char *out, size_t size)
{
    int block = 0, used = 0;
    const char *found;
    bool decoder = *stack == 'd';
    char rest[96];
    snprintf(rest, sizeof rest, "%.*s", (int)length, part);
    if (!strcmp(rest, "rms_f"))
        snprintf(out, size, "%s.final_layer_norm%s", stack, suffix);
    else if (!strcmp(rest, "relative_bias"))
        snprintf(out, size, "%s.block.0.layer.0.SelfAttention.relative_attention_bias%s", stack,
                 suffix);
    else if (sscanf(rest, "blocks.%d.%n", &block, &used) == 1 && used) {
        const char *inner = rest + used;
        if ((found = look_up(t5_layers, inner, strlen(inner))))
            snprintf(out, size, "%s.block.%d.%s%s", stack, block, found, suffix);
        else if ((found = look_up(t5_mlp, inner, strlen(inner))))
            snprintf(out, size, "%s.block.%d.layer.%d.DenseReluDense.%s%s", stack, block,
                     decoder ? 2 : 1, found, suffix);
    }
}

void backbone_published_name(const char *name, char *out, size_t size)
{
    const char *suffix = strrchr(name, '.'), *found;
    int block = 0, used = 0;
    out[0] = 0;
    if (!suffix)
        return;
    size_t length = (size_t)(suffix - name);
    if (!strncmp(name, "encoder.", 8))
        t5_name("encoder", name + 8, length - 8, suffix, out, size);
    else if (!strncmp(name, "decoder.", 8))
        t5_name("decoder", name + 8, length - 8, suffix, out, size);
    else if ((found = look_up(bert_tops, name, length)))
        snprintf(out, size, "%s%s", found, suffix);
    else if (sscanf(name, "blocks.%d.%n", &block, &used) == 1 && (size_t)used < length &&
             (found = look_up(bert_layers, name + used, length - (size_t)used)))
        snprintf(out, size, "encoder.layer.%d.%s%s", block, found, suffix);
}

bool backbone_is_new(const char *name)
{
    return strstr(name, ".adapter_") || strstr(name, ".lora_") || !strncmp(name, "phm_rule", 8) ||
           !strncmp(name, "head.", 5);
}

/* By our name, by the published one, by that with "bert.", and T5's table by its own. */
static const safetensor *find(const safetensors *s, const char *name)
{
    char published[192], prefixed[224];
    const safetensor *t = safetensors_find(s, name);
    if (t)
        return t;
    backbone_published_name(name, published, sizeof published);
    snprintf(prefixed, sizeof prefixed, "bert.%s", published);
    t = safetensors_find(s, published);
    t = t ? t : safetensors_find(s, prefixed);
    return t || strcmp(name, "embedding.weight") ? t : safetensors_find(s, "shared.weight");
}

/* The tensor has the parameter's shape, or more rows of it. */
static bool fits(const param *p, const safetensor *t)
{
    bool ok = t->ndim == p->ndim && t->shape[0] >= p->shape[0];
    for (int d = 1; ok && d < p->ndim; d++)
        ok = t->shape[d] == p->shape[d];
    return ok && (t->shape[0] == p->shape[0] || !strcmp(p->name, "pos.weight"));
}

static int32_t fill(const params *p, const safetensors *s, const char *path, int32_t dtype,
                    void *vector, void *frozen)
{
    for (int32_t i = 0; i < params_count(p); i++) {
        const param *q = params_get(p, i);
        void *to = q->frozen ? frozen : vector;
        if (backbone_is_new(q->name) || !to)
            continue;
        const safetensor *t = find(s, q->name);
        if (!t)
            return podium_fail(PODIUM_EINVAL, "%s: no tensor for parameter '%s'", path, q->name);
        if (!fits(q, t))
            return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' has another shape than '%s'", path,
                               t->name, q->name);
        for (int64_t k = 0; k < q->count; k++) {
            double x = safetensor_number(t, k);
            if (dtype == PODIUM_F64)
                ((double *)to)[q->offset + k] = x;
            else
                ((float *)to)[q->offset + k] = (float)x;
        }
    }
    return PODIUM_OK;
}

int32_t backbone_load(const params *p, const char *path, int32_t dtype, void *vector, void *frozen)
{
    safetensors *s;
    TRY(safetensors_open(&s, path));
    int32_t rc = fill(p, s, path, dtype, vector, frozen);
    safetensors_close(s);
    return rc;
}
