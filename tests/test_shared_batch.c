/* Random numbers go by the example's number in the whole batch: ranks that share a batch draw what
 * one rank draws. */
#include <string.h>

#include "engine/backend.h"
#include "engine/ops.h"
#include "tests/tap.h"

enum { EXAMPLES = 12, WIDTH = 35 }; /* odd, so that a part begins inside a block of four words */

/* Dropout of ones for `count` examples from `first` on; examples 0 in the settings when it is all.
 */
static bool draw(const char *device, int64_t first, int64_t count, double *out)
{
    backend *b = NULL;
    params *p = NULL;
    graph *g = NULL;
    float ones[EXAMPLES * WIDTH];
    graph_settings settings = {.seed = 11, .dropout = 0.4};
    if (count < EXAMPLES) {
        settings.first_example = first;
        settings.examples = count;
    }
    for (int i = 0; i < EXAMPLES * WIDTH; i++)
        ones[i] = 1;
    bool good = !backend_open(&b, device, 2) && !params_create(&p);
    graph_config config = {.backend = b, .params = p, .precision = PODIUM_F32, .training = true};
    good = good && !graph_create(&g, &config);
    if (good) {
        value x = graph_input(g, "x", PODIUM_F32, 2, (int64_t[]){count, WIDTH});
        value y = op_dropout(g, x);
        graph_keep(g, y);
        good = !graph_plan(g) && !graph_set_input_f32(g, x, ones) &&
               !graph_run(g, GRAPH_FORWARD, &settings) && !graph_read(g, y, out, count * WIDTH);
    }
    graph_destroy(g);
    params_destroy(p);
    if (b)
        backend_close(b);
    return good;
}

static void check(const char *device)
{
    double whole[EXAMPLES * WIDTH], parts[EXAMPLES * WIDTH];
    bool good = draw(device, 0, EXAMPLES, whole);
    static const int64_t cuts[] = {0, 5, 6, EXAMPLES};
    for (int i = 0; i < 3; i++)
        good = good && draw(device, cuts[i], cuts[i + 1] - cuts[i], parts + cuts[i] * WIDTH);
    ok(good, "%s: dropout runs on parts of a batch", device);
    ok(good && !memcmp(whole, parts, sizeof whole), "%s: and drops what the whole batch drops",
       device);
    ok(good && memcmp(whole, whole + WIDTH, WIDTH * sizeof *whole),
       "%s: examples differ from each other", device);
}

int main(void)
{
    check("ref");
    check("cpu");
    return tap_done();
}
