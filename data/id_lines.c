/* The text form of tokenised sentences. */
#include <stdlib.h>
#include <string.h>

#include "data/token_ids.h"

void id_lines_release(id_lines *l)
{
    free(l->data);
    free(l->start);
    *l = (id_lines){0};
}

/* Room for what `text` can hold at most: an id takes two bytes, its digit and a space or line end.
 */
static int32_t reserve(id_lines *l, const char *text, size_t length)
{
    size_t lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    lines += length && text[length - 1] != '\n';
    l->data = malloc((length / 2 + 1) * sizeof *l->data);
    l->start = malloc((lines + 1) * sizeof *l->start);
    if (!l->data || !l->start)
        return podium_fail(PODIUM_ENOMEM, "no memory for %zu sentences", lines);
    l->start[0] = 0;
    return 0;
}

/* One line [at, end): its ids go to data from *n on. */
static int32_t parse_line(id_lines *l, const char *at, const char *end, int64_t vocabulary,
                          const char *name, int64_t *n)
{
    while (at < end) {
        int64_t id = 0;
        const char *first = at;
        for (; at < end && *at >= '0' && *at <= '9' && id < vocabulary; at++)
            id = 10 * id + (*at - '0');
        bool separated = at == end || (*at == ' ' && at + 1 < end);
        if (at == first || !separated || id < 1 || id >= vocabulary)
            return podium_fail(PODIUM_EINVAL,
                               "%s:%lld: expected ids from 1 to %lld, one space between them", name,
                               (long long)l->count + 1, (long long)vocabulary - 1);
        at += at < end;
        l->data[(*n)++] = (int32_t)id;
    }
    return 0;
}

int32_t id_lines_parse(id_lines *out, const char *text, size_t length, int64_t vocabulary,
                       const char *name)
{
    int64_t n = 0;
    const char *at = text, *end = text + length;
    *out = (id_lines){0};
    int32_t rc = reserve(out, text, length);
    while (!rc && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        rc = parse_line(out, at, stop, vocabulary, name, &n);
        out->start[++out->count] = n;
        at = stop + 1;
    }
    if (rc)
        id_lines_release(out);
    return rc;
}
