/* WordPiece on a small vocabulary: normalising, splitting, matching, both readers, damaged files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/wordpiece.h"
#include "tap.h"

static const char VOCAB[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
                            "un\n##aff\n##able\nun##\na\n##b\n,\n!\n\xE4\xB8\xAD\n\xCF\x83\nna\n"
                            "##ive\n$\n\xC2\xBF\n";
enum { UN = 5, AFF, ABLE, UNHASH, A, B, COMMA, BANG, ZHONG, SIGMA, NA, IVE, DOLLAR, QUESTION };

/* Writes "1 2 3" of the ids of `text` into `out`. */
static void encode(const wordpiece *w, const char *text, size_t length, char *out, size_t size)
{
    id_buffer ids = {0};
    size_t used = 0;
    out[0] = '\0';
    if (wordpiece_encode(w, text, length, &ids) == 0)
        for (int64_t i = 0; i < ids.count && used < size; i++)
            used += (size_t)snprintf(out + used, size - used, "%s%d", i ? " " : "", ids.data[i]);
    id_buffer_release(&ids);
}

static void is_ids(const wordpiece *w, const char *text, size_t length, const char *want,
                   const char *what)
{
    char got[512];
    encode(w, text, length, got, sizeof got);
    is_text(got, want, "%s", what);
}
#define IS_IDS(w, text, want, what) is_ids(w, text, sizeof(text) - 1, want, what)

static void test_encoding(const wordpiece *w)
{
    IS_IDS(w, "", "", "an empty text has no tokens");
    IS_IDS(w, "unaffable", "5 6 7", "the longest pieces from the left");
    IS_IDS(w, "UNaffABLE", "5 6 7", "in any case");
    IS_IDS(w, "unaffx a", "1 9", "a word with an unknown part is unknown as a whole");
    IS_IDS(w, "a,a!$", "9 11 9 12 17", "punctuation stands alone, ASCII symbols too");
    IS_IDS(w,
           "\xC2\xBF"
           "a",
           "18 9", "and other scripts' punctuation");
    IS_IDS(w, "na\xC3\xAFve", "15 16", "accents are dropped");
    IS_IDS(w, "nai\xCC\x88ve", "15 16", "combining ones too");
    IS_IDS(w,
           "a\xE4\xB8\xAD"
           "a",
           "9 13 9", "ideographs stand alone");
    IS_IDS(w, "\xCE\xA3", "14", "capital sigma has one lower case, wherever it stands");
    IS_IDS(w, "a\0b\x01\xC2\xAD\xEF\xBF\xBD!", "9 10 12", "control and format characters vanish");
    IS_IDS(w, "a\tb\n\xE2\x80\x83,", "9 1 11", "all white space cuts");
    IS_IDS(w, "[SEP]a[CLS][sep]", "3 9 2 1 1 1", "specials in the text, in capitals only");
    IS_IDS(w, "un##", "5 1 1", "## in a text is no continuation");
    char word[101 + 1];
    memset(word, 'a', sizeof word);
    for (int i = 1; i < 101; i++)
        word[i] = 'b';
    is_ids(w, word, 101, "1", "101 characters are too many");
    char got[512];
    encode(w, word, 100, got, sizeof got);
    ok(strncmp(got, "9 10 10", 7) == 0, "100 are not");
}

static void test_pairs(const wordpiece *w)
{
    static const int32_t want[] = {2, 9, 9, 3, 12, 3}, want_types[] = {0, 0, 0, 0, 1, 1};
    id_buffer ids = {0}, types = {0};
    ok(wordpiece_encode_pair(w, "a a a a", "!", 6, &ids, &types) == 0 && ids.count == 6 &&
           !memcmp(ids.data, want, sizeof want),
       "a pair is cut at the end of its longer part");
    ok(types.count == 6 && !memcmp(types.data, want_types, sizeof want_types),
       "the second part has type 1");
    ids.count = 0;
    ok(wordpiece_encode_pair(w, "a", NULL, 0, &ids, NULL) == 0 && ids.count == 3,
       "one part without limit");
    ok(wordpiece_encode_pair(w, "a", NULL, 2, &ids, NULL) == PODIUM_EINVAL, "no room");
    id_buffer_release(&ids);
    id_buffer_release(&types);
}

/* tokenizer.json with `model`'s and `normalizer`'s extra fields. */
static char *make_json(const char *type, const char *normalizer, const char *added, int last)
{
    text_buffer b = {0};
    text_print(&b,
               "{\"added_tokens\":[%s],\"normalizer\":{\"type\":\"BertNormalizer\"%s},"
               "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"model\":{\"type\":\"%s\","
               "\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
               "\"max_input_chars_per_word\":100,\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,"
               "\"[SEP]\":3,\"[MASK]\":4,\"A\":5,\"##\xC3\xA9\":%d}}}",
               added, normalizer, type, last);
    return b.data;
}

static void test_json(void)
{
    wordpiece *w = NULL;
    char *text = make_json("WordPiece", ",\"lowercase\":false",
                           "{\"id\":4,\"content\":\"[MASK]\",\"single_word\":false}", 6);
    ok(wordpiece_from_json(&w, text, strlen(text), "x") == 0, "tokenizer.json is read");
    free(text);
    IS_IDS(w, "A\xC3\xA9 a [MASK] [SEP]", "5 6 1 4 1 1 1",
           "case and accents stay, added tokens are those listed");
    wordpiece_close(w);
    static const struct {
        const char *type, *normalizer, *added, *message;
        int last;
    } bad[] = {
        {"BPE", "", "", "expected 'WordPiece'", 6},
        {"WordPiece", ",\"lowercase\":3", "", "lowercase", 6},
        {"WordPiece", "", "{\"id\":3,\"content\":\"[MASK]\"}", "is not token 3", 6},
        {"WordPiece", "", "{\"id\":4,\"content\":\"[MASK]\",\"lstrip\":true}", "lstrip", 6},
        {"WordPiece", "", "", "none of 0 to 6", 7},
        {"WordPiece", "", "", "taken", 5},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text = make_json(bad[i].type, bad[i].normalizer, bad[i].added, bad[i].last);
        ok(wordpiece_from_json(&w, text, strlen(text), "x") == PODIUM_EINVAL && !w &&
               strstr(podium_error(), bad[i].message),
           "refused: %s", podium_error());
        free(text);
    }
}

int main(void)
{
    wordpiece *w = NULL;
    char sum[SHA256_HEX], want[SHA256_HEX];
    ok(wordpiece_from_vocab(&w, VOCAB, sizeof VOCAB - 1, true, "vocab") == 0, "vocab.txt is read");
    ok(wordpiece_count(w) == 19 && wordpiece_special_ids(w).mask == 4, "a token a line");
    wordpiece_sha256(w, sum);
    sha256_of(VOCAB, sizeof VOCAB - 1, want);
    is_text(sum, want, "and has the file's sum");
    test_encoding(w);
    test_pairs(w);
    wordpiece_close(w);
    test_json();
    ok(wordpiece_from_vocab(&w, "[PAD]\na\n", 8, true, "v") == PODIUM_EINVAL &&
           strstr(podium_error(), "'[UNK]'"),
       "refused: %s", podium_error());
    ok(wordpiece_from_vocab(&w, "a\nb\na\n", 6, true, "v") == PODIUM_EINVAL &&
           strstr(podium_error(), "v:3: token 'a'"),
       "refused: %s", podium_error());
    ok(wordpiece_open(&w, "/nonexistent") == PODIUM_EIO, "refused: %s", podium_error());
    return tap_done();
}
