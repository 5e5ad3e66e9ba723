/* The secret relabelling of tokens (DESIGN section 4): a permutation of the ids that leaves the
 * special ones where they are, applied to finished batches. */
#ifndef DATA_TOKEN_MAP_H
#define DATA_TOKEN_MAP_H

#include <stdint.h>
#include "base/status.h"
#include "data/data_set.h"

typedef struct token_map {
    int32_t *to, *from; /* [count], owned; NULL: nothing is relabelled */
    int32_t count;
} token_map;

/* key NULL or not enabled: no relabelling.  ids below `specials` stay.  Errors: PODIUM_ENOMEM. */
int32_t token_map_init(token_map *out, const data_key *key, int32_t count, int32_t specials);
void token_map_release(token_map *m);
/* ids outside [0, count), such as -100 for "no label", stay. */
void token_map_apply(const token_map *m, int32_t *ids, int64_t n);
void token_map_undo(const token_map *m, int32_t *ids, int64_t n); /* what a model has made */

#endif
