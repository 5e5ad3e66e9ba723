/* Sentences with classes or scores, from their publishers' files. */
#include "workloads/sentence_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "data/files.h"
#include "data/shuffle.h"
#include "data/task_data.h"
#include "workloads/sentence_tokens.h"

enum { FILE_LIMIT = 1 << 30 };
enum { STREAM_CLASSES = 1, STREAM_EPOCH, STREAM_SUBSET };

typedef struct rows {
    int64_t count, capacity;
    int32_t *ids, *lengths, *labels; /* ids [count, tokens] */
    int32_t *seconds;                /* [count] where the second part begins, or the length */
    float *scores;                   /* [count] in place of labels */
} rows;

struct sentence_data {
    sentence_tokens *tokenizer;
    bool has_pairs, has_scores;
    int64_t tokens, classes;
    int32_t class_map[TASK_MAX_CLASSES];
    rows split[SPLITS];
    char id[64 + SHA256_HEX];
    int64_t *order, order_epoch; /* of the training rows in one epoch */
    uint64_t order_seed;
    int32_t *ids, *mask, *labels, *types; /* of the batch */
    float *weights, *scores;
    int64_t batch_capacity;
};

static int32_t grow(rows *r, int64_t tokens)
{
    if (r->count < r->capacity)
        return PODIUM_OK;
    int64_t n = r->capacity ? 2 * r->capacity : 256;
    int32_t *ids = realloc(r->ids, (size_t)(n * tokens) * sizeof *ids);
    r->ids = ids ? ids : r->ids;
    int32_t *lengths = realloc(r->lengths, (size_t)n * sizeof *lengths);
    r->lengths = lengths ? lengths : r->lengths;
    int32_t *labels = realloc(r->labels, (size_t)n * sizeof *labels);
    r->labels = labels ? labels : r->labels;
    int32_t *seconds = realloc(r->seconds, (size_t)n * sizeof *seconds);
    r->seconds = seconds ? seconds : r->seconds;
    float *scores = realloc(r->scores, (size_t)n * sizeof *scores);
    r->scores = scores ? scores : r->scores;
    if (!ids || !lengths || !labels || !seconds || !scores)
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld sentences", (long long)n);
    r->capacity = n;
    return PODIUM_OK;
}

static void release_rows(rows *r)
{
    free(r->ids);
    free(r->lengths);
    free(r->labels);
    free(r->seconds);
    free(r->scores);
    *r = (rows){0};
}

/* Writes row number r->count: first, a, end and, with a second part, b, end.  The longer part loses
 * its last ids until all fit. */
static int32_t encode(sentence_data *d, rows *r, const char *a, size_t na, const char *b, size_t nb)
{
    sentence_specials s = sentence_tokens_specials(d->tokenizer);
    id_buffer x = {0}, y = {0};
    int32_t *ids = r->ids + r->count * d->tokens, n = 0;
    int32_t rc = sentence_tokens_append(d->tokenizer, a, na, &x);
    if (!rc && b)
        rc = sentence_tokens_append(d->tokenizer, b, nb, &y);
    while (!rc && x.count + y.count > d->tokens - (b ? 3 : 2))
        *(x.count >= y.count ? &x.count : &y.count) -= 1;
    memset(ids, 0, (size_t)d->tokens * sizeof *ids);
    ids[n++] = s.first;
    for (int64_t i = 0; !rc && i < x.count; i++)
        ids[n++] = x.data[i];
    ids[n++] = s.end;
    r->seconds[r->count] = n;
    for (int64_t i = 0; !rc && i < y.count; i++)
        ids[n++] = y.data[i];
    if (b)
        ids[n++] = s.end;
    r->lengths[r->count] = n;
    d->has_pairs = d->has_pairs || b;
    id_buffer_release(&x);
    id_buffer_release(&y);
    return rc;
}

/* The rows of a file that has been parsed, from example `from` on; withheld labels are left out. */
static int32_t add_rows(sentence_data *d, int which, const task_data *parsed, int64_t from)
{
    rows *r = &d->split[which];
    for (int64_t i = from; i < parsed->count; i++) {
        const task_example *e = &parsed->examples[i];
        if (d->has_scores ? !e->has_score : e->label < 0)
            continue;
        TRY(grow(r, d->tokens));
        TRY(encode(d, r, e->first, strlen(e->first), e->second, e->second ? strlen(e->second) : 0));
        r->scores[r->count] = (float)e->score;
        r->labels[r->count++] = e->label;
    }
    return PODIUM_OK;
}

/* FOLDER/NAME.tsv or .jsonl, or that with .gz, by any of the names a split goes by, or (NULL: none)
 * the one given.  False: none. */
static bool find_split(int which, const task_format *format, const char *folder, const char *given,
                       char *path, size_t size)
{
    static const char *const usual[SPLITS][4] = {{"train"}, {"valid", "dev", "val"}, {"test"}};
    const char *const only[4] = {given};
    const char *const *names = given ? only : usual[which];
    for (int i = 0; i < 4 && names[i]; i++)
        for (int packed = 0; packed < 2; packed++) {
            int n = snprintf(path, size, "%s/%s.%s%s", folder, names[i],
                             format->layout == TASK_TSV ? "tsv" : "jsonl", packed ? ".gz" : "");
            if (n > 0 && (size_t)n < size && file_exists(path))
                return true;
        }
    return false;
}

static int32_t read_split(sentence_data *d, int which, const task_format *format,
                          const char *folder, const char *given, task_data *parsed, sha256 *payload)
{
    char path[4096];
    uint8_t *text = NULL;
    size_t length = 0;
    int64_t from = parsed->count;
    int32_t classes = parsed->class_count;
    if (!find_split(which, format, folder, given, path, sizeof path))
        return which == SPLIT_TEST ? PODIUM_OK
                                   : podium_fail(PODIUM_EIO, "%s: no %s file of sentences", folder,
                                                 given                  ? given
                                                 : which == SPLIT_TRAIN ? "train"
                                                                        : "valid");
    TRY(file_read_gz(path, FILE_LIMIT, &text, &length));
    sha256_update(payload, text, length);
    int32_t rc = task_data_parse(parsed, format, (const char *)text, length, path);
    free(text);
    TRY(rc);
    if (which != SPLIT_TRAIN && parsed->class_count > classes)
        return podium_fail(PODIUM_EINVAL, "%s: no training row has the class '%s'", path,
                           parsed->classes[classes]);
    TRY(add_rows(d, which, parsed, from));
    if (which != SPLIT_TEST && !d->split[which].count)
        return podium_fail(PODIUM_EINVAL, "%s: no rows with a label in column '%s'", path,
                           format->label);
    d->classes = d->has_scores ? 1 : parsed->class_count;
    return PODIUM_OK;
}

/* Keeps `count` training rows of a shuffle that is the same everywhere. */
static int32_t keep_subset(sentence_data *d, int64_t count)
{
    rows *r = &d->split[SPLIT_TRAIN];
    rows kept = {0};
    if (count >= r->count)
        return PODIUM_OK;
    shuffle_permute(r->count, philox_make(0, STREAM_SUBSET), d->order);
    for (int64_t i = 0; i < count; i++) {
        int64_t from = d->order[i];
        int32_t rc = grow(&kept, d->tokens);
        if (rc < 0) {
            release_rows(&kept);
            return rc;
        }
        memcpy(kept.ids + i * d->tokens, r->ids + from * d->tokens,
               (size_t)d->tokens * sizeof *kept.ids);
        kept.lengths[i] = r->lengths[from];
        kept.labels[i] = r->labels[from];
        kept.seconds[i] = r->seconds[from];
        kept.scores[i] = r->scores[from];
        kept.count++;
    }
    release_rows(r);
    *r = kept;
    return PODIUM_OK;
}

static int32_t make_class_map(sentence_data *d, const data_key *key)
{
    int64_t map[TASK_MAX_CLASSES];
    for (int64_t i = 0; i < d->classes; i++)
        map[i] = i;
    if (key && key->enabled)
        shuffle_permute(d->classes, philox_make(shuffle_secret(key), STREAM_CLASSES), map);
    for (int64_t i = 0; i < d->classes; i++)
        d->class_map[i] = (int32_t)map[i];
    return PODIUM_OK;
}

static int32_t open_tokenizer(sentence_data *d, const yaml_node *data, const char *data_dir)
{
    char path[4096];
    const char *vocabulary = NULL;
    int kind = 0;
    TRY(yaml_choice(data, "tokenizer", sentence_tokens_kinds, &kind));
    TRY(yaml_string(data, "vocabulary", &vocabulary));
    if (vocabulary)
        TRY(path_join(path, sizeof path, data_dir, vocabulary));
    return sentence_tokens_open(&d->tokenizer, (sentence_tokens_kind)kind,
                                vocabulary ? path : NULL);
}

static int32_t read_splits(sentence_data *d, const yaml_node *data, const char *folder,
                           sha256 *payload)
{
    const char *name = "tsv", *valid = NULL;
    task_data parsed = {0};
    int32_t rc = PODIUM_OK;
    TRY(yaml_string(data, "format", &name));
    TRY(yaml_string(data, "valid", &valid));
    const task_format *format = task_format_find(name);
    if (!format)
        return yaml_fail(yaml_get(data, "format"), "there is no format '%s'", name);
    d->has_scores = format->scores;
    for (int i = 0; i < SPLITS && !rc; i++)
        rc = read_split(d, i, format, folder, i == SPLIT_VALID ? valid : NULL, &parsed, payload);
    task_data_release(&parsed);
    return rc;
}

static int32_t read_all(sentence_data *d, const yaml_node *data, const char *data_dir,
                        const data_key *key)
{
    const char *set = NULL;
    char folder[4096], sum[SHA256_HEX];
    uint8_t digest[32];
    int64_t examples = INT64_MAX;
    sha256 payload;
    TRY(yaml_require(data, "set"));
    TRY(yaml_string(data, "set", &set));
    TRY(yaml_integer(data, "examples", 1, INT64_MAX, &examples));
    TRY(path_join(folder, sizeof folder, data_dir, set));
    TRY(open_tokenizer(d, data, data_dir));
    sha256_init(&payload);
    sha256_update(&payload, sentence_tokens_sha256(d->tokenizer), SHA256_HEX - 1);
    TRY(read_splits(d, data, folder, &payload));
    sha256_final(&payload, digest);
    sha256_hex(digest, sum);
    snprintf(d->id, sizeof d->id, "%.60s:%s", set, sum);
    d->order = malloc((size_t)d->split[SPLIT_TRAIN].count * sizeof *d->order);
    if (!d->order)
        return podium_fail(PODIUM_ENOMEM, "no memory for the order of the sentences");
    d->order_epoch = -1;
    TRY(keep_subset(d, examples));
    return make_class_map(d, key);
}

int32_t sentence_data_open(sentence_data **out, const yaml_node *data, const char *data_dir,
                           int64_t tokens, const data_key *key)
{
    *out = NULL;
    if (tokens < 8)
        return podium_fail(PODIUM_EINVAL, "tokens is %lld, expected 8 or more", (long long)tokens);
    sentence_data *d = calloc(1, sizeof *d);
    if (!d)
        return podium_fail(PODIUM_ENOMEM, "no memory for sentences");
    d->tokens = tokens;
    int32_t rc = read_all(d, data, data_dir, key);
    if (rc < 0)
        sentence_data_close(d);
    else
        *out = d;
    return rc;
}

void sentence_data_close(sentence_data *d)
{
    if (!d)
        return;
    for (int i = 0; i < SPLITS; i++)
        release_rows(&d->split[i]);
    sentence_tokens_close(d->tokenizer);
    free(d->types);
    free(d->order);
    free(d->ids);
    free(d->mask);
    free(d->labels);
    free(d->weights);
    free(d->scores);
    free(d);
}

const char *sentence_data_id(const sentence_data *d)
{
    return d->id;
}

int64_t sentence_data_vocabulary(const sentence_data *d)
{
    return sentence_tokens_count(d->tokenizer);
}

bool sentence_data_has_scores(const sentence_data *d)
{
    return d->has_scores;
}

bool sentence_data_has_pairs(const sentence_data *d)
{
    return d->has_pairs;
}

int64_t sentence_data_classes(const sentence_data *d)
{
    return d->classes;
}

int32_t sentence_data_class(const sentence_data *d, int64_t k)
{
    return d->class_map[k];
}

int64_t sentence_data_count(const sentence_data *d, data_split split)
{
    return d->split[split].count;
}

static int32_t reserve_batch(sentence_data *d, int64_t count)
{
    if (count <= d->batch_capacity)
        return PODIUM_OK;
    size_t cells = (size_t)(count * d->tokens) * sizeof *d->ids;
    free(d->ids);
    free(d->mask);
    free(d->types);
    free(d->labels);
    free(d->weights);
    free(d->scores);
    d->ids = malloc(cells);
    d->mask = malloc(cells);
    d->types = malloc(cells);
    d->labels = malloc((size_t)count * sizeof *d->labels);
    d->weights = malloc((size_t)count * sizeof *d->weights);
    d->scores = malloc((size_t)count * sizeof *d->scores);
    d->batch_capacity = count;
    if (d->ids && d->mask && d->types && d->labels && d->weights && d->scores)
        return PODIUM_OK;
    d->batch_capacity = 0;
    return podium_fail(PODIUM_ENOMEM, "no memory for a batch of %lld sentences", (long long)count);
}

/* Row `from` as example i of the batch. */
static void place(sentence_data *d, const rows *r, int64_t from, int64_t i, float weight)
{
    int64_t T = d->tokens;
    memcpy(d->ids + i * T, r->ids + from * T, (size_t)T * sizeof *d->ids);
    for (int64_t t = 0; t < T; t++) {
        d->mask[i * T + t] = t < r->lengths[from];
        d->types[i * T + t] = t >= r->seconds[from] && t < r->lengths[from];
    }
    if (d->has_scores)
        d->scores[i] = r->scores[from];
    else
        d->labels[i] = d->class_map[r->labels[from]];
    d->weights[i] = weight;
}

static void hand_over(const sentence_data *d, int64_t count, workload_batch *out)
{
    void *labels = d->has_scores ? (void *)d->scores : d->labels;
    *out = (workload_batch){
        .data = {d->ids, d->mask, labels, d->weights, d->types}, .num_inputs = 5, .count = count};
}

int32_t sentence_data_train(sentence_data *d, uint64_t seed, int64_t step, int64_t batch,
                            int64_t first, int64_t count, workload_batch *out)
{
    const rows *r = &d->split[SPLIT_TRAIN];
    TRY(reserve_batch(d, count));
    for (int64_t i = 0; i < count; i++) {
        int64_t index = step * batch + first + i, epoch = index / r->count;
        if (d->order_epoch != epoch || d->order_seed != seed) {
            shuffle_permute(r->count,
                            philox_make(philox_derive(seed, (uint64_t)epoch), STREAM_EPOCH),
                            d->order);
            d->order_epoch = epoch;
            d->order_seed = seed;
        }
        place(d, r, d->order[index % r->count], i, 1);
    }
    hand_over(d, count, out);
    return PODIUM_OK;
}

int32_t sentence_data_eval(sentence_data *d, data_split split, int64_t start, int64_t batch,
                           workload_batch *out)
{
    const rows *r = &d->split[split];
    int64_t left = r->count - start, count = left < batch ? left : batch;
    if (start < 0 || count < 1)
        return podium_fail(PODIUM_EINVAL, "no example %lld in this split", (long long)start);
    TRY(reserve_batch(d, batch));
    for (int64_t i = 0; i < batch; i++)
        place(d, r, i < count ? start + i : start, i, i < count);
    hand_over(d, count, out);
    return PODIUM_OK;
}
