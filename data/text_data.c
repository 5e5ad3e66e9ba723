/* Reading, encoding and cutting text into windows. */
#include "data/text_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"
#include "data/pieces.h"
#include "data/text_lines.h"
#include "data/token_map.h"
#include "engine/philox.h"

#define NO_LABEL (-100)

enum { STREAM_WINDOWS = 0x77696E };
enum { TOKENIZER_BPE, TOKENIZER_IDS };

struct text_data {
    int64_t length, windows;
    int tokenizer;
    const char *file[SPLITS]; /* of the yaml, during opening */
    const char *text; /* one file that is cut into the splits, in their place; NULL: three */
    id_buffer ids[SPLITS];
    int64_t count[SPLITS];
    bpe *bpe;
    vocabulary pieces; /* of ids */
    token_map map;
    char id[192];
    text_batch batch;
    int64_t capacity;
};

static int32_t read_config(text_data *d, const yaml_node *config, const char **set,
                           const char **path, int64_t *merges)
{
    static const char *const keys[SPLITS] = {"train", "valid", "test"};
    static const char *const files[SPLITS] = {"train.en", "valid.en", "test.en"};
    static const char *const tokenizers[] = {"bpe", "ids", NULL};
    *merges = 1000;
    d->length = d->windows = 64;
    TRY(yaml_require(config, "set"));
    TRY(yaml_string(config, "set", set));
    TRY(yaml_string(config, "path", path));
    TRY(yaml_string(config, "text", &d->text));
    if (d->text && !*d->text)
        d->text = NULL;
    for (int s = 0; s < SPLITS; s++) {
        d->file[s] = files[s];
        TRY(yaml_string(config, keys[s], &d->file[s]));
        if (d->text)
            d->file[s] = d->text;
        if (strchr(d->file[s], '/') || strlen(d->file[s]) > 200)
            return podium_fail(PODIUM_EINVAL, "data: %s: '%s' is no file name",
                               d->text ? "text" : keys[s], d->file[s]);
    }
    TRY(yaml_choice(config, "tokenizer", tokenizers, &d->tokenizer));
    TRY(yaml_integer(config, "merges", 0, BPE_MAX_MERGES, merges));
    TRY(yaml_integer(config, "length", 2, 1 << 20, &d->length));
    return yaml_integer(config, "windows", 1, 1 << 20, &d->windows);
}

/* Lines of a file: `first` of them are before these. */
typedef struct part {
    const char *const *line;
    int64_t count, first;
} part;

/* All lines of a split, an end token after each; its windows. */
static int32_t encode(text_data *d, int split, part t)
{
    id_buffer *ids = &d->ids[split];
    for (int64_t i = 0; i < t.count; i++) {
        int32_t rc = d->tokenizer == TOKENIZER_IDS
                         ? pieces_ids(t.line[i], d->pieces.count, ids)
                         : bpe_encode(d->bpe, t.line[i], strlen(t.line[i]), ids);
        if (rc < 0)
            return podium_fail_in(rc, "%s:%lld", d->file[split], (long long)(t.first + i + 1));
        id_buffer_add(ids, BPE_END);
    }
    if (ids->failed)
        return podium_fail(PODIUM_ENOMEM, "no memory for the tokens of '%s'", d->file[split]);
    if (ids->count < d->length)
        return podium_fail(PODIUM_EINVAL, "%s: %lld tokens, fewer than a window of %lld",
                           d->file[split], (long long)ids->count, (long long)d->length);
    int64_t windows = ids->count / d->length;
    windows = windows < d->windows ? windows : d->windows;
    d->count[split] = split == SPLIT_TRAIN ? ids->count - d->length + 1 : windows;
    if (d->count[split] > UINT32_MAX)
        return podium_fail(PODIUM_EINVAL, "%s: %lld tokens, more than 2^32", d->file[split],
                           (long long)ids->count);
    return 0;
}

static bool is_there(const char *folder, const char *name)
{
    char path[4096], packed[4096 + 4];
    if (path_join(path, sizeof path, folder, name) < 0)
        return false;
    snprintf(packed, sizeof packed, "%s.gz", path);
    return file_exists(path) || file_exists(packed);
}

/* Takes the lines of a split; the tokenizer is trained on the first. */
static int32_t take(text_data *d, int split, part t, int64_t merges)
{
    if (split == SPLIT_TRAIN && d->tokenizer == TOKENIZER_BPE)
        TRY(bpe_train(&d->bpe, t.line, t.count, (int32_t)merges));
    return encode(d, split, t);
}

/* One text: its last twentieth is the test split, the one before it the validation split. */
static int32_t load_text(text_data *d, const char *folder, int64_t merges, sha256 *hash)
{
    text_lines t;
    TRY(text_lines_read(&t, folder, d->text, hash));
    int64_t held = t.count / 20, first = 0;
    if (!held) {
        int64_t lines = t.count;
        text_lines_release(&t);
        return podium_fail(PODIUM_EINVAL, "%s: %lld lines, a text that is cut needs 20 or more",
                           d->text, (long long)lines);
    }
    const int64_t counts[SPLITS] = {t.count - 2 * held, held, held};
    int32_t rc = 0;
    for (int split = 0; split < SPLITS && !rc; split++) {
        rc = take(d, split, (part){(const char *const *)t.line + first, counts[split], first},
                  merges);
        first += counts[split];
    }
    text_lines_release(&t);
    return rc;
}

static int32_t load_files(text_data *d, const char *folder, int64_t merges, sha256 *hash)
{
    for (int split = 0; split < SPLITS; split++) {
        text_lines t;
        if (split == SPLIT_TEST && !is_there(folder, d->file[split]))
            break;
        TRY(text_lines_read(&t, folder, d->file[split], hash));
        int32_t rc = take(d, split, (part){(const char *const *)t.line, t.count, 0}, merges);
        text_lines_release(&t);
        TRY(rc);
    }
    return 0;
}

static int32_t load(text_data *d, const char *set, const char *folder, int64_t merges,
                    const data_key *key)
{
    sha256 hash;
    uint8_t digest[32];
    char hex[SHA256_HEX];
    sha256_init(&hash);
    if (d->tokenizer == TOKENIZER_IDS) {
        char path[4096];
        TRY(path_join(path, sizeof path, folder, "vocabulary.vocab"));
        TRY(pieces_read(&d->pieces, path));
    }
    TRY(d->text ? load_text(d, folder, merges, &hash) : load_files(d, folder, merges, &hash));
    sha256_final(&hash, digest);
    sha256_hex(digest, hex);
    snprintf(d->id, sizeof d->id, "%.100s:%s", set, hex);
    return token_map_init(&d->map, key, text_data_vocabulary(d), BPE_SPECIALS);
}

int32_t text_data_open(text_data **out, const yaml_node *config, const char *data_dir,
                       const data_key *key)
{
    const char *set = "", *path = NULL;
    char folder[4096];
    int64_t merges;
    *out = NULL;
    text_data *d = calloc(1, sizeof *d);
    if (!d)
        return podium_fail(PODIUM_ENOMEM, "no memory for a text");
    int32_t rc = read_config(d, config, &set, &path, &merges);
    if (!rc && !path) {
        rc = path_join(folder, sizeof folder, data_dir, set);
        path = folder;
    }
    if (!rc)
        rc = load(d, set, path, merges, key);
    if (rc < 0)
        text_data_close(d);
    else
        *out = d;
    return rc;
}

int32_t text_data_shape(const yaml_node *config, int64_t *length)
{
    text_data d = {0};
    const char *set, *path;
    int64_t merges;
    TRY(read_config(&d, config, &set, &path, &merges));
    *length = d.length;
    return 0;
}

void text_data_close(text_data *d)
{
    if (!d)
        return;
    for (int s = 0; s < SPLITS; s++)
        id_buffer_release(&d->ids[s]);
    bpe_close(d->bpe);
    vocabulary_release(&d->pieces);
    token_map_release(&d->map);
    free(d->batch.ids);
    free(d->batch.labels);
    free(d);
}

const char *text_data_id(const text_data *d)
{
    return d->id;
}

int32_t text_data_vocabulary(const text_data *d)
{
    return d->bpe ? bpe_count(d->bpe) : d->pieces.count;
}

int64_t text_data_length(const text_data *d)
{
    return d->length;
}

int64_t text_data_count(const text_data *d, data_split split)
{
    return d->count[split];
}

/* Room for n rows; grows only. */
static int32_t reserve(text_data *d, int64_t n)
{
    size_t bytes = (size_t)(n * d->length) * sizeof(int32_t);
    if (n <= d->capacity)
        return 0;
    int32_t *ids = realloc(d->batch.ids, bytes);
    if (ids)
        d->batch.ids = ids;
    int32_t *labels = realloc(d->batch.labels, bytes);
    if (labels)
        d->batch.labels = labels;
    if (!ids || !labels)
        return podium_fail(PODIUM_ENOMEM, "no memory for a batch of %lld windows", (long long)n);
    d->capacity = n;
    return 0;
}

/* The window that begins at token `at` as row `row`; -1: padding. */
static void place(text_data *d, data_split split, int64_t at, int64_t row)
{
    int64_t T = d->length;
    int32_t *ids = d->batch.ids + row * T, *labels = d->batch.labels + row * T;
    for (int64_t t = 0; t < T; t++)
        ids[t] = at < 0 ? BPE_PAD : d->ids[split].data[at + t];
    token_map_apply(&d->map, ids, T);
    for (int64_t t = 0; t < T; t++)
        labels[t] = at < 0 ? NO_LABEL : ids[t];
}

int32_t text_data_train(text_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                        int64_t count, text_batch *out)
{
    TRY(reserve(d, count));
    philox r = philox_make(seed, STREAM_WINDOWS);
    for (int64_t row = 0; row < count; row++) {
        uint64_t position = (uint64_t)(step * batch + first + row);
        place(d, SPLIT_TRAIN, philox_below(&r, position, (uint32_t)d->count[SPLIT_TRAIN]), row);
    }
    *out = d->batch;
    out->count = count;
    return 0;
}

int32_t text_data_eval(text_data *d, data_split split, int64_t start, int64_t batch,
                       text_batch *out)
{
    TRY(reserve(d, batch));
    int64_t left = d->count[split] - start, count = left < 0 ? 0 : left < batch ? left : batch;
    for (int64_t row = 0; row < batch; row++)
        place(d, split, row < count ? (start + row) * d->length : -1, row);
    *out = d->batch;
    out->count = count;
    return 0;
}

int32_t text_data_decode(const text_data *d, const int32_t *ids, int64_t count, text_buffer *out)
{
    int32_t *plain = malloc((size_t)(count + 1) * sizeof *plain);
    if (!plain)
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld tokens", (long long)count);
    memcpy(plain, ids, (size_t)count * sizeof *plain);
    token_map_undo(&d->map, plain, count);
    int32_t rc = d->bpe ? bpe_decode(d->bpe, plain, count, out)
                        : pieces_decode(&d->pieces, plain, count, out);
    free(plain);
    return rc;
}
