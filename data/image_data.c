/* The image pipeline behind image_data.h.  Every random number of a training example is a word of
 * the Philox stream (seed, step): words 8i .. 8i + 7 belong to place i of the batch. */
#include "data/image_data.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/image_sets.h"
#include "data/shuffle.h"

#define MAX_CLASSES 1024
#define MAX_PIXELS (1 << 20) /* of one channel */

enum { SAMPLING_EPOCHS, SAMPLING_REPLACEMENT };
enum { STREAM_RANKS = 1, STREAM_CLASSES, STREAM_PIXELS, STREAM_EPOCH };

struct image_data {
    image_set set;
    char id[128];
    float mean[4], inverse_deviation[4]; /* of pixels in 0..1, a channel */
    int sampling;
    bool zipf, jitter;
    double zipf_exponent, scale, shear, shift;
    double cumulative[MAX_CLASSES]; /* of the class frequencies */
    int64_t class_start[MAX_CLASSES + 1];
    int64_t *by_class; /* training images sorted by class */
    int64_t *order;    /* one epoch's permutation */
    uint64_t order_seed;
    int64_t order_epoch; /* -1: none yet */
    bool relabel;
    int32_t class_map[MAX_CLASSES];
    int32_t *pixel_map; /* [height * width]: out pixel takes in pixel */
    image_batch batch;
    int64_t capacity;
    float *scratch; /* two bordered planes a thread */
};

/* Mean and deviation of each channel over the training split. */
static void measure_pixels(image_data *d)
{
    const image_set *s = &d->set;
    int64_t area = (int64_t)s->height * s->width;
    for (int c = 0; c < s->channels; c++) {
        double sum = 0, squares = 0, n = (double)(s->count[SPLIT_TRAIN] * area);
        for (int64_t i = 0; i < s->count[SPLIT_TRAIN]; i++) {
            const uint8_t *x = s->pixels[SPLIT_TRAIN] + (i * s->channels + c) * area;
            int64_t a = 0, b = 0;
            for (int64_t k = 0; k < area; k++) {
                a += x[k];
                b += x[k] * x[k];
            }
            sum += (double)a;
            squares += (double)b;
        }
        double mean = sum / n / 255;
        double variance = squares / n / (255.0 * 255.0) - mean * mean;
        d->mean[c] = (float)mean;
        d->inverse_deviation[c] = (float)(1 / sqrt(variance > 1e-12 ? variance : 1));
    }
}

/* Sorts the training images by class and accumulates the class frequencies.  The rank of a class
 * is a fixed permutation, the same in every run. */
static int32_t prepare_classes(image_data *d)
{
    const image_set *s = &d->set;
    int64_t n = s->count[SPLIT_TRAIN], fill[MAX_CLASSES], rank[MAX_CLASSES];
    d->by_class = malloc((size_t)n * sizeof *d->by_class);
    d->order = malloc((size_t)n * sizeof *d->order);
    if (!d->by_class || !d->order)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the order of %lld images", (long long)n);
    for (int64_t i = 0; i < n; i++)
        d->class_start[s->labels[SPLIT_TRAIN][i] + 1]++;
    for (int k = 0; k < s->classes; k++) {
        if (d->class_start[k + 1] == 0 && d->zipf)
            return podium_fail(PODIUM_EINVAL, "%s: no training image of class %d", s->name, k);
        d->class_start[k + 1] += d->class_start[k];
        fill[k] = d->class_start[k];
    }
    for (int64_t i = 0; i < n; i++)
        d->by_class[fill[s->labels[SPLIT_TRAIN][i]]++] = i;
    shuffle_permute(s->classes, philox_make(0, STREAM_RANKS), rank);
    double total = 0;
    for (int k = 0; k < s->classes; k++)
        d->cumulative[k] = total += pow((double)rank[k] + 1, -d->zipf_exponent);
    for (int k = 0; k < s->classes; k++)
        d->cumulative[k] /= total;
    d->cumulative[s->classes - 1] = 1;
    return 0;
}

/* Patches of p by p pixels. */
static int32_t prepare_key(image_data *d, int p, const data_key *key)
{
    const image_set *s = &d->set;
    int64_t area = (int64_t)s->height * s->width, map[MAX_CLASSES];
    d->pixel_map = malloc((size_t)area * sizeof *d->pixel_map);
    if (!d->pixel_map)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the pixel map");
    if (p < 1 || s->height % p || s->width % p || p > 256)
        return podium_fail(PODIUM_EINVAL, "patch %d does not divide images of %dx%d pixels", p,
                           s->height, s->width);
    uint64_t seed = shuffle_secret(key);
    shuffle_permute(s->classes, philox_make(seed, STREAM_CLASSES), map);
    for (int k = 0; k < s->classes; k++)
        d->class_map[k] = (int32_t)map[k];
    int64_t *inner = malloc((size_t)(p * p) * sizeof *inner);
    if (!inner)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the pixel map");
    shuffle_permute(p * p, philox_make(seed, STREAM_PIXELS), inner);
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            int64_t from = inner[(y % p) * p + x % p];
            d->pixel_map[y * s->width + x] = (int32_t)((y / p * p + from / p) * s->width +
                                                       x / p * p + from % p);
        }
    free(inner);
    d->relabel = true;
    return 0;
}

static int32_t read_config(image_data *d, const yaml_node *config, int *which, const char **path,
                           int64_t *valid)
{
    static const char *const samplings[] = {"epochs", "replacement", NULL};
    static const char *const frequencies[] = {"uniform", "zipf", NULL};
    int frequency = 0;
    *which = 0;
    *path = NULL;
    *valid = 5000;
    d->zipf_exponent = 1;
    TRY(yaml_choice(config, "set", image_set_names, which));
    TRY(yaml_string(config, "path", path));
    TRY(yaml_integer(config, "valid", 1, 1 << 24, valid));
    TRY(yaml_choice(config, "sampling", samplings, &d->sampling));
    TRY(yaml_choice(config, "class_frequencies", frequencies, &frequency));
    TRY(yaml_number(config, "zipf_exponent", 0, 10, &d->zipf_exponent));
    d->zipf = frequency == 1;
    if (d->zipf)
        d->sampling = SAMPLING_REPLACEMENT;
    const yaml_node *jitter = yaml_get(config, "jitter");
    if (jitter) {
        TRY(yaml_number(jitter, "scale", 0, 0.9, &d->scale));
        TRY(yaml_number(jitter, "shear", 0, 0.9, &d->shear));
        TRY(yaml_number(jitter, "shift", 0, 64, &d->shift));
    }
    d->jitter = d->scale > 0 || d->shear > 0 || d->shift > 0;
    return 0;
}

int32_t image_data_open(image_data **out, const yaml_node *config, const char *data_dir, int patch,
                        const data_key *key)
{
    int which;
    const char *path;
    int64_t valid;
    char folder[4096];
    image_data *d = calloc(1, sizeof *d);
    if (!d)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the image data");
    d->order_epoch = -1;
    int32_t rc = read_config(d, config, &which, &path, &valid);
    if (rc == 0 && !path) {
        rc = image_set_folder(folder, sizeof folder, data_dir, image_set_names[which]);
        path = folder;
    }
    if (rc == 0) {
        rc = image_set_read(&d->set, which, path, valid);
        if (rc < 0)
            podium_fail_in(rc, "data set '%s' (`podium data %s` checks it)", image_set_names[which],
                           image_set_names[which]);
    }
    if (rc == 0 && (int64_t)d->set.height * d->set.width > MAX_PIXELS)
        rc = podium_fail(PODIUM_EINVAL, "%s: images over %d pixels", d->set.name, MAX_PIXELS);
    if (rc == 0) {
        snprintf(d->id, sizeof d->id, "%s:%s", d->set.name, d->set.payload);
        measure_pixels(d);
        size_t bordered = (size_t)(d->set.height + 2) * (size_t)(d->set.width + 2);
        d->scratch = calloc((size_t)omp_get_num_procs() * 2 * bordered, sizeof *d->scratch);
        rc = d->scratch ? prepare_classes(d)
                        : podium_fail(PODIUM_ENOMEM, "cannot allocate scratch images");
    }
    if (rc == 0 && key && key->enabled)
        rc = prepare_key(d, patch, key);
    if (rc < 0) {
        image_data_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

void image_data_close(image_data *d)
{
    if (!d)
        return;
    image_set_release(&d->set);
    free(d->by_class);
    free(d->order);
    free(d->pixel_map);
    free(d->scratch);
    free(d->batch.images);
    free(d->batch.labels);
    free(d->batch.weights);
    free(d);
}

/* Room for `n` examples; grows only. */
static int32_t reserve(image_data *d, int64_t n)
{
    if (n <= d->capacity)
        return 0;
    size_t pixels = (size_t)d->set.channels * (size_t)d->set.height * (size_t)d->set.width;
    float *images = realloc(d->batch.images, (size_t)n * pixels * sizeof *images);
    if (images)
        d->batch.images = images;
    int32_t *labels = realloc(d->batch.labels, (size_t)n * sizeof *labels);
    if (labels)
        d->batch.labels = labels;
    float *weights = realloc(d->batch.weights, (size_t)n * sizeof *weights);
    if (weights)
        d->batch.weights = weights;
    if (!images || !labels || !weights)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a batch of %lld images", (long long)n);
    d->capacity = n;
    return 0;
}

/* Bilinear sample of every pixel at m (x - centre) + centre + shift, zeros outside.  `padded` has a
 * border of one zero pixel, so clamping a coordinate to the border replaces the test for outside.
 */
static void warp(const uint8_t *in, int height, int width, const float m[6], float *restrict padded,
                 float *restrict out)
{
    int stride = width + 2;
    memset(padded, 0, (size_t)(stride * (height + 2)) * sizeof *padded);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            padded[(y + 1) * stride + x + 1] = in[y * width + x];
    float cx = 0.5f * (float)(width - 1), cy = 0.5f * (float)(height - 1);
    float max_x = (float)width + 0.999f, max_y = (float)height + 0.999f;
    for (int y = 0; y < height; y++) {
        float dy = (float)y - cy;
        float row_x = m[1] * dy + m[4] + cx + 1, row_y = m[3] * dy + m[5] + cy + 1;
#pragma omp simd
        for (int x = 0; x < width; x++) {
            float dx = (float)x - cx;
            float sx = m[0] * dx + row_x, sy = m[2] * dx + row_y;
            sx = sx > 0 ? sx : 0;
            sx = sx < max_x ? sx : max_x;
            sy = sy > 0 ? sy : 0;
            sy = sy < max_y ? sy : max_y;
            int x0 = (int)sx, y0 = (int)sy;
            float fx = sx - (float)x0, fy = sy - (float)y0;
            int at = y0 * stride + x0;
            float top = padded[at] + fx * (padded[at + 1] - padded[at]);
            float low = padded[at + stride];
            low += fx * (padded[at + stride + 1] - low);
            out[y * width + x] = top + fy * (low - top);
        }
    }
}

/* Threads of a parallel loop, as many as the scratch was made for at most. */
static int threads(void)
{
    int n = omp_get_max_threads(), most = omp_get_num_procs();
    return n < most ? n : most;
}

/* Places one image: jitter (m not NULL), then standardising and the secret pixel order. */
static void place(const image_data *d, data_split split, int64_t image, const float m[6],
                  float *out)
{
    const image_set *s = &d->set;
    int area = s->height * s->width, bordered = (s->height + 2) * (s->width + 2);
    float *plane = d->scratch + (size_t)omp_get_thread_num() * 2 * (size_t)bordered;
    for (int c = 0; c < s->channels; c++) {
        const uint8_t *in = s->pixels[split] + (image * s->channels + c) * area;
        float *to = out + c * area, k = d->inverse_deviation[c] / 255;
        float b = d->mean[c] * d->inverse_deviation[c];
        if (m)
            warp(in, s->height, s->width, m, plane + bordered, plane);
        else
            for (int i = 0; i < area; i++)
                plane[i] = in[i];
        if (d->relabel)
            for (int i = 0; i < area; i++)
                to[i] = plane[d->pixel_map[i]] * k - b;
        else
            for (int i = 0; i < area; i++)
                to[i] = plane[i] * k - b;
    }
}

static int32_t label_of(const image_data *d, data_split split, int64_t image)
{
    int32_t label = d->set.labels[split][image];
    return d->relabel ? d->class_map[label] : label;
}

/* The training image at place `position` of the endless sequence of epochs. */
static int64_t epoch_image(image_data *d, uint64_t seed, int64_t position)
{
    int64_t n = d->set.count[SPLIT_TRAIN], epoch = position / n;
    if (d->order_epoch != epoch || d->order_seed != seed) {
        shuffle_permute(n, philox_make(philox_derive(seed, (uint64_t)epoch), STREAM_EPOCH),
                        d->order);
        d->order_epoch = epoch;
        d->order_seed = seed;
    }
    return d->order[position % n];
}

/* Class by the frequencies, then an image of it; or any image. */
static int64_t drawn_image(const image_data *d, double u_class, double u_image)
{
    int64_t n = d->set.count[SPLIT_TRAIN];
    if (!d->zipf)
        return (int64_t)(u_image * (double)n);
    int k = 0;
    while (u_class >= d->cumulative[k])
        k++;
    int64_t start = d->class_start[k], size = d->class_start[k + 1] - start;
    return d->by_class[start + (int64_t)(u_image * (double)size)];
}

int32_t image_data_train(image_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                         int64_t count, image_batch *out)
{
    TRY(reserve(d, count));
    int64_t pixels = (int64_t)d->set.channels * d->set.height * d->set.width;
    int64_t *chosen = malloc((size_t)(count ? count : 1) * sizeof *chosen);
    if (!chosen)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a batch of %lld", (long long)count);
    philox stream = philox_make(philox_derive(seed, (uint64_t)step), 0);
    for (int64_t i = 0; i < count; i++) { /* in order: epochs keep one permutation */
        uint64_t w = 8 * (uint64_t)(first + i);
        chosen[i] = d->sampling == SAMPLING_EPOCHS ? epoch_image(d, seed, step * batch + first + i)
                                                   : drawn_image(d, philox_uniform(&stream, w),
                                                                 philox_uniform(&stream, w + 1));
    }
#pragma omp parallel for schedule(static) num_threads(threads())
    for (int64_t i = 0; i < count; i++) {
        uint64_t w = 8 * (uint64_t)(first + i);
        double u[6];
        for (int k = 0; k < 6; k++)
            u[k] = 2 * philox_uniform(&stream, w + 2 + (uint64_t)k) - 1;
        float m[6] = {(float)(1 + d->scale * u[0]), (float)(d->shear * u[1]),
                      (float)(d->shear * u[2]),     (float)(1 + d->scale * u[3]),
                      (float)(d->shift * u[4]),     (float)(d->shift * u[5])};
        place(d, SPLIT_TRAIN, chosen[i], d->jitter ? m : NULL, d->batch.images + i * pixels);
        d->batch.labels[i] = label_of(d, SPLIT_TRAIN, chosen[i]);
        d->batch.weights[i] = 1;
    }
    free(chosen);
    d->batch.count = count;
    *out = d->batch;
    return 0;
}

int32_t image_data_eval(image_data *d, data_split split, int64_t start, int64_t batch,
                        image_batch *out)
{
    TRY(reserve(d, batch));
    int64_t pixels = (int64_t)d->set.channels * d->set.height * d->set.width;
    int64_t real = d->set.count[split] - start;
    real = real < 0 ? 0 : real > batch ? batch : real;
#pragma omp parallel for schedule(static) num_threads(threads())
    for (int64_t i = 0; i < real; i++) {
        place(d, split, start + i, NULL, d->batch.images + i * pixels);
        d->batch.labels[i] = label_of(d, split, start + i);
        d->batch.weights[i] = 1;
    }
    memset(d->batch.images + real * pixels, 0,
           (size_t)((batch - real) * pixels) * sizeof *d->batch.images);
    for (int64_t i = real; i < batch; i++) {
        d->batch.labels[i] = 0;
        d->batch.weights[i] = 0;
    }
    d->batch.count = real;
    *out = d->batch;
    return 0;
}

const char *image_data_id(const image_data *d)
{
    return d->id;
}

int image_data_classes(const image_data *d)
{
    return d->set.classes;
}

int image_data_channels(const image_data *d)
{
    return d->set.channels;
}

int image_data_height(const image_data *d)
{
    return d->set.height;
}

int image_data_width(const image_data *d)
{
    return d->set.width;
}

int64_t image_data_count(const image_data *d, data_split split)
{
    return d->set.count[split];
}
