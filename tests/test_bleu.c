/* BLEU: 13a tokens, statistics, scores worked out by hand; the golden cases run in parity.t. */
#include <math.h>
#include <string.h>

#include "data/bleu.h"
#include "tap.h"

static void is_tokens(const char *text, bool lower, const char *want)
{
    text_buffer b = {0};
    bool good = bleu_tokenize(&b, text, strlen(text), lower) == 0;
    is_text(good && b.data ? b.data : "", want, "13a%s of '%s'", lower ? ", lower case," : "",
            text);
    text_release(&b);
}

static void add(bleu_counts *c, const char *h, const char *r)
{
    ok(bleu_add(c, h, strlen(h), r, strlen(r), false) == 0, "'%s' against '%s'", h, r);
}

static void test_tokens(void)
{
    is_tokens("", false, "");
    is_tokens("Hello, world.", false, "Hello , world .");
    is_tokens("3.5 million, 1,000 and .5", false, "3.5 million , 1,000 and . 5");
    is_tokens("end. .,x", false, "end . . , x");
    is_tokens("2-3 well-known -4", false, "2 - 3 well-known -4");
    is_tokens("it's (a) [b] {c}~", false, "it's ( a ) [ b ] { c } ~");
    is_tokens("a&amp;lt;b &quot;c&quot;", false, "a < b \" c \"");
    is_tokens("x<skipped>y com-\npound\nline", false, "xy compound line");
    is_tokens("\xE2\x80\x9Equoted\xE2\x80\x9C\xE3\x80\x80wide\xC2\xA0space", false,
              "\xE2\x80\x9Equoted\xE2\x80\x9C wide space");
    is_tokens("a\x1C"
              "b \n",
              false, "a b");
    is_tokens("\xCE\x91\xCE\xA3 \xC3\x84\xE1\xBA\x9E", true, "\xCE\xB1\xCF\x82 \xC3\xA4\xC3\x9F");
    is_tokens("a\xFF\xC3", false, "a\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void test_counts(void)
{
    bleu_counts c = {0};
    add(&c, "the the the the", "the cat is on the mat");
    ok(c.matches[0] == 2 && c.totals[0] == 4, "a word counts as often as in the reference");
    ok(c.matches[1] == 0 && c.totals[1] == 3 && c.totals[3] == 1, "and no pair is there");
    ok(c.hypothesis_length == 4 && c.reference_length == 6, "lengths are tokens");
    bleu_counts d = {0}, sum = {0};
    add(&d, "a b c d e", "a b c d x");
    ok(d.matches[0] == 4 && d.matches[1] == 3 && d.matches[2] == 2 && d.matches[3] == 1,
       "shared n-grams");
    bleu_merge(&sum, &c);
    bleu_merge(&sum, &d);
    ok(sum.matches[0] == 6 && sum.totals[1] == 7 && sum.reference_length == 11,
       "a corpus is the sum of its lines");
}

static void test_scores(void)
{
    bleu_counts c = {0}, none = {0}, few = {0};
    add(&c, "a b c d e", "a b c d x");
    double p = log(100 * 4 / 5.0) + log(100 * 3 / 4.0) + log(100 * 2 / 3.0) + log(50.0);
    close_to(bleu_compute(&c, BLEU_NO_SMOOTHING, 0, false).score, exp(p / 4), 1e-12,
             "the geometric mean of the precisions");
    add(&few, "a b", "a b c");
    ok(bleu_compute(&few, BLEU_EXPONENTIAL, 0, false).score == 0, "no four words: 0");
    close_to(bleu_compute(&few, BLEU_EXPONENTIAL, 0, true).score, 100 * exp(1 - 1.5), 1e-12,
             "with effective order the brevity penalty alone");
    add(&none, "the the the the", "the cat is on the mat");
    double penalty = exp(1 - 6 / 4.0), first = log(50.0);
    close_to(bleu_compute(&none, BLEU_EXPONENTIAL, 0, false).score,
             penalty * exp((first + log(100 / 6.0) + log(100 / 8.0) + log(100 / 8.0)) / 4), 1e-12,
             "exponential smoothing halves at every empty order");
    close_to(bleu_compute(&none, BLEU_FLOOR, 0.1, false).score,
             penalty * exp((first + log(10 / 3.0) + log(10 / 2.0) + log(10.0)) / 4), 1e-12,
             "a floor of a tenth of an n-gram");
    close_to(bleu_compute(&none, BLEU_ADD_K, 1, false).score,
             penalty * exp((first + log(25.0) + log(100 / 3.0) + log(50.0)) / 4), 1e-12,
             "one more of each n-gram from pairs on");
    ok(bleu_compute(&none, BLEU_NO_SMOOTHING, 0, true).score == 0, "without smoothing 0");
    const char *h[] = {"a b c d e", ""}, *r[] = {"a b c d x", "y"};
    double corpus;
    ok(bleu_corpus(h, r, 2, &corpus) == 0, "a corpus with an empty line");
    close_to(corpus, exp(1 - 6 / 5.0) * exp(p / 4), 1e-12, "has its length in the penalty");
}

int main(void)
{
    test_tokens();
    test_counts();
    test_scores();
    return tap_done();
}
