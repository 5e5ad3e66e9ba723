/* Names of published checkpoints, and reading them. */
#include "workloads/gpt_weights.h"

#include <stdio.h>
#include <string.h>

#include "data/checkpoint.h"
#include "podium/submission.h"

bool gpt_published_name(const char *name, char *out, size_t size)
{
    static const struct {
        const char *ours, *theirs;
    } whole[] =
        {
            {"embedding.weight", "model.embed_tokens.weight"},
            {"rms_f.weight", "model.norm.weight"},
            {"head.weight", "lm_head.weight"},
        },
      parts[] = {
          {"attn.q", "self_attn.q_proj"},       {"attn.k", "self_attn.k_proj"},
          {"attn.v", "self_attn.v_proj"},       {"attn.out", "self_attn.o_proj"},
          {"mlp.gate", "mlp.gate_proj"},        {"mlp.up", "mlp.up_proj"},
          {"mlp.down", "mlp.down_proj"},        {"rms1", "input_layernorm"},
          {"rms2", "post_attention_layernorm"},
      };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (!strcmp(name, whole[i].ours))
            return snprintf(out, size, "%s", whole[i].theirs) < (int)size;
    int layer = 0, at = 0;
    if (sscanf(name, "blocks.%d.%n", &layer, &at) != 1 || !at)
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i].ours);
        if (!strncmp(name + at, parts[i].ours, n) && name[at + (int)n] == '.')
            return snprintf(out, size, "model.layers.%d.%s%s", layer, parts[i].theirs,
                            name + at + n) < (int)size;
    }
    return false;
}

static const safetensor *find(const checkpoint *s, const char *name)
{
    char published[160];
    const safetensor *t = checkpoint_find(s, name);
    if (!t && gpt_published_name(name, published, sizeof published))
        t = checkpoint_find(s, published);
    return t;
}

static bool same_shape(const param *q, const safetensor *t)
{
    bool same = q->ndim == t->ndim;
    for (int d = 0; same && d < q->ndim; d++)
        same = q->shape[d] == t->shape[d];
    return same;
}

/* A published tensor that no parameter takes would change what the network computes: biases, a head
 * that is not tied, layers.  Tables that some checkpoints keep of the rotary angles are no weights.
 */
static int32_t refuse_others(const params *p, const checkpoint *s, const char *path)
{
    for (size_t i = 0; i < checkpoint_count(s); i++) {
        const safetensor *t = checkpoint_item(s, i);
        bool known = (strncmp(t->name, "model.", 6) && strncmp(t->name, "lm_head.", 8)) ||
                     strstr(t->name, "rotary_emb.inv_freq");
        for (int32_t k = 0; !known && k < params_count(p); k++)
            known = find(s, params_get(p, k)->name) == t;
        if (!known)
            return podium_fail(PODIUM_EINVAL, "%s: the model has no parameter for '%s'", path,
                               t->name);
    }
    return PODIUM_OK;
}

static int32_t fill(const params *p, const checkpoint *s, const char *path, int32_t dtype,
                    void *vector, void *frozen)
{
    for (int32_t i = 0; i < params_count(p); i++) {
        const param *q = params_get(p, i);
        const safetensor *t = find(s, q->name);
        void *to = q->frozen ? frozen : vector;
        if (!t)
            return podium_fail(PODIUM_EINVAL, "%s: no parameter '%s'", path, q->name);
        if (!same_shape(q, t))
            return podium_fail(PODIUM_EINVAL, "%s: '%s' has another shape than the model's '%s'",
                               path, t->name, q->name);
        for (int64_t k = 0; k < q->count; k++)
            if (dtype == PODIUM_F64)
                ((double *)to)[q->offset + k] = safetensor_number(t, k);
            else
                ((float *)to)[q->offset + k] = (float)safetensor_number(t, k);
    }
    return refuse_others(p, s, path);
}

int32_t gpt_load_weights(const params *p, const char *path, int32_t dtype, void *vector,
                         void *frozen)
{
    checkpoint *s;
    TRY(checkpoint_open(&s, path));
    int32_t rc = fill(p, s, path, dtype, vector, frozen);
    checkpoint_close(s);
    return rc;
}
