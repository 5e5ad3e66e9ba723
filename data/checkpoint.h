/* Tensors of a published checkpoint: one safetensors file, or several that an index lists
 * ("model.safetensors.index.json": {"weight_map": {TENSOR: FILE, ...}}, files beside it). */
#ifndef DATA_CHECKPOINT_H
#define DATA_CHECKPOINT_H

#include "data/safetensors.h"

typedef struct checkpoint checkpoint;

/* A path that ends with .json is an index.
 * Errors: those of safetensors_open; PODIUM_EINVAL naming the index and the tensor: no index, a
 * file elsewhere, a tensor that its file has not; PODIUM_ENOMEM. */
int32_t checkpoint_open(checkpoint **out, const char *path);
void checkpoint_close(checkpoint *c); /* NULL is fine */
/* Borrowed; NULL: absent. */
const safetensor *checkpoint_find(const checkpoint *c, const char *name);
size_t checkpoint_count(const checkpoint *c);
const safetensor *checkpoint_item(const checkpoint *c, size_t i); /* i < the count */

#endif
