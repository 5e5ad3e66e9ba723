/* Pretrained networks in safetensors files: our names, or those of published BERT and T5 models. */
#ifndef WORKLOADS_BACKBONE_H
#define WORKLOADS_BACKBONE_H

#include <stdbool.h>
#include "engine/params.h"

/* The name of a parameter in published files, in out; empty when they have none. */
void backbone_published_name(const char *name, char *out, size_t size);
/* True for what fine-tuning adds and no backbone holds: adapters, low-rank updates, the head. */
bool backbone_is_new(const char *name);

/* Fills every parameter that is not new from the file; one of more rows than the table needs is cut
 * (positions).  vector and frozen as params_initialise.  Errors: PODIUM_EIO; PODIUM_EINVAL a
 * parameter that the file lacks or has in another shape, named. */
int32_t backbone_load(const params *p, const char *path, int32_t dtype, void *vector, void *frozen);

#endif
