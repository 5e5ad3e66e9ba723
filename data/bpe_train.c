/* Training: distinct words with their counts, pair counts kept up to date merge by merge. */
#include <stdlib.h>
#include <string.h>

#include "data/bpe_internal.h"
#include "data/vocabulary.h"

typedef struct word {
    int32_t *ids; /* into one block */
    int32_t length;
    int64_t times;
} word;

/* A pair of neighbours: how often, and in which words it was seen (some no longer have it). */
typedef struct pair {
    int32_t left, right;
    int64_t times;
    id_buffer words;
} pair;

typedef struct trainer {
    bpe *bpe;
    vocabulary texts;
    int64_t *times; /* [texts.capacity] */
    word *words;
    int32_t *block;
    pair *pairs;
    int32_t count, capacity;
    int32_t *slots; /* [slot_count] pair + 1 */
    size_t slot_count;
} trainer;

static int32_t no_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "cannot allocate the words of a text");
}

static int32_t count_word(trainer *t, const char *text, size_t n)
{
    int32_t id = vocabulary_find(&t->texts, text, n);
    if (id < 0) {
        int32_t before = t->texts.capacity;
        TRY(vocabulary_add(&t->texts, text, n));
        id = t->texts.count - 1;
        if (t->texts.capacity != before) {
            int64_t *times = realloc(t->times, (size_t)t->texts.capacity * sizeof *times);
            if (!times)
                return no_memory();
            t->times = times;
        }
        t->times[id] = 0;
    }
    t->times[id]++;
    return 0;
}

static int32_t make_words(trainer *t)
{
    t->words = malloc((size_t)(t->texts.count + 1) * sizeof *t->words);
    t->block = malloc((t->texts.bytes.length + 1) * sizeof *t->block);
    if (!t->words || !t->block)
        return no_memory();
    int32_t *at = t->block;
    for (int32_t i = 0; i < t->texts.count; i++) {
        size_t n;
        const char *text = vocabulary_text(&t->texts, i, &n);
        t->words[i] = (word){.ids = at, .length = (int32_t)n, .times = t->times[i]};
        for (size_t k = 0; k < n; k++)
            *at++ = BPE_SPECIALS + (uint8_t)text[k];
    }
    return 0;
}

static size_t slot_of(const trainer *t, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    size_t at = (h ^ h >> 32) & (t->slot_count - 1);
    while (t->slots[at]) {
        const pair *p = &t->pairs[t->slots[at] - 1];
        if (p->left == left && p->right == right)
            break;
        at = (at + 1) & (t->slot_count - 1);
    }
    return at;
}

static int32_t grow_pairs(trainer *t)
{
    int32_t capacity = t->capacity ? 2 * t->capacity : 4096;
    size_t slot_count = 4 * (size_t)capacity;
    pair *pairs = realloc(t->pairs, (size_t)capacity * sizeof *pairs);
    if (pairs)
        t->pairs = pairs;
    int32_t *slots = calloc(slot_count, sizeof *slots);
    if (!pairs || !slots) {
        free(slots);
        return no_memory();
    }
    free(t->slots);
    t->slots = slots;
    t->slot_count = slot_count;
    t->capacity = capacity;
    for (int32_t i = 0; i < t->count; i++)
        slots[slot_of(t, pairs[i].left, pairs[i].right)] = i + 1;
    return 0;
}

/* The pair occurs `times` more often (or less), in word w. */
static int32_t change(trainer *t, int32_t left, int32_t right, int64_t times, int32_t w)
{
    if (t->count == t->capacity)
        TRY(grow_pairs(t));
    size_t at = slot_of(t, left, right);
    if (!t->slots[at]) {
        t->pairs[t->count] = (pair){.left = left, .right = right};
        t->slots[at] = ++t->count;
    }
    pair *p = &t->pairs[t->slots[at] - 1];
    p->times += times;
    if (times > 0 && (!p->words.count || p->words.data[p->words.count - 1] != w))
        id_buffer_add(&p->words, w);
    return p->words.failed ? no_memory() : 0;
}

static int compare_bytes(const bpe *b, int32_t x, int32_t y)
{
    char one[1], other[1];
    size_t n, m;
    const char *a = bpe_bytes(b, x, one, &n), *c = bpe_bytes(b, y, other, &m);
    int order = memcmp(a, c, n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

/* Whether a is merged before b. */
static bool precedes(const bpe *b, const pair *p, const pair *q)
{
    if (p->times != q->times)
        return p->times > q->times;
    int order = compare_bytes(b, p->left, q->left);
    return (order ? order : compare_bytes(b, p->right, q->right)) < 0;
}

/* Replaces the pair in one word and corrects the counts of its neighbours. */
static int32_t merge_in_word(trainer *t, int32_t w, int32_t left, int32_t right, int32_t merged)
{
    word *x = &t->words[w];
    bool has = false;
    for (int32_t i = 0; i + 1 < x->length && !has; i++)
        has = x->ids[i] == left && x->ids[i + 1] == right;
    if (!has)
        return 0;
    for (int32_t i = 0; i + 1 < x->length; i++)
        TRY(change(t, x->ids[i], x->ids[i + 1], -x->times, w));
    int32_t out = 0;
    for (int32_t i = 0; i < x->length; out++) {
        bool both = i + 1 < x->length && x->ids[i] == left && x->ids[i + 1] == right;
        x->ids[out] = both ? merged : x->ids[i];
        i += both ? 2 : 1;
    }
    x->length = out;
    for (int32_t i = 0; i + 1 < x->length; i++)
        TRY(change(t, x->ids[i], x->ids[i + 1], x->times, w));
    return 0;
}

static int32_t learn(trainer *t, int32_t merges)
{
    for (int32_t w = 0; w < t->texts.count; w++)
        for (int32_t i = 0; i + 1 < t->words[w].length; i++)
            TRY(change(t, t->words[w].ids[i], t->words[w].ids[i + 1], t->words[w].times, w));
    for (int32_t m = 0; m < merges; m++) {
        int32_t best = -1;
        for (int32_t i = 0; i < t->count; i++)
            if (t->pairs[i].times > 1 &&
                (best < 0 || precedes(t->bpe, &t->pairs[i], &t->pairs[best])))
                best = i;
        if (best < 0)
            return 0;
        int32_t left = t->pairs[best].left, right = t->pairs[best].right;
        id_buffer words = t->pairs[best].words; /* taken: the pair is gone afterwards */
        t->pairs[best].words = (id_buffer){0};
        int32_t merged = bpe_count(t->bpe), rc = bpe_add(t->bpe, left, right);
        for (int64_t i = 0; i < words.count && rc == 0; i++)
            rc = merge_in_word(t, words.data[i], left, right, merged);
        id_buffer_release(&words);
        TRY(rc);
    }
    return 0;
}

int32_t bpe_train(bpe **out, const char *const *lines, int64_t count, int32_t merges)
{
    trainer t = {0};
    int32_t rc = 0;
    *out = NULL;
    if (merges < 0 || merges > BPE_MAX_MERGES)
        return podium_fail(PODIUM_EINVAL, "%d merges, expected 0 to %d", merges, BPE_MAX_MERGES);
    for (int64_t i = 0; i < count && rc == 0; i++)
        for (size_t at = 0, length = strlen(lines[i]); at < length && rc == 0;) {
            size_t n = bpe_word(lines[i] + at, length - at);
            rc = count_word(&t, lines[i] + at, n);
            at += n;
        }
    if (rc == 0)
        rc = bpe_create(&t.bpe, merges);
    if (rc == 0)
        rc = make_words(&t);
    if (rc == 0)
        rc = learn(&t, merges);
    for (int32_t i = 0; i < t.count; i++)
        id_buffer_release(&t.pairs[i].words);
    vocabulary_release(&t.texts);
    free(t.times);
    free(t.words);
    free(t.block);
    free(t.pairs);
    free(t.slots);
    if (rc < 0)
        bpe_close(t.bpe);
    else
        *out = t.bpe;
    return rc;
}
