/* The reader of golden beam-search cases: what it takes, what it refuses and why. */
#include <string.h>

#include "harness/beam_case.h"
#include "tap.h"

#define CONFIG \
    "\"config\": {\"beam_size\": 2, \"alpha\": 0.6, \"eos_id\": 1, \"max_decode_len\": 3}"
#define CASE(model, inputs, sequences, scores)                           \
    "{\"parameters_of\": \"" model "\", " CONFIG ", \"inputs\": " inputs \
    ", \"expected\": {\"sequences\": " sequences ", \"scores\": " scores "}}"

int main(void)
{
    static const char good[] = CASE("m", "[[5, 1]]", "[[[0, 2, 1], [0, 3, 1]]]", "[[-2.5, -1.5]]");
    static const struct {
        const char *text, *words;
    } bad[] = {
        {CASE("m", "[]", "[]", "[]"), "expected a source"},
        {CASE("m", "[[-9223372036854775808]]", "[]", "[]"), "expected an id"},
        {CASE("m", "[[5, 1], [5]]", "[]", "[]"), "row 1: expected 2 ids"},
        {CASE("m", "[[5]]", "[]", "[]"), "sequences and scores of 1 rows"},
        {CASE("m", "[[5]]", "[[[0, 2, 1]]]", "[[1, 2]]"), "expected 2 sequences"},
        {CASE("m", "[[5]]", "[[[0, 2], [0, 3]]]", "[[1, 2]]"), "expected 3 ids"},
        {CASE("m", "[[5]]", "[[[0, 2, 1], [0, 3, 1]]]", "[7]"), "expected 2 scores"},
        {CASE("m", "[[5]]", "[[[0, 2, 1], [0, 3, 1]]]", "[[1, true]]"), "score 1 is no number"},
        {CASE("../m", "[[5]]", "[[[0, 2, 1], [0, 3, 1]]]", "[[1, 2]]"), "'parameters_of'"},
    };
    beam_case c;
    ok(beam_case_parse(&c, good, sizeof good - 1, "t") == 0, "a case is read: %s", podium_error());
    ok(c.rows == 1 && c.length == 2 && c.ids[0] == 5 && c.want[4] == 3 && c.want_scores[1] == -1.5,
       "sources, sequences and scores");
    beam_case_release(&c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(beam_case_parse(&c, bad[i].text, strlen(bad[i].text), "t") == PODIUM_EINVAL &&
               strstr(podium_error(), bad[i].words),
           "refused: %s", podium_error());
        beam_case_release(&c);
    }
    return tap_done();
}
