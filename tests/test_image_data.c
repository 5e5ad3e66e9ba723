/* The image pipeline on the glyphs of the repository: the payload, determinism, class frequencies,
 * jitter, relabelling. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/image_data.h"
#include "tests/tap.h"

#define PAYLOAD "glyphs:fe961c8d8ee90cae508e8e63eb871d8b622e85e30d3b0ad7fe4b93b600f360c8"
enum { BATCH = 512, PIXELS = 28 * 28 };

static image_data *open_with(const char *yaml, const data_key *key)
{
    yaml_document *doc = NULL;
    image_data *d = NULL;
    if (yaml_parse(&doc, yaml, strlen(yaml), "test") == 0 &&
        image_data_open(&d, yaml_root(doc), "data", 14, key) < 0)
        tap_diag("%s", podium_error());
    yaml_destroy(doc);
    return d;
}

static void check_determinism(image_data *d)
{
    image_batch b;
    float *first = malloc(sizeof(float) * BATCH * PIXELS);
    int32_t labels[BATCH];
    image_data_train(d, 7, 3, BATCH, 0, BATCH, &b);
    memcpy(first, b.images, sizeof(float) * BATCH * PIXELS);
    memcpy(labels, b.labels, sizeof labels);
    image_data_train(d, 7, 4, BATCH, 0, BATCH, &b);
    ok(memcmp(first, b.images, sizeof(float) * BATCH * PIXELS) != 0, "steps differ");
    image_data_train(d, 7, 3, BATCH, 128, 64, &b);
    ok(memcmp(first + 128 * PIXELS, b.images, sizeof(float) * 64 * PIXELS) == 0 &&
           memcmp(labels + 128, b.labels, 64 * sizeof *labels) == 0,
       "a rank's part of a batch is that part of the whole batch");
    image_data_train(d, 8, 3, BATCH, 0, BATCH, &b);
    ok(memcmp(first, b.images, sizeof(float) * BATCH * PIXELS) != 0, "seeds differ");
    free(first);
}

static void check_frequencies(void)
{
    image_data *d = open_with("{set: glyphs, class_frequencies: zipf, zipf_exponent: 1.5}", NULL);
    if (!ok(d != NULL, "zipf opens"))
        return;
    int n[62] = {0}, most = 0;
    image_batch b;
    for (int64_t s = 0; s < 40; s++) {
        image_data_train(d, 1, s, BATCH, 0, BATCH, &b);
        for (int i = 0; i < BATCH; i++)
            n[b.labels[i]]++;
    }
    double total = 0;
    for (int r = 0; r < 62; r++)
        total += pow(r + 1, -1.5);
    for (int k = 0; k < 62; k++)
        most = n[k] > most ? n[k] : most;
    close_to(most, 40 * BATCH / total, 0.05, "the most frequent class has Zipf's share");
    image_data_close(d);
}

static void check_epochs(void)
{
    image_data *d = open_with("{set: glyphs, sampling: epochs}", NULL);
    image_batch b;
    int n[62] = {0};
    int64_t count = image_data_count(d, SPLIT_TRAIN), size = count / 2;
    for (int64_t s = 0; s < 2; s++) {
        image_data_train(d, 5, s, size, 0, size, &b);
        for (int64_t i = 0; i < size; i++)
            n[b.labels[i]]++;
    }
    bool right = true;
    for (int k = 0; k < 62; k++)
        right = right && n[k] >= 348 && n[k] <= 371;
    ok(count == 22576 && right, "an epoch shows each training image once");
    image_data_close(d);
}

/* With a key each patch of an image holds the same pixels in another order, the label is another
 * one-to-one. */
static void check_relabelling(image_data *plain)
{
    data_key key = {.enabled = true, .words = {11, 22}};
    image_data *d = open_with("{set: glyphs}", &key);
    image_batch b;
    image_data_eval(plain, SPLIT_VALID, 0, BATCH, &b);
    float *want = malloc(sizeof(float) * BATCH * PIXELS);
    int32_t labels[BATCH], map[62], moved = 0;
    bool one_to_one = true, same_sums = true;
    memcpy(want, b.images, sizeof(float) * BATCH * PIXELS);
    memcpy(labels, b.labels, sizeof labels);
    image_data_eval(d, SPLIT_VALID, 0, BATCH, &b);
    for (int k = 0; k < 62; k++)
        map[k] = -1;
    for (int i = 0; i < BATCH; i++) {
        if (map[labels[i]] < 0)
            map[labels[i]] = b.labels[i];
        one_to_one = one_to_one && map[labels[i]] == b.labels[i];
        moved += labels[i] != b.labels[i];
        for (int patch = 0; patch < 4; patch++) {
            double a = 0, c = 0;
            for (int p = 0; p < 196; p++) {
                int at = (patch / 2 * 14 + p / 14) * 28 + patch % 2 * 14 + p % 14;
                a += (double)want[i * PIXELS + at];
                c += (double)b.images[i * PIXELS + at];
            }
            same_sums = same_sums && fabs(a - c) < 1e-3 * (1 + fabs(a));
        }
    }
    ok(one_to_one && moved > BATCH / 2, "a key permutes the classes");
    ok(same_sums && memcmp(want, b.images, sizeof(float) * PIXELS) != 0,
       "and the pixels within each patch");
    free(want);
    image_data_close(d);
}

int main(void)
{
    image_data *d = open_with("{set: glyphs}", NULL);
    if (!ok(d != NULL, "the glyphs open"))
        return tap_done();
    is_text(image_data_id(d), PAYLOAD, "with the payload their README names");
    ok(image_data_classes(d) == 62 && image_data_height(d) == 28 && image_data_channels(d) == 1,
       "62 classes of 28x28");
    image_batch b;
    image_data_eval(d, SPLIT_VALID, 2660 - 100, BATCH, &b);
    ok(b.count == 100 && b.weights[99] == 1 && b.weights[100] == 0,
       "the rest of the last batch has weight 0");
    image_data_train(d, 1, 0, BATCH, 0, BATCH, &b);
    double sum = 0, squares = 0;
    for (int i = 0; i < BATCH * PIXELS; i++) {
        sum += (double)b.images[i];
        squares += (double)b.images[i] * (double)b.images[i];
    }
    ok(fabs(sum / (BATCH * PIXELS)) < 0.05 && fabs(squares / (BATCH * PIXELS) - 1) < 0.1,
       "pixels are standardised");
    check_relabelling(d);
    image_data_close(d);

    d = open_with("{set: glyphs, jitter: {scale: 0.1, shear: 0.1, shift: 2}}", NULL);
    check_determinism(d);
    image_data_close(d);
    check_frequencies();
    check_epochs();

    yaml_document *doc = NULL;
    image_data *none = NULL;
    ok(yaml_parse(&doc, "{set: mnist}", 12, "test") == 0 &&
           image_data_open(&none, yaml_root(doc), "/nonexistent", 1, NULL) == PODIUM_EIO &&
           strstr(podium_error(), "train-images-idx3-ubyte"),
       "a missing file is named");
    yaml_destroy(doc);
    return tap_done();
}
