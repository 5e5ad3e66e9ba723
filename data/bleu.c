/* 13a tokens, n-gram counts, scores. */
#include "data/bleu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/unicode.h"

/* --- 13a -------------------------------------------------------------------------------------- */

static bool matches_at(const code_points *s, size_t at, const char *what)
{
    size_t n = strlen(what);
    if (s->count - at < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s->data[at + i] != (uint8_t)what[i])
            return false;
    return true;
}

/* Replaces every `from` (ASCII), left to right; `to` 0: deletes. */
static void replace_all(code_points *s, const char *from, uint32_t to)
{
    size_t out = 0, n = strlen(from);
    for (size_t at = 0; at < s->count;) {
        if (!matches_at(s, at, from)) {
            s->data[out++] = s->data[at++];
            continue;
        }
        if (to)
            s->data[out++] = to;
        at += n;
    }
    s->count = out;
}

static void decode_entities(code_points *s)
{
    replace_all(s, "&quot;", '"');
    replace_all(s, "&amp;", '&');
    replace_all(s, "&lt;", '<');
    replace_all(s, "&gt;", '>');
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_mark(uint32_t c)
{
    return c == '.' || c == ',';
}

/* Characters that always stand alone. */
static bool stands_alone(uint32_t c)
{
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
           (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

/* One of the four replacements of 13a: a single character (rule 0) or a pair. */
static void split_pass(code_points *out, const code_points *in, int rule)
{
    for (size_t i = 0; i < in->count; i++) {
        uint32_t a = in->data[i];
        bool pair = false;
        if (rule > 0 && i + 1 < in->count) {
            uint32_t b = in->data[i + 1];
            pair = rule == 1   ? !is_digit(a) && is_mark(b)
                   : rule == 2 ? is_mark(a) && !is_digit(b)
                               : is_digit(a) && b == '-';
        }
        bool alone = rule == 0 && stands_alone(a);
        if (alone || (pair && rule == 2))
            code_points_add(out, ' ');
        code_points_add(out, a);
        if (alone || pair)
            code_points_add(out, ' ');
        if (pair) {
            code_points_add(out, in->data[++i]);
            if (rule != 2)
                code_points_add(out, ' ');
        }
    }
}

/* The text with spaces where 13a cuts, in `io`; `spare` is scratch. */
static int32_t cut_13a(code_points *io, code_points *spare, const char *text, size_t length,
                       bool lower_case)
{
    io->count = 0;
    code_points_add(io, ' ');
    code_points_decode(io, text, length);
    if (io->failed)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the tokens of %zu bytes", length);
    if (lower_case)
        TRY(code_points_lower(io));
    while (io->count > 1 && unicode_is_split_space(io->data[io->count - 1]))
        io->count--;
    replace_all(io, "<skipped>", 0);
    replace_all(io, "-\n", 0);
    replace_all(io, "\n", ' ');
    decode_entities(io);
    code_points_add(io, ' ');
    for (int rule = 0; rule < 4; rule++) {
        spare->count = 0;
        split_pass(spare, io, rule);
        code_points t = *io;
        *io = *spare;
        *spare = t;
    }
    return io->failed || spare->failed
               ? podium_fail(PODIUM_ENOMEM, "cannot allocate the tokens of %zu bytes", length)
               : 0;
}

int32_t bleu_tokenize(text_buffer *out, const char *text, size_t length, bool lower_case)
{
    code_points cut = {0}, spare = {0};
    int32_t rc = cut_13a(&cut, &spare, text, length, lower_case);
    bool first = true, inside = false;
    for (size_t i = 0; rc == 0 && i < cut.count; i++) {
        bool space = unicode_is_split_space(cut.data[i]);
        if (!space && !inside && !first)
            text_append(out, " ", 1);
        if (!space) {
            utf8_append(out, cut.data[i]);
            first = false;
        }
        inside = !space;
    }
    code_points_release(&cut);
    code_points_release(&spare);
    if (rc == 0 && out->failed)
        rc = podium_fail(PODIUM_ENOMEM, "cannot allocate the tokens of %zu bytes", length);
    return rc;
}

/* --- n-grams ---------------------------------------------------------------------------------- */

typedef struct token {
    const char *text;
    size_t length;
    int32_t *id; /* where its number goes */
} token;

typedef struct n_gram {
    int32_t id[BLEU_ORDER]; /* the rest 0 */
} n_gram;

static int compare_tokens(const void *pa, const void *pb)
{
    const token *a = pa, *b = pb;
    int c = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
    return c ? c : (a->length > b->length) - (a->length < b->length);
}

static int compare_n_grams(const void *pa, const void *pb)
{
    const n_gram *a = pa, *b = pb;
    for (int i = 0; i < BLEU_ORDER; i++)
        if (a->id[i] != b->id[i])
            return a->id[i] < b->id[i] ? -1 : 1;
    return 0;
}

static size_t count_tokens(const text_buffer *s)
{
    size_t n = s->length > 0;
    for (size_t i = 0; i < s->length; i++)
        n += s->data[i] == ' ';
    return n;
}

static void list_tokens(const text_buffer *s, token *out, int32_t *ids)
{
    for (size_t start = 0, n = 0; start < s->length; n++) {
        const char *end = memchr(s->data + start, ' ', s->length - start);
        size_t stop = end ? (size_t)(end - s->data) : s->length;
        out[n] = (token){.text = s->data + start, .length = stop - start, .id = &ids[n]};
        start = stop + 1;
    }
}

/* The n-grams of `count` ids, sorted; returns how many. */
static int64_t list_n_grams(const int32_t *ids, size_t count, int n, n_gram *out)
{
    int64_t total = (int64_t)count - n + 1;
    for (int64_t i = 0; i < total; i++) {
        out[i] = (n_gram){0};
        memcpy(out[i].id, ids + i, (size_t)n * sizeof *ids);
    }
    if (total > 0)
        qsort(out, (size_t)total, sizeof *out, compare_n_grams);
    return total > 0 ? total : 0;
}

/* Size of the intersection of two sorted multisets: each n-gram counts min(here, there) times. */
static int64_t common(const n_gram *a, int64_t na, const n_gram *b, int64_t nb)
{
    int64_t both = 0;
    for (int64_t i = 0, j = 0; i < na && j < nb;) {
        int c = compare_n_grams(&a[i], &b[j]);
        both += c == 0;
        i += c <= 0;
        j += c >= 0;
    }
    return both;
}

static void count_matches(bleu_counts *io, token *tokens, int32_t *ids, n_gram *grams, size_t nh,
                          size_t nr)
{
    qsort(tokens, nh + nr, sizeof *tokens, compare_tokens);
    for (size_t i = 0; i < nh + nr; i++) {
        bool same = i && compare_tokens(&tokens[i - 1], &tokens[i]) == 0;
        *tokens[i].id = same ? *tokens[i - 1].id : (int32_t)i + 1;
    }
    for (int n = 1; n <= BLEU_ORDER; n++) {
        int64_t a = list_n_grams(ids, nh, n, grams);
        int64_t b = list_n_grams(ids + nh, nr, n, grams + nh);
        io->matches[n - 1] += common(grams, a, grams + nh, b);
        io->totals[n - 1] += a;
    }
    io->hypothesis_length += (int64_t)nh;
    io->reference_length += (int64_t)nr;
}

int32_t bleu_add(bleu_counts *io, const char *hypothesis, size_t hypothesis_bytes,
                 const char *reference, size_t reference_bytes, bool lower_case)
{
    text_buffer h = {0}, r = {0};
    int32_t rc = bleu_tokenize(&h, hypothesis, hypothesis_bytes, lower_case);
    if (rc == 0)
        rc = bleu_tokenize(&r, reference, reference_bytes, lower_case);
    size_t nh = count_tokens(&h), nr = count_tokens(&r), n = nh + nr;
    if (rc == 0 && n) {
        token *tokens = malloc(n * sizeof *tokens);
        int32_t *ids = malloc(n * sizeof *ids);
        n_gram *grams = malloc(n * sizeof *grams);
        if (tokens && ids && grams) {
            list_tokens(&h, tokens, ids);
            list_tokens(&r, tokens + nh, ids + nh);
            count_matches(io, tokens, ids, grams, nh, nr);
        } else {
            rc = podium_fail(PODIUM_ENOMEM, "cannot allocate %zu tokens", n);
        }
        free(tokens);
        free(ids);
        free(grams);
    }
    text_release(&h);
    text_release(&r);
    return rc;
}

void bleu_merge(bleu_counts *io, const bleu_counts *more)
{
    for (int n = 0; n < BLEU_ORDER; n++) {
        io->matches[n] += more->matches[n];
        io->totals[n] += more->totals[n];
    }
    io->hypothesis_length += more->hypothesis_length;
    io->reference_length += more->reference_length;
}

/* --- scores ----------------------------------------------------------------------------------- */

static double brevity_penalty(const bleu_counts *c)
{
    if (c->hypothesis_length >= c->reference_length)
        return 1;
    if (c->hypothesis_length == 0)
        return 0;
    return exp(1 - (double)c->reference_length / (double)c->hypothesis_length);
}

bleu_score bleu_compute(const bleu_counts *c, bleu_smoothing smoothing, double value,
                        bool effective_order)
{
    bleu_score s = {.brevity_penalty = brevity_penalty(c)};
    bool any = false;
    for (int n = 0; n < BLEU_ORDER; n++) {
        s.matches[n] = (double)c->matches[n];
        s.totals[n] = (double)c->totals[n];
        any = any || c->matches[n] > 0;
    }
    if (!any)
        return s;
    int order = BLEU_ORDER;
    double doubling = 1; /* of the exponential smoothing */
    for (int n = 0; n < BLEU_ORDER; n++) {
        if (smoothing == BLEU_ADD_K && n > 0) {
            s.matches[n] += value;
            s.totals[n] += value;
        }
        if (s.totals[n] == 0)
            break;
        if (effective_order)
            order = n + 1;
        if (s.matches[n] > 0)
            s.precisions[n] = 100 * s.matches[n] / s.totals[n];
        else if (smoothing == BLEU_EXPONENTIAL)
            s.precisions[n] = 100 / ((doubling *= 2) * s.totals[n]);
        else if (smoothing == BLEU_FLOOR)
            s.precisions[n] = 100 * value / s.totals[n];
    }
    double sum = 0;
    for (int n = 0; n < order; n++)
        sum += s.precisions[n] > 0 ? log(s.precisions[n]) : -INFINITY;
    s.score = s.brevity_penalty * exp(sum / order);
    return s;
}

int32_t bleu_corpus(const char *const *hypotheses, const char *const *references, int64_t lines,
                    double *score)
{
    bleu_counts c = {0};
    for (int64_t i = 0; i < lines; i++)
        TRY(bleu_add(&c, hypotheses[i], strlen(hypotheses[i]), references[i], strlen(references[i]),
                     false));
    *score = bleu_compute(&c, BLEU_EXPONENTIAL, 0, false).score;
    return 0;
}
