/* Reading, encoding and batching parallel text. */
#include "data/pair_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"
#include "data/pieces.h"
#include "data/shuffle.h"
#include "data/text_lines.h"
#include "data/token_map.h"

enum { STREAM_PAIRS = 0x70616972 };
enum { TOKENIZER_BPE, TOKENIZER_IDS };

static const struct {
    const char *name, *files[SPLITS];
} sets[] = {
    {"debian-text", {"train", "valid", "test"}},
    {"multi30k", {"train", "val", "test_2016_flickr"}},
    {"wmt17", {"train", "newstest2013", "newstest2014"}},
    {"text-to-text", {"train", "valid", "test"}},
};
static const char *const set_names[] = {"debian-text", "multi30k", "wmt17", "text-to-text", NULL};

/* One side of a split. */
typedef struct side {
    text_lines text; /* of bpe, or references */
    id_buffer ids;   /* all sentences, each with its end token */
    int64_t *start;  /* [count + 1] into ids */
} side;

struct pair_data {
    int set, tokenizer;
    bool packed;
    int64_t length[2], limit[SPLITS], end;
    const char *language[2];
    side sides[SPLITS][2];
    int64_t count[SPLITS]; /* pairs in `fit`; before it is made, lines */
    int64_t *fit[SPLITS];  /* pairs whose sides fit, in order */
    bpe *bpe;
    vocabulary pieces;
    token_map map;
    char id[128];
    int64_t *order;                      /* one epoch's permutation of fit */
    int64_t *rows;                       /* first place in order of each packed row, then the end */
    int64_t row_count, epoch, epoch_row; /* rows of the epoch; its number; its first row overall */
    uint64_t order_seed;
    pair_batch batch;
    int64_t capacity;
};

static int32_t no_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "cannot allocate parallel text");
}

static int32_t read_config(pair_data *d, const yaml_node *config, const char **path,
                           int64_t *merges)
{
    static const char *const tokenizers[] = {"bpe", "ids", NULL};
    *path = NULL;
    *merges = 1000;
    d->language[0] = "de";
    d->language[1] = "en";
    d->length[0] = d->length[1] = 24;
    d->end = BPE_END;
    d->limit[SPLIT_TRAIN] = d->limit[SPLIT_VALID] = d->limit[SPLIT_TEST] = INT64_MAX;
    TRY(yaml_choice(config, "set", set_names, &d->set));
    TRY(yaml_string(config, "path", path));
    TRY(yaml_string(config, "source", &d->language[0]));
    TRY(yaml_string(config, "target", &d->language[1]));
    TRY(yaml_choice(config, "tokenizer", tokenizers, &d->tokenizer));
    TRY(yaml_integer(config, "merges", 0, BPE_MAX_MERGES, merges));
    TRY(yaml_integer(config, "end", 1, BPE_SPECIALS - 1, &d->end));
    if (d->tokenizer == TOKENIZER_BPE && d->end != BPE_END)
        return podium_fail(PODIUM_EINVAL, "data: end goes with tokenizer ids");
    TRY(yaml_integer(config, "source_length", 2, 1 << 16, &d->length[0]));
    TRY(yaml_integer(config, "target_length", 2, 1 << 16, &d->length[1]));
    TRY(yaml_integer(config, "valid", 1, INT64_MAX, &d->limit[SPLIT_VALID]));
    TRY(yaml_integer(config, "test", 1, INT64_MAX, &d->limit[SPLIT_TEST]));
    for (int s = 0; s < 2; s++)
        if (strchr(d->language[s], '/') || strlen(d->language[s]) > 16)
            return podium_fail(PODIUM_EINVAL, "data: '%s' is no name of a language",
                               d->language[s]);
    return yaml_flag(config, "packed", &d->packed);
}

/* Reads NAME.LANG (and NAME.LANG.ids with the tokenizer ids, the text then being optional). */
static int32_t read_side(pair_data *d, int split, int s, const char *folder, sha256 *hash,
                         text_lines *ids)
{
    char name[128], path[4096], packed[4096 + 4];
    snprintf(name, sizeof name, "%s.%s", sets[d->set].files[split], d->language[s]);
    if (d->tokenizer == TOKENIZER_IDS) {
        TRY(path_join(path, sizeof path, folder, name));
        snprintf(packed, sizeof packed, "%s.gz", path);
        bool text = file_exists(path) || file_exists(packed);
        if (text && split != SPLIT_TRAIN)
            TRY(text_lines_read(&d->sides[split][s].text, folder, name, hash));
        snprintf(name, sizeof name, "%s.%s.ids", sets[d->set].files[split], d->language[s]);
        return text_lines_read(ids, folder, name, hash);
    }
    return text_lines_read(&d->sides[split][s].text, folder, name, hash);
}

static int32_t read_split(pair_data *d, int split, const char *folder, sha256 *hash,
                          text_lines ids[2])
{
    for (int s = 0; s < 2; s++)
        TRY(read_side(d, split, s, folder, hash, &ids[s]));
    bool made = d->tokenizer == TOKENIZER_IDS;
    const side *a = d->sides[split];
    int64_t n = made ? ids[0].count : a[0].text.count, m = made ? ids[1].count : a[1].text.count;
    if (n != m)
        return podium_fail(PODIUM_EINVAL, "%s: %lld lines of %s and %lld of %s, expected as many",
                           sets[d->set].files[split], (long long)n, d->language[0], (long long)m,
                           d->language[1]);
    for (int s = 0; s < 2; s++)
        if (a[s].text.line && a[s].text.count != n)
            return podium_fail(PODIUM_EINVAL, "%s.%s has %lld lines, its ids %lld",
                               sets[d->set].files[split], d->language[s],
                               (long long)a[s].text.count, (long long)n);
    if (n < 1)
        return podium_fail(PODIUM_EINVAL, "%s: no pairs", sets[d->set].files[split]);
    d->count[split] = n;
    return 0;
}

/* Tokens of one side, each sentence with its end. */
static int32_t encode_side(pair_data *d, int split, int s, const text_lines *ids)
{
    side *a = &d->sides[split][s];
    int64_t n = d->count[split];
    a->start = malloc((size_t)(n + 1) * sizeof *a->start);
    if (!a->start)
        return no_memory();
    for (int64_t i = 0; i < n; i++) {
        a->start[i] = a->ids.count;
        if (d->tokenizer == TOKENIZER_BPE) {
            TRY(bpe_encode(d->bpe, a->text.line[i], strlen(a->text.line[i]), &a->ids));
        } else {
            int32_t rc = pieces_ids(ids->line[i], d->pieces.count, &a->ids);
            if (rc < 0)
                return podium_fail_in(rc, "%s.%s.ids:%lld", sets[d->set].files[split],
                                      d->language[s], (long long)i + 1);
        }
        id_buffer_add(&a->ids, (int32_t)d->end);
    }
    a->start[n] = a->ids.count;
    return a->ids.failed ? no_memory() : 0;
}

static int32_t train_bpe(pair_data *d, int64_t merges)
{
    int64_t n = d->count[SPLIT_TRAIN];
    const char **lines = malloc((size_t)(2 * n) * sizeof *lines);
    if (!lines)
        return no_memory();
    for (int64_t i = 0; i < 2 * n; i++)
        lines[i] = d->sides[SPLIT_TRAIN][i >= n].text.line[i % n];
    int32_t rc = bpe_train(&d->bpe, lines, 2 * n, (int32_t)merges);
    free(lines);
    return rc;
}

static int64_t tokens(const pair_data *d, int split, int s, int64_t i)
{
    const int64_t *start = d->sides[split][s].start;
    return start[i + 1] - start[i];
}

/* The first pairs, `limit` at most, whose sides both fit. */
static int32_t choose_pairs(pair_data *d, int split)
{
    int64_t n = d->count[split], kept = 0, *fit = malloc((size_t)n * sizeof *fit);
    d->fit[split] = fit;
    if (!fit)
        return no_memory();
    for (int64_t i = 0; i < n && kept < d->limit[split]; i++)
        if (tokens(d, split, 0, i) <= d->length[0] && tokens(d, split, 1, i) <= d->length[1])
            fit[kept++] = i;
    d->count[split] = kept;
    return kept ? 0
                : podium_fail(PODIUM_EINVAL, "%s: no pair has at most %lld and %lld tokens",
                              sets[d->set].files[split], (long long)d->length[0],
                              (long long)d->length[1]);
}

static int32_t choose_all_pairs(pair_data *d)
{
    for (int split = 0; split < SPLITS; split++)
        TRY(choose_pairs(d, split));
    int64_t n = d->count[SPLIT_TRAIN];
    d->order = malloc((size_t)n * sizeof *d->order);
    d->rows = malloc((size_t)(n + 1) * sizeof *d->rows);
    return d->order && d->rows ? 0 : no_memory();
}

static int32_t load(pair_data *d, const char *folder, int64_t merges, const data_key *key)
{
    sha256 hash;
    uint8_t digest[32];
    char hex[SHA256_HEX], path[4096];
    text_lines ids[SPLITS][2] = {0};
    int32_t rc = 0;
    sha256_init(&hash);
    if (d->tokenizer == TOKENIZER_IDS) {
        TRY(path_join(path, sizeof path, folder, "pieces.vocab"));
        TRY(pieces_read(&d->pieces, path));
        if (d->end >= d->pieces.count)
            return podium_fail(PODIUM_EINVAL, "data: end %lld is no id of the %d pieces",
                               (long long)d->end, d->pieces.count);
    }
    for (int split = 0; split < SPLITS && rc == 0; split++)
        rc = read_split(d, split, folder, &hash, ids[split]);
    if (rc == 0 && d->tokenizer == TOKENIZER_BPE)
        rc = train_bpe(d, merges);
    for (int split = 0; split < SPLITS; split++)
        for (int s = 0; s < 2; s++) {
            if (rc == 0)
                rc = encode_side(d, split, s, &ids[split][s]);
            text_lines_release(&ids[split][s]);
        }
    TRY(rc);
    sha256_final(&hash, digest);
    sha256_hex(digest, hex);
    snprintf(d->id, sizeof d->id, "%s:%s", set_names[d->set], hex);
    TRY(choose_all_pairs(d));
    return token_map_init(&d->map, key, pair_data_vocabulary(d), BPE_SPECIALS);
}

int32_t pair_data_open(pair_data **out, const yaml_node *config, const char *data_dir,
                       const data_key *key)
{
    const char *path;
    char folder[4096];
    int64_t merges;
    pair_data *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d)
        return no_memory();
    d->epoch = -1;
    int32_t rc = read_config(d, config, &path, &merges);
    if (rc == 0 && !path) {
        rc = path_join(folder, sizeof folder, data_dir, set_names[d->set]);
        path = folder;
    }
    if (rc == 0)
        rc = load(d, path, merges, key);
    if (rc < 0)
        pair_data_close(d);
    else
        *out = d;
    return rc;
}

int32_t pair_data_shape(const yaml_node *config, int64_t *source, int64_t *target, bool *packed)
{
    pair_data d = {0};
    const char *path;
    int64_t merges;
    TRY(read_config(&d, config, &path, &merges));
    *source = d.length[0];
    *target = d.length[1];
    *packed = d.packed;
    return 0;
}

static int32_t **batch_ids(pair_batch *b, int i)
{
    int32_t **const all[] = {&b->inputs,
                             &b->targets,
                             &b->inputs_position,
                             &b->targets_position,
                             &b->inputs_segmentation,
                             &b->targets_segmentation};
    return all[i];
}

void pair_data_close(pair_data *d)
{
    if (!d)
        return;
    for (int i = 0; i < 2 * SPLITS; i++) {
        side *a = &d->sides[i / 2][i % 2];
        text_lines_release(&a->text);
        id_buffer_release(&a->ids);
        free(a->start);
    }
    for (int i = 0; i < 6; i++)
        free(*batch_ids(&d->batch, i));
    free(d->batch.weights);
    for (int i = 0; i < SPLITS; i++)
        free(d->fit[i]);
    free(d->order);
    free(d->rows);
    bpe_close(d->bpe);
    vocabulary_release(&d->pieces);
    token_map_release(&d->map);
    free(d);
}

const char *pair_data_id(const pair_data *d)
{
    return d->id;
}

int32_t pair_data_vocabulary(const pair_data *d)
{
    return d->bpe ? bpe_count(d->bpe) : d->pieces.count;
}

int64_t pair_data_source_length(const pair_data *d)
{
    return d->length[0];
}

int64_t pair_data_target_length(const pair_data *d)
{
    return d->length[1];
}

bool pair_data_packed(const pair_data *d)
{
    return d->packed;
}

int64_t pair_data_count(const pair_data *d, data_split split)
{
    return d->count[split];
}

/* Room for `n` rows, all of it padding. */
static int32_t clear_batch(pair_data *d, int64_t n)
{
    pair_batch *b = &d->batch;
    for (int i = 0; i < (d->packed ? 6 : 2); i++) {
        size_t bytes = (size_t)(n * d->length[i % 2]) * sizeof(int32_t);
        int32_t **at = batch_ids(b, i);
        int32_t *larger = n > d->capacity ? realloc(*at, bytes) : *at;
        if (!larger)
            return no_memory();
        *at = larger;
        memset(larger, 0, bytes);
    }
    size_t bytes = (size_t)(n * d->length[1]) * sizeof *b->weights;
    float *weights = n > d->capacity ? realloc(b->weights, bytes) : b->weights;
    if (!weights)
        return no_memory();
    b->weights = weights;
    memset(weights, 0, bytes);
    d->capacity = n > d->capacity ? n : d->capacity;
    b->count = 0;
    return 0;
}

/* Places a pair in row `row` behind what is there; used[2] counts the row's tokens. */
static void place(pair_data *d, int split, int64_t pair, int64_t row, int32_t segment,
                  int64_t used[2])
{
    pair_batch *b = &d->batch;
    for (int s = 0; s < 2; s++) {
        const side *a = &d->sides[split][s];
        int64_t length = d->length[s], n = tokens(d, split, s, pair), at = row * length + used[s];
        memcpy(*batch_ids(b, s) + at, a->ids.data + a->start[pair], (size_t)n * sizeof(int32_t));
        for (int64_t i = 0; d->packed && i < n; i++) {
            (*batch_ids(b, 2 + s))[at + i] = (int32_t)i;
            (*batch_ids(b, 4 + s))[at + i] = segment;
        }
        for (int64_t i = 0; s && i < n; i++)
            b->weights[at + i] = 1;
        used[s] += n;
    }
}

static void relabel(pair_data *d, int64_t rows)
{
    token_map_apply(&d->map, d->batch.inputs, rows * d->length[0]);
    token_map_apply(&d->map, d->batch.targets, rows * d->length[1]);
}

/* Orders the next epoch and cuts it into rows: each takes pairs in order while both sides fit. */
static void begin_epoch(pair_data *d, uint64_t seed, int64_t epoch)
{
    int64_t n = d->count[SPLIT_TRAIN], used[2] = {0, 0};
    d->epoch_row = epoch ? d->epoch_row + d->row_count : 0;
    d->epoch = epoch;
    d->order_seed = seed;
    shuffle_permute(n, philox_make(philox_derive(seed, (uint64_t)epoch), STREAM_PAIRS), d->order);
    d->row_count = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t size[2];
        for (int s = 0; s < 2; s++)
            size[s] = tokens(d, SPLIT_TRAIN, s, d->fit[SPLIT_TRAIN][d->order[i]]);
        bool fits = d->packed && i && used[0] + size[0] <= d->length[0] &&
                    used[1] + size[1] <= d->length[1];
        if (!fits) {
            d->rows[d->row_count++] = i;
            used[0] = used[1] = 0;
        }
        used[0] += size[0];
        used[1] += size[1];
    }
    d->rows[d->row_count] = n;
}

/* Makes the epoch current that holds row `row` of the endless sequence. */
static void find_epoch(pair_data *d, uint64_t seed, int64_t row)
{
    if (d->epoch < 0 || d->order_seed != seed || row < d->epoch_row)
        begin_epoch(d, seed, 0);
    while (row >= d->epoch_row + d->row_count)
        begin_epoch(d, seed, d->epoch + 1);
}

int32_t pair_data_train(pair_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                        int64_t count, pair_batch *out)
{
    TRY(clear_batch(d, count));
    for (int64_t i = 0; i < count; i++) {
        int64_t row = step * batch + first + i, used[2] = {0, 0};
        find_epoch(d, seed, row);
        const int64_t *range = &d->rows[row - d->epoch_row];
        for (int64_t k = range[0]; k < range[1]; k++)
            place(d, SPLIT_TRAIN, d->fit[SPLIT_TRAIN][d->order[k]], i, (int32_t)(k - range[0]) + 1,
                  used);
    }
    relabel(d, count);
    d->batch.count = count;
    *out = d->batch;
    return 0;
}

int32_t pair_data_eval(pair_data *d, data_split split, int64_t start, int64_t batch,
                       pair_batch *out)
{
    TRY(clear_batch(d, batch));
    for (int64_t i = 0; i < batch && start + i < d->count[split]; i++) {
        int64_t used[2] = {0, 0};
        place(d, split, d->fit[split][start + i], i, 1, used);
        d->batch.count++;
    }
    relabel(d, batch);
    *out = d->batch;
    return 0;
}

int32_t pair_data_end(const pair_data *d)
{
    return (int32_t)d->end;
}

const char *pair_data_reference(const pair_data *d, data_split split, int64_t i)
{
    const text_lines *t = &d->sides[split][1].text;
    return t->line ? t->line[d->fit[split][i]] : NULL;
}

int32_t pair_data_decode(const pair_data *d, const int32_t *ids, int64_t count, text_buffer *out)
{
    int32_t rc = 0;
    int64_t n = 0;
    while (n < count && ids[n] != d->end)
        n++;
    int32_t *plain = malloc((size_t)(n ? n : 1) * sizeof *plain);
    if (!plain)
        return no_memory();
    if (n)
        memcpy(plain, ids, (size_t)n * sizeof *plain);
    token_map_undo(&d->map, plain, n);
    rc = d->bpe ? bpe_decode(d->bpe, plain, n, out) : pieces_decode(&d->pieces, plain, n, out);
    free(plain);
    return rc;
}
