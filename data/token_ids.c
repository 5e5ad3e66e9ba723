/* Opening a set of token ids and making batches of it. */
#include "data/token_ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/text.h"
#include "engine/philox.h"

#define FILE_LIMIT (SIZE_MAX / 16)

enum { STREAM_EPOCH = 1, STREAM_WINDOW, STREAM_TOKENS };

struct token_ids {
    token_form form;
    char name[192];
    int64_t vocabulary, length, windows;
    int64_t end, specials;
    id_lines source[TOKENS_SPLITS], target[TOKENS_SPLITS];
    int64_t *fits[TOKENS_SPLITS]; /* pairs: sentences short enough; texts: NULL */
    int64_t count[TOKENS_SPLITS]; /* examples */
    int32_t *label, *plain;       /* [vocabulary] relabelling and its inverse */
    int64_t *order;               /* of the epoch at hand */
    int64_t order_epoch;
    uint64_t order_seed;
    token_batch batch;
    int64_t capacity;
};

/* A uniform permutation of 0 .. n-1 (Fisher and Yates). */
static void permute(int64_t n, philox r, int64_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = philox_below(&r, (uint64_t)i, (uint32_t)(i + 1));
        out[i] = out[j];
        out[j] = i;
    }
}

static int32_t read_config(token_ids *d, const yaml_node *config, const char *data_dir,
                           const char **set, char *folder, size_t size)
{
    const char *path = NULL;
    d->length = 256;
    d->end = 2;
    d->specials = 3;
    d->windows = 64;
    TRY(yaml_require(config, "set"));
    TRY(yaml_string(config, "set", set));
    TRY(yaml_string(config, "path", &path));
    TRY(yaml_integer(config, "length", 2, 1 << 20, &d->length));
    TRY(yaml_integer(config, "end", 1, INT32_MAX, &d->end));
    TRY(yaml_integer(config, "specials", 1, INT32_MAX, &d->specials));
    TRY(yaml_integer(config, "windows", 1, 1 << 20, &d->windows));
    if (!path)
        return path_join(folder, size, data_dir, *set);
    snprintf(folder, size, "%s", path);
    return 0;
}

/* The whole file, added to the payload's hash. */
static int32_t read_file(const char *folder, const char *name, sha256 *h, char **text, size_t *n)
{
    char path[4096];
    TRY(path_join(path, sizeof path, folder, name));
    TRY(file_read(path, FILE_LIMIT, text, n));
    sha256_update(h, name, strlen(name) + 1);
    sha256_update(h, *text, *n);
    return 0;
}

static int32_t read_lines(token_ids *d, const char *folder, const char *name, sha256 *h,
                          id_lines *out)
{
    char *text = NULL;
    size_t n = 0;
    TRY(read_file(folder, name, h, &text, &n));
    int32_t rc = id_lines_parse(out, text, n, d->vocabulary, name);
    free(text);
    return rc;
}

static int32_t count_vocabulary(token_ids *d, const char *folder, sha256 *h)
{
    char *text = NULL;
    size_t n = 0;
    TRY(read_file(folder, "vocabulary.vocab", h, &text, &n));
    for (size_t i = 0; i < n; i++)
        d->vocabulary += text[i] == '\n';
    free(text);
    if (d->vocabulary <= d->end || d->vocabulary <= d->specials || d->vocabulary > 1 << 24)
        return podium_fail(PODIUM_EINVAL, "%s/vocabulary.vocab: %lld tokens", folder,
                           (long long)d->vocabulary);
    return 0;
}

static int64_t line_length(const id_lines *l, int64_t i)
{
    return l->start[i + 1] - l->start[i];
}

/* Which pairs fit; how many windows a text has. */
static int32_t count_examples(token_ids *d, const char *folder, token_split s)
{
    id_lines *a = &d->source[s], *b = &d->target[s];
    if (d->form == TOKENS_TEXT) {
        int64_t ids = b->start[b->count] + b->count; /* an end id a sentence */
        if (s == TOKENS_TRAIN ? ids > d->length : ids >= d->length)
            d->count[s] = s == TOKENS_TRAIN ? ids - d->length : ids / d->length;
        if (s != TOKENS_TRAIN && d->count[s] > d->windows)
            d->count[s] = d->windows;
        return 0;
    }
    if (a->count != b->count)
        return podium_fail(PODIUM_EINVAL, "%s: %lld source lines and %lld target lines in a split",
                           folder, (long long)a->count, (long long)b->count);
    d->fits[s] = malloc((size_t)(b->count + 1) * sizeof *d->fits[s]);
    if (!d->fits[s])
        return podium_fail(PODIUM_ENOMEM, "no memory for a list of pairs");
    for (int64_t i = 0; i < b->count; i++) {
        int64_t n = line_length(a, i), m = line_length(b, i);
        if (n && m && n < d->length && m < d->length)
            d->fits[s][d->count[s]++] = i;
    }
    return 0;
}

/* A text becomes one line: its sentences with an end id after each. */
static int32_t join_lines(token_ids *d, id_lines *l)
{
    int64_t n = 0;
    int32_t *joined = malloc((size_t)(l->start[l->count] + l->count + 1) * sizeof *joined);
    if (!joined)
        return podium_fail(PODIUM_ENOMEM, "no memory for a text");
    for (int64_t i = 0; i < l->count; i++) {
        for (int64_t k = l->start[i]; k < l->start[i + 1]; k++)
            joined[n++] = l->data[k];
        joined[n++] = (int32_t)d->end;
    }
    free(l->data);
    l->data = joined;
    return 0;
}

static int32_t read_splits(token_ids *d, const char *folder, sha256 *h)
{
    static const char *const names[] = {"train", "valid", "test"};
    char file[64], path[4096];
    for (int s = 0; s < TOKENS_SPLITS; s++) {
        snprintf(file, sizeof file, "%s.target.ids", names[s]);
        TRY(path_join(path, sizeof path, folder, file));
        if (s == TOKENS_TEST && !file_exists(path))
            return 0;
        TRY(read_lines(d, folder, file, h, &d->target[s]));
        snprintf(file, sizeof file, "%s.source.ids", names[s]);
        if (d->form == TOKENS_PAIRS)
            TRY(read_lines(d, folder, file, h, &d->source[s]));
        TRY(count_examples(d, folder, (token_split)s));
        if (d->form == TOKENS_TEXT)
            TRY(join_lines(d, &d->target[s]));
        if (!d->count[s])
            return podium_fail(PODIUM_EINVAL, "%s: no example of %lld ids in split '%s'", folder,
                               (long long)d->length, names[s]);
    }
    return 0;
}

/* Relabelling, the identity without a key. */
static int32_t make_labels(token_ids *d, const token_key *key)
{
    int64_t n = d->vocabulary - d->specials;
    int64_t *order = malloc((size_t)n * sizeof *order);
    d->label = malloc((size_t)d->vocabulary * sizeof *d->label);
    d->plain = malloc((size_t)d->vocabulary * sizeof *d->plain);
    d->order = malloc((size_t)(d->count[TOKENS_TRAIN] + 1) * sizeof *d->order);
    if (!order || !d->label || !d->plain || !d->order) {
        free(order);
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld tokens", (long long)d->vocabulary);
    }
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    if (key)
        permute(n, philox_make(key->words[0], key->words[1] ^ STREAM_TOKENS), order);
    for (int64_t i = 0; i < d->vocabulary; i++)
        d->label[i] = (int32_t)(i < d->specials ? i : d->specials + order[i - d->specials]);
    for (int64_t i = 0; i < d->vocabulary; i++)
        d->plain[d->label[i]] = (int32_t)i;
    d->order_epoch = -1;
    free(order);
    return 0;
}

static int32_t open_set(token_ids *d, const yaml_node *config, const char *data_dir,
                        const token_key *key)
{
    char folder[4096], hex[SHA256_HEX];
    uint8_t digest[32];
    const char *set = "";
    sha256 h;
    sha256_init(&h);
    TRY(read_config(d, config, data_dir, &set, folder, sizeof folder));
    TRY(count_vocabulary(d, folder, &h));
    TRY(read_splits(d, folder, &h));
    TRY(make_labels(d, key));
    sha256_final(&h, digest);
    sha256_hex(digest, hex);
    snprintf(d->name, sizeof d->name, "%.64s:%s", set, hex);
    return 0;
}

int32_t token_ids_open(token_ids **out, token_form form, const yaml_node *config,
                       const char *data_dir, const token_key *key)
{
    *out = NULL;
    token_ids *d = calloc(1, sizeof *d);
    if (!d)
        return podium_fail(PODIUM_ENOMEM, "no memory for a data set");
    d->form = form;
    int32_t rc = open_set(d, config, data_dir, key);
    if (rc < 0)
        token_ids_close(d);
    else
        *out = d;
    return rc;
}

void token_ids_close(token_ids *d)
{
    if (!d)
        return;
    for (int s = 0; s < TOKENS_SPLITS; s++) {
        id_lines_release(&d->source[s]);
        id_lines_release(&d->target[s]);
        free(d->fits[s]);
    }
    free(d->label);
    free(d->plain);
    free(d->order);
    free(d->batch.source);
    free(d->batch.target);
    free(d->batch.weights);
    free(d);
}

const char *token_ids_name(const token_ids *d)
{
    return d->name;
}

int64_t token_ids_vocabulary(const token_ids *d)
{
    return d->vocabulary;
}

int64_t token_ids_length(const token_ids *d)
{
    return d->length;
}

int32_t token_ids_end(const token_ids *d)
{
    return (int32_t)d->end;
}

int64_t token_ids_count(const token_ids *d, token_split split)
{
    return d->count[split];
}

int32_t token_ids_plain(const token_ids *d, int32_t id)
{
    return id >= 0 && id < d->vocabulary ? d->plain[id] : 0;
}

/* --- batches --------------------------------------------------------------------------------- */

/* Room for n rows; grows only. */
static int32_t reserve(token_ids *d, int64_t n)
{
    size_t ids = (size_t)(n * d->length);
    if (n <= d->capacity)
        return 0;
    int32_t *source = realloc(d->batch.source, ids * sizeof *source);
    if (source)
        d->batch.source = source;
    int32_t *target = realloc(d->batch.target, ids * sizeof *target);
    if (target)
        d->batch.target = target;
    float *weights = realloc(d->batch.weights, ids * sizeof *weights);
    if (weights)
        d->batch.weights = weights;
    if (!source || !target || !weights)
        return podium_fail(PODIUM_ENOMEM, "no memory for a batch of %lld rows", (long long)n);
    d->capacity = n;
    return 0;
}

/* A sentence, its end, zeros. */
static void place_line(const token_ids *d, const id_lines *l, int64_t line, int32_t *to)
{
    int64_t n = line_length(l, line);
    for (int64_t t = 0; t < d->length; t++)
        to[t] = t < n ? d->label[l->data[l->start[line] + t]] : t == n ? d->label[d->end] : 0;
}

/* Example `example` of a split as row `row`; -1: a row of padding. */
static void place(token_ids *d, token_split split, int64_t example, int64_t row)
{
    int64_t T = d->length;
    int32_t *source = d->batch.source + row * T, *target = d->batch.target + row * T;
    memset(source, 0, (size_t)T * sizeof *source);
    memset(target, 0, (size_t)T * sizeof *target);
    if (example >= 0 && d->form == TOKENS_TEXT) {
        const int32_t *from = d->target[split].data + example;
        for (int64_t t = 0; t < T; t++)
            target[t] = d->label[from[t]];
    } else if (example >= 0) {
        place_line(d, &d->source[split], d->fits[split][example], source);
        place_line(d, &d->target[split], d->fits[split][example], target);
    }
    for (int64_t t = 0; t < T; t++)
        d->batch.weights[row * T + t] = target[t] != 0;
}

/* The pair at place `position` of the endless sequence of epochs. */
static int64_t epoch_pair(token_ids *d, uint64_t seed, int64_t position)
{
    int64_t n = d->count[TOKENS_TRAIN], epoch = position / n;
    if (d->order_epoch != epoch || d->order_seed != seed) {
        permute(n, philox_make(philox_derive(seed, (uint64_t)epoch), STREAM_EPOCH), d->order);
        d->order_epoch = epoch;
        d->order_seed = seed;
    }
    return d->order[position % n];
}

static void hand_over(const token_ids *d, int64_t count, token_batch *out)
{
    *out = d->batch;
    out->count = count;
    if (d->form == TOKENS_TEXT)
        out->source = NULL;
}

int32_t token_ids_train(token_ids *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                        int64_t count, token_batch *out)
{
    TRY(reserve(d, count));
    philox r = philox_make(seed, STREAM_WINDOW);
    for (int64_t row = 0; row < count; row++) {
        int64_t position = step * batch + first + row, n = d->count[TOKENS_TRAIN];
        int64_t example = d->form == TOKENS_TEXT ? philox_below(&r, (uint64_t)position, (uint32_t)n)
                                                 : epoch_pair(d, seed, position);
        place(d, TOKENS_TRAIN, example, row);
    }
    hand_over(d, count, out);
    return 0;
}

int32_t token_ids_eval(token_ids *d, token_split split, int64_t start, int64_t batch,
                       token_batch *out)
{
    TRY(reserve(d, batch));
    int64_t left = d->count[split] - start, count = left < 0 ? 0 : left < batch ? left : batch;
    for (int64_t row = 0; row < batch; row++) {
        int64_t example = start + row;
        if (d->form == TOKENS_TEXT)
            example *= d->length;
        place(d, split, row < count ? example : -1, row);
    }
    hand_over(d, count, out);
    return 0;
}
