/* Permutation of token ids. */
#include "data/token_map.h"

#include <stdlib.h>

#include "data/shuffle.h"

enum { STREAM_TOKENS = 0x746F6B };

int32_t token_map_init(token_map *out, const data_key *key, int32_t count, int32_t specials)
{
    *out = (token_map){0};
    if (!key || !key->enabled)
        return 0;
    int64_t n = count - specials, *order = malloc((size_t)(n > 0 ? n : 1) * sizeof *order);
    out->to = malloc((size_t)count * sizeof *out->to);
    out->from = malloc((size_t)count * sizeof *out->from);
    out->count = count;
    if (!order || !out->to || !out->from) {
        free(order);
        token_map_release(out);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the map of %d tokens", count);
    }
    shuffle_permute(n, philox_make(shuffle_secret(key), STREAM_TOKENS), order);
    for (int32_t i = 0; i < count; i++)
        out->to[i] = i < specials ? i : specials + (int32_t)order[i - specials];
    for (int32_t i = 0; i < count; i++)
        out->from[out->to[i]] = i;
    free(order);
    return 0;
}

void token_map_release(token_map *m)
{
    free(m->to);
    free(m->from);
    *m = (token_map){0};
}

static void apply(const int32_t *map, int32_t count, int32_t *ids, int64_t n)
{
    for (int64_t i = 0; map && i < n; i++)
        if (ids[i] >= 0 && ids[i] < count)
            ids[i] = map[ids[i]];
}

void token_map_apply(const token_map *m, int32_t *ids, int64_t n)
{
    apply(m->to, m->count, ids, n);
}

void token_map_undo(const token_map *m, int32_t *ids, int64_t n)
{
    apply(m->from, m->count, ids, n);
}
