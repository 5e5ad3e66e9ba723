/* Labels sampled from a model: their frequencies are the softmax, and an evaluation with sampled
 * labels is the plain one on a batch that carries them. */
#include "engine/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "data/files.h"
#include "harness/training.h"
#include "tests/tap.h"

enum { ROWS = 40000, CLASSES = 4 };

static void test_frequencies(void)
{
    static const double one[CLASSES] = {0.5, -1, 2, -INFINITY};
    static double logits[ROWS * CLASSES];
    static int32_t drawn[ROWS], again[ROWS];
    double sum = 0, count[CLASSES] = {0};
    for (int i = 0; i < ROWS; i++)
        memcpy(logits + i * CLASSES, one, sizeof one);
    sample_rows(logits, ROWS, CLASSES, 7, 0, drawn);
    for (int k = 0; k < CLASSES; k++)
        sum += exp(one[k]);
    for (int i = 0; i < ROWS; i++)
        count[drawn[i]]++;
    for (int k = 0; k < CLASSES; k++) {
        double p = exp(one[k]) / sum, sigma = sqrt(p * (1 - p) * ROWS);
        ok(fabs(count[k] - p * ROWS) <= 4 * sigma, "class %d comes up %g times, expected %.0f", k,
           count[k], p * ROWS);
    }
    sample_rows(logits, ROWS, CLASSES, 7, 0, again);
    ok(!memcmp(drawn, again, sizeof drawn), "a seed draws the same labels again");
    sample_rows(logits, ROWS, CLASSES, 8, 0, again);
    ok(memcmp(drawn, again, sizeof drawn) != 0, "another seed others");
}

static void test_gradient(const char *name, const char *size)
{
    training t;
    training_options o = {.workload = workload_find(name),
                          .size = size,
                          .data_dir = "data",
                          .device = "cpu",
                          .threads = 1,
                          .precision = PODIUM_F32};
    if (!ok(training_open(&t, &o) == 0 && training_record(&t, 32, PODIUM_F32, &t.train) == 0,
            "%s opens: %s", name, podium_error()))
        return;
    float *x = calloc(1, t.vector_bytes), *got = calloc(1, t.vector_bytes);
    float *want = calloc(1, t.vector_bytes), *plain = calloc(1, t.vector_bytes);
    graph_settings s = {.seed = 5, .dropout = 0.1};
    double loss, want_loss;
    ok(!training_initialise(&t, 3, x) && !training_draw(&t, 9, 0, 32), "a batch is drawn");
    ok(!training_gradient(&t, &t.train, x, plain, &s, &want_loss), "the plain gradient");
    ok(!training_sampled_gradient(&t, &t.train, x, got, &s, &loss), "the one on sampled labels %s",
       podium_error());
    ok(memcmp(got, plain, t.vector_bytes) != 0, "differs");
    int which = t.train.model.label_input - 1;
    void *labels = t.batch.data[which];
    t.batch.data[which] = t.sampled_labels;
    ok(!training_gradient(&t, &t.train, x, want, &s, &want_loss) && loss == want_loss &&
           !memcmp(got, want, t.vector_bytes),
       "and is the plain one of a batch with these labels, bit for bit");
    t.batch.data[which] = labels;
    ok(!training_gradient(&t, &t.train, x, want, &s, &want_loss) &&
           !memcmp(want, plain, t.vector_bytes),
       "the true labels are back afterwards");
    free(x);
    free(got);
    free(want);
    free(plain);
    training_close(&t);
}

int main(void)
{
    test_frequencies();
    test_gradient("vit", "mini");
    test_gradient("widenet", "test");
    test_gradient("compacter", "test");
    if (file_exists("data/debian-text/train.en"))
        test_gradient("transformer", "test");
    else
        tap_skip(7, "transformer's data are not prepared");
    return tap_done();
}
