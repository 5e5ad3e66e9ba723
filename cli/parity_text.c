/* bleu-case/1 and wordpiece-case/1. */
#include "cli/parity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "data/bleu.h"
#include "data/wordpiece.h"

/* --- BLEU ------------------------------------------------------------------------------------- */

typedef struct bleu_check {
    const char *path;
    const json_t *cases;
    double worst;       /* absolute difference of a score */
    int64_t compared;   /* numbers */
    int64_t mismatches; /* counts and token strings that differ */
} bleu_check;

static void compare_number(bleu_check *k, const char *where, const char *key, double got,
                           double want)
{
    double e = fabs(got - want);
    if (isnan(e) || e > 1e-9)
        printf("  %s: %s is %.17g, expected %.17g\n", where, key, got, want);
    k->worst = e > k->worst || isnan(e) ? e : k->worst;
    k->compared++;
}

static int32_t read_and_compare(bleu_check *k, const json_t *want, const char *where,
                                const char *key, double got)
{
    double x;
    TRY(json_read_number(want, where, key, &x));
    compare_number(k, where, key, got, x);
    return 0;
}

/* `exact`: counts, which must be equal. */
static int32_t compare_list(bleu_check *k, const json_t *want, const char *where, const char *key,
                            const double *got, bool exact)
{
    json_t *list;
    TRY(json_read_array(want, where, key, &list));
    if (json_array_size(list) != BLEU_ORDER)
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected %d numbers", where, key,
                           BLEU_ORDER);
    for (size_t n = 0; n < BLEU_ORDER; n++) {
        double x;
        if (!json_number_of(json_array_get(list, n), &x))
            return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected numbers", where, key);
        k->mismatches += exact && x != got[n];
        compare_number(k, where, key, got[n], x);
    }
    return 0;
}

static int32_t compare_score(bleu_check *k, const json_t *want, const char *where,
                             const bleu_counts *c, bleu_smoothing smoothing, double amount)
{
    bleu_score s = bleu_compute(c, smoothing, amount, false);
    TRY(read_and_compare(k, want, where, "score", s.score));
    TRY(compare_list(k, want, where, "precisions", s.precisions, false));
    TRY(compare_list(k, want, where, "counts", s.matches, true));
    TRY(compare_list(k, want, where, "totals", s.totals, true));
    TRY(read_and_compare(k, want, where, "bp", s.brevity_penalty));
    TRY(read_and_compare(k, want, where, "sys_len", (double)c->hypothesis_length));
    return read_and_compare(k, want, where, "ref_len", (double)c->reference_length);
}

/* A text of a JSON object; zero bytes may be inside. */
static int32_t read_bytes(const json_t *object, const char *place, const char *key,
                          const char **text, size_t *length)
{
    TRY(json_read_text(object, place, key, text));
    *length = json_string_length(json_object_get(object, key));
    return 0;
}

/* Adds the first `lines` cases. */
static int32_t add_lines(const bleu_check *k, int64_t lines, bool lower_case, bleu_counts *out)
{
    *out = (bleu_counts){0};
    for (int64_t i = 0; i < lines; i++) {
        const json_t *line = json_array_get(k->cases, (size_t)i);
        const char *h, *r;
        size_t nh, nr;
        TRY(read_bytes(line, k->path, "hypothesis", &h, &nh));
        TRY(read_bytes(line, k->path, "reference", &r, &nr));
        TRY(bleu_add(out, h, nh, r, nr, lower_case));
    }
    return 0;
}

static int32_t compare_tokens(bleu_check *k, const json_t *line, const char *where,
                              const char *source, const char *key)
{
    const char *text, *want;
    size_t length, expected;
    text_buffer got = {0};
    if (!json_object_get(line, key))
        return 0;
    TRY(read_bytes(line, where, source, &text, &length));
    TRY(read_bytes(line, where, key, &want, &expected));
    int32_t rc = bleu_tokenize(&got, text, length, false);
    if (rc == 0 && (got.length != expected || (expected && memcmp(got.data, want, expected)))) {
        printf("  %s: %s is '%s', expected '%s'\n", where, key, got.data ? got.data : "", want);
        k->mismatches++;
    }
    text_release(&got);
    return rc;
}

static int32_t compare_line(bleu_check *k, const json_t *line, const char *where)
{
    const char *h, *r;
    size_t nh, nr;
    bleu_counts c = {0};
    TRY(read_bytes(line, where, "hypothesis", &h, &nh));
    TRY(read_bytes(line, where, "reference", &r, &nr));
    TRY(bleu_add(&c, h, nh, r, nr, false));
    bleu_score sentence = bleu_compute(&c, BLEU_EXPONENTIAL, 0, true);
    bleu_score corpus = bleu_compute(&c, BLEU_EXPONENTIAL, 0, false);
    TRY(read_and_compare(k, line, where, "sentence_bleu", sentence.score));
    TRY(read_and_compare(k, line, where, "corpus_bleu_of_this_line", corpus.score));
    TRY(compare_list(k, line, where, "counts", corpus.matches, true));
    TRY(compare_list(k, line, where, "totals", corpus.totals, true));
    TRY(read_and_compare(k, line, where, "sys_len", (double)c.hypothesis_length));
    TRY(read_and_compare(k, line, where, "ref_len", (double)c.reference_length));
    TRY(read_and_compare(k, line, where, "bp", corpus.brevity_penalty));
    TRY(compare_tokens(k, line, where, "hypothesis", "hypothesis_13a"));
    return compare_tokens(k, line, where, "reference", "reference_13a");
}

static int32_t compare_prefixes(bleu_check *k, const json_t *json)
{
    json_t *prefixes;
    if (!json_object_get(json, "corpus_prefixes"))
        return 0;
    TRY(json_read_array(json, k->path, "corpus_prefixes", &prefixes));
    for (size_t i = 0; i < json_array_size(prefixes); i++) {
        const json_t *want = json_array_get(prefixes, i);
        int64_t lines, all = (int64_t)json_array_size(k->cases);
        bleu_counts c;
        char where[64];
        TRY(json_read_integer(want, k->path, "lines", 0, all, &lines));
        snprintf(where, sizeof where, "first %lld lines", (long long)lines);
        TRY(add_lines(k, lines, false, &c));
        TRY(compare_score(k, want, where, &c, BLEU_EXPONENTIAL, 0));
    }
    return 0;
}

static int32_t compare_corpora(bleu_check *k, const json_t *json)
{
    static const struct {
        const char *key;
        bool lower_case;
        bleu_smoothing smoothing;
        double amount;
    } forms[] = {
        {"corpus", false, BLEU_EXPONENTIAL, 0},
        {"corpus_lowercase", true, BLEU_EXPONENTIAL, 0},
        {"corpus_no_smoothing", false, BLEU_NO_SMOOTHING, 0},
        {"corpus_floor", false, BLEU_FLOOR, BLEU_FLOOR_DEFAULT},
        {"corpus_add_k", false, BLEU_ADD_K, BLEU_ADD_K_DEFAULT},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const json_t *want = json_object_get(json, forms[i].key);
        bleu_counts c;
        if (!want && i) /* only the plain corpus is in every file */
            continue;
        TRY(add_lines(k, (int64_t)json_array_size(k->cases), forms[i].lower_case, &c));
        TRY(compare_score(k, want, forms[i].key, &c, forms[i].smoothing, forms[i].amount));
    }
    return compare_prefixes(k, json);
}

static int32_t run_bleu(const json_t *json, const char *path, double tolerance, bool *passed)
{
    bleu_check k = {.path = path};
    json_t *cases;
    if (isnan(tolerance))
        TRY(json_read_number(json, path, "tolerance", &tolerance));
    TRY(json_read_array(json, path, "cases", &cases));
    k.cases = cases;
    printf("%s\n", path);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        char where[64];
        snprintf(where, sizeof where, "line %zu", i + 1);
        int32_t rc = compare_line(&k, json_array_get(cases, i), where);
        if (rc < 0)
            return podium_fail_in(rc, "%s", path);
    }
    int32_t rc = compare_corpora(&k, json);
    if (rc < 0)
        return podium_fail_in(rc, "%s", path);
    *passed = k.worst <= tolerance && k.mismatches == 0;
    printf("%s %s: %lld numbers, max error %.3e, %lld counts or tokens differ, tolerance %.1e\n",
           *passed ? "PASS" : "FAIL", path, (long long)k.compared, k.worst, (long long)k.mismatches,
           tolerance);
    return 0;
}

/* --- WordPiece -------------------------------------------------------------------------------- */

static void print_ids(const char *what, const int32_t *ids, int64_t count)
{
    printf("    %s", what);
    for (int64_t i = 0; i < count; i++)
        printf(" %d", ids[i]);
    printf("\n");
}

static int32_t read_ids(const json_t *list, const char *path, id_buffer *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        if (!json_is_integer(x))
            return podium_fail(PODIUM_EINVAL, "%s: field 'ids': expected integers", path);
        id_buffer_add(out, (int32_t)json_integer_value(x));
    }
    return out->failed ? podium_fail(PODIUM_ENOMEM, "no memory for ids") : 0;
}

/* One text: *equal says whether its ids are the expected ones. */
static int32_t compare_text(const wordpiece *w, const json_t *item, const char *path, bool *equal)
{
    const char *text;
    size_t length;
    json_t *list;
    id_buffer want = {0}, got = {0};
    TRY(read_bytes(item, path, "text", &text, &length));
    TRY(json_read_array(item, path, "ids", &list));
    int32_t rc = read_ids(list, path, &want);
    id_buffer_add(&got, wordpiece_special_ids(w).cls);
    if (rc == 0)
        rc = wordpiece_encode(w, text, length, &got);
    id_buffer_add(&got, wordpiece_special_ids(w).sep);
    if (rc == 0 && got.failed)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for ids");
    *equal = rc == 0 && got.count == want.count &&
             !memcmp(got.data, want.data, (size_t)got.count * sizeof *got.data);
    if (rc == 0 && !*equal) {
        printf("  '%s'\n", text);
        print_ids("got     ", got.data, got.count);
        print_ids("expected", want.data, want.count);
    }
    id_buffer_release(&want);
    id_buffer_release(&got);
    return rc;
}

/* The case names the vocabulary by its sum and its special ids. */
static int32_t check_vocabulary(const wordpiece *w, const json_t *json, const char *path,
                                const char *weights)
{
    const char *want;
    char got[SHA256_HEX];
    TRY(json_read_text(json, path, "vocab_sha256", &want));
    wordpiece_sha256(w, got);
    return strcmp(got, want)
               ? podium_fail(PODIUM_EINVAL, "the vocabulary in '%s' has sha256 %s, expected %s",
                             weights, got, want)
               : 0;
}

static int32_t run_wordpiece(const json_t *json, const char *path, const char *weights,
                             bool *passed)
{
    wordpiece *w;
    json_t *cases;
    int64_t wrong = 0;
    if (!weights)
        return podium_fail(PODIUM_EINVAL,
                           "%s needs the published tokenizer.json or vocab.txt: give its folder "
                           "with --weights or PODIUM_WEIGHTS",
                           path);
    TRY(json_read_array(json, path, "cases", &cases));
    TRY(wordpiece_open(&w, weights));
    int32_t rc = check_vocabulary(w, json, path, weights);
    if (rc == 0)
        printf("%s\n", path);
    for (size_t i = 0; i < json_array_size(cases) && rc == 0; i++) {
        bool equal = false;
        rc = compare_text(w, json_array_get(cases, i), path, &equal);
        wrong += !equal;
    }
    wordpiece_close(w);
    if (rc < 0)
        return rc;
    *passed = wrong == 0;
    printf("%s %s: %zu texts, %lld with other ids\n", *passed ? "PASS" : "FAIL", path,
           json_array_size(cases), (long long)wrong);
    return 0;
}

static int32_t load(const char *path, json_t **out)
{
    json_error_t error; /* texts may hold zero bytes, which base/json.h refuses */
    *out = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    return *out ? 0 : podium_fail(PODIUM_EINVAL, "%s:%d: %s", path, error.line, error.text);
}

int32_t parity_run_bleu(const char *path, backend *b, const parity_options *o, bool *passed)
{
    json_t *json;
    (void)b;
    TRY(load(path, &json));
    int32_t rc = run_bleu(json, path, o->tolerance, passed);
    json_decref(json);
    return rc;
}

int32_t parity_run_wordpiece(const char *path, backend *b, const parity_options *o, bool *passed)
{
    json_t *json;
    (void)b;
    TRY(load(path, &json));
    int32_t rc = run_wordpiece(json, path, o->weights, passed);
    json_decref(json);
    return rc;
}
