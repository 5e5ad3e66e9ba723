/* A language model's parameters from a checkpoint (data/checkpoint.h). */
#ifndef WORKLOADS_GPT_WEIGHTS_H
#define WORKLOADS_GPT_WEIGHTS_H

#include <stddef.h>
#include "engine/params.h"

/* What Hugging Face's Llama calls the parameter `name`, e.g. "blocks.2.attn.out.weight" is
 * "model.layers.2.self_attn.o_proj.weight".  False: it has no such parameter. */
bool gpt_published_name(const char *name, char *out, size_t size);

/* Fills the flat vectors (dtype PODIUM_F32 or PODIUM_F64; frozen may be NULL when nothing is
 * frozen) from a file that uses our names or Llama's.  A checkpoint with a tied head may lack
 * lm_head. Errors: PODIUM_EIO; PODIUM_EINVAL naming the parameter that is absent or has another
 * shape, or a tensor of Llama's names that the model has no parameter for. */
int32_t gpt_load_weights(const params *p, const char *path, int32_t dtype, void *vector,
                         void *frozen);

#endif
