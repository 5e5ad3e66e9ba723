/* Records read back: whole, cut at every byte, and lines nobody should believe. */
#include "scoring/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEADER                                                                                    \
    "{\"event\":\"header\",\"schema\":\"podium-record/1\","                                       \
    "\"submission\":{\"name\":\"a\",\"sha256\":\"00\"},\"workload\":{\"name\":\"vit\","           \
    "\"size\":\"mini\",\"fingerprint\":\"f\",\"data_id\":\"d\",\"budget_steps\":100,"             \
    "\"target\":{\"metric\":\"loss\",\"value\":0.5}},\"study\":1,\"trial\":2,\"seed\":3,"         \
    "\"machine\":{\"cpu\":\"c\",\"isa\":\"avx2\",\"threads\":2,\"device\":\"cpu\",\"precision\":" \
    "\"f32\",\"sandbox\":\"none\"}}\n"
#define POINT(step, loss, clock, hash)                                                            \
    "{\"event\":\"evaluation\",\"step\":" step ",\"examples\":" step                              \
    ",\"gradient_evaluations\":" step ",\"loss\":" loss ",\"accuracy\":0.5,\"calibrated\":" clock \
    ",\"wall_seconds\":1,"                                                                        \
    "\"model_flops\":1e9,\"reference_step_seconds\":0.1,\"hash\":\"" hash "\"}\n"
#define END(status, reached)                                                           \
    "{\"event\":\"end\",\"status\":\"" status "\",\"reached\":" reached ",\"reason\":" \
    "\"because\"}\n"
#define WHOLE HEADER POINT("0", "4", "0", HASH) POINT("10", "0.5", "11", HASH) END("VALID", "true")

static record *parse(const char *text, size_t length)
{
    record *r = NULL;
    return record_parse(&r, text, length, "r.jsonl") ? NULL : r;
}

static void test_whole(void)
{
    record *r = parse(WHOLE, strlen(WHOLE));
    if (!ok(r != NULL, "a whole record is read"))
        return tap_diag("%s", podium_error());
    is_text(r->submission, "a", "its submission");
    is_text(r->held_out, "", "no held-out variant");
    ok(r->study == 1 && r->trial == 2 && r->seed == 3 && r->threads == 2, "its numbers");
    ok(r->num_evaluations == 2 && r->evaluations[1].step == 10, "its evaluations");
    ok(r->evaluations[1].clock[CLOCK_CALIBRATED] == 11 &&
           r->evaluations[1].clock[CLOCK_STEPS] == 10,
       "their clocks");
    ok(record_hit(r) == 1, "the target counts when it is met exactly");
    ok(r->end && r->valid && r->reached && !r->truncated, "its end");
    record_destroy(r);
}

/* At every cut: complete lines are read, the rest is left out, and nothing is invented. */
static void test_every_cut(void)
{
    size_t length = strlen(WHOLE), header = strlen(HEADER);
    bool good = true;
    for (size_t n = 0; n < length; n++) {
        size_t lines = 0;
        char *cut = malloc(n + 1); /* its own size: reading past it is seen by a sanitizer */
        if (!cut)
            break;
        memcpy(cut, WHOLE, n);
        for (size_t i = 0; i < n; i++)
            lines += cut[i] == '\n';
        record *r = parse(cut, n);
        bool half = n > 0 && cut[n - 1] != '\n';
        if (n < header)
            good = good && !r && strstr(podium_error(), "r.jsonl:1: no header");
        else
            good = good && r && r->num_evaluations == lines - 1 && !r->end && r->truncated == half;
        if (!good)
            tap_diag("cut after %zu bytes", n);
        record_destroy(r);
        free(cut);
    }
    ok(good, "cut at any of %zu bytes, the complete lines count", length);
}

static void refused(const char *text, const char *want)
{
    record *r = parse(text, strlen(text));
    if (!ok(!r && strstr(podium_error(), want), "refused: %s", want))
        tap_diag("%s", r ? "it was read" : podium_error());
    record_destroy(r);
}

/* The whole record with the first `from` replaced by `to`. */
static void refused_with(const char *from, const char *to, const char *want)
{
    text_buffer b = {0};
    const char *at = strstr(WHOLE, from);
    if (!ok(at != NULL, "'%s' is there to be replaced", from))
        return;
    text_append(&b, WHOLE, (size_t)(at - WHOLE));
    text_add(&b, to);
    text_add(&b, at + strlen(from));
    refused(b.data, want);
    text_release(&b);
}

static void test_hostile_lines(void)
{
    refused("", "no header");
    refused("\n", "r.jsonl:1: not json");
    refused("[]\n", "r.jsonl:1: expected an object");
    refused("{}\n", "r.jsonl:1: field 'event' is missing");
    refused(END("VALID", "false"), "r.jsonl:1: the first line must be the header");
    refused(HEADER HEADER, "r.jsonl:2: unknown event 'header'");
    refused(WHOLE POINT("20", "1", "20", HASH), "r.jsonl:5: a line after the end");
    refused(HEADER "{\"event\":\"x\"}\n", "r.jsonl:2: unknown event 'x'");
    refused(HEADER POINT("5", "4", "5", HASH) POINT("4", "4", "6", HASH), "'step': runs backwards");
    refused(HEADER POINT("5", "4", "5", HASH) POINT("6", "4", "4", HASH),
            "r.jsonl:3: the calibrated clock runs backwards");
    refused(HEADER POINT("5", "4", "\"nan\"", HASH), "the calibrated clock is no time");
    refused(HEADER POINT("5", "4", "\"inf\"", HASH), "the calibrated clock is no time");
    refused(HEADER POINT("5", "4", "-1", HASH), "the calibrated clock is no time");
    refused(HEADER POINT("-5", "4", "1", HASH), "field 'step'");
    refused(HEADER POINT("1e300", "4", "1", HASH), "field 'step'");
    refused(HEADER POINT("5", "\"low\"", "1", HASH), "field 'loss'");
    refused(HEADER POINT("5", "4", "1", "12"), "field 'hash': expected 64 hexadecimal digits");
    refused(HEADER POINT("5", "4", "1",
                         "../../../../../../../../../../../../../../../../../../../aaaaaaa"),
            "field 'hash': expected 64 hexadecimal digits");
    refused(HEADER POINT("0", "4", "0", HASH) END("VALID", "true"),
            "'reached' is true and no evaluation meets the target");
    refused(HEADER END("GREAT", "false"), "field 'status': expected VALID or INVALID");
    refused_with("podium-record/1", "podium-record/9", "schema 'podium-record/9'");
    refused_with("\"metric\":\"loss\"", "\"metric\":\"speed\"", "field 'metric'");
    refused_with("\"threads\":2", "\"threads\":0", "field 'threads'");
    refused_with("\"threads\":2", "\"threads\":true", "field 'threads'");
    refused_with("\"seed\":3", "\"seed\":99999999999999999999", "r.jsonl:1: not json");
    refused_with("\"seed\":3", "\"seed\":3,\"seed\":4", "r.jsonl:1: not json: duplicate");
    refused_with("\"sha256\":\"00\"", "\"sha256\":0", "field 'sha256'");
    refused_with("\"machine\":{", "\"machine\":[],\"other\":{", "field 'machine'");
}

/* Brackets without end must not exhaust the stack. */
static void test_depth(void)
{
    text_buffer b = {0};
    for (int i = 0; i < 200000; i++)
        text_add(&b, "[");
    text_add(&b, "\n");
    refused(b.data, "r.jsonl:1: not json");
    text_release(&b);
}

static void test_not_finite(void)
{
    static const char text[] = HEADER POINT("0", "\"nan\"", "0", HASH)
        POINT("1", "\"inf\"", "1", HASH);
    record *r = parse(text, strlen(text));
    ok(r && isnan(r->evaluations[0].loss) && isinf(r->evaluations[1].loss),
       "losses that are not finite are read");
    ok(r && record_hit(r) == -1, "and meet no target");
    record_destroy(r);
}

int main(void)
{
    test_whole();
    test_every_cut();
    test_hostile_lines();
    test_depth();
    test_not_finite();
    return tap_done();
}
