/* Which files make up each image set. */
#include "data/image_sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/cifar.h"
#include "data/idx.h"

const char *const image_set_names[] = {"glyphs",  "mnist",    "fashion_mnist",
                                       "cifar10", "imagenet", NULL};
enum { SET_GLYPHS, SET_MNIST, SET_FASHION_MNIST, SET_CIFAR10, SET_IMAGENET };

/* Beside base/NAME, where a set may lie: as its archive unpacks, and as torchvision keeps it.
 * `file` tells that it does. */
static const struct place {
    const char *set, *folder, *file;
} places[] = {
    {"mnist", "MNIST/raw", "train-labels-idx1-ubyte"},
    {"fashion_mnist", "fashion-mnist", "train-labels-idx1-ubyte"},
    {"fashion_mnist", "FashionMNIST/raw", "train-labels-idx1-ubyte"},
    {"cifar10", "cifar10/cifar-10-batches-bin", "data_batch_1.bin"},
    {"cifar10", "cifar-10-batches-bin", "data_batch_1.bin"},
};

/* NAME or NAME.gz is in the folder. */
static bool holds(const char *folder, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s.gz", folder, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    if (file_exists(path))
        return true;
    path[n - 3] = '\0';
    return file_exists(path);
}

int32_t image_set_folder(char *out, size_t size, const char *base, const char *name)
{
    TRY(path_join(out, size, base, name));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char other[4096];
        if (strcmp(places[i].set, name) || holds(out, places[i].file))
            continue;
        TRY(path_join(other, sizeof other, base, places[i].folder));
        if (holds(other, places[i].file))
            return path_join(out, size, base, places[i].folder);
    }
    return PODIUM_OK;
}

/* Bytes as the set keeps labels; *out is malloc'd. */
static int32_t widen(uint16_t **out, const uint8_t *labels, int64_t n)
{
    *out = malloc((size_t)n * sizeof **out);
    if (!*out)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %lld labels", (long long)n);
    for (int64_t i = 0; i < n; i++)
        (*out)[i] = labels[i];
    return 0;
}

/* Moves an IDX pair into split `s` of the set. */
static int32_t read_idx_pair(image_set *set, data_split s, const char *dir, const char *images,
                             const char *labels, sha256 *hash)
{
    idx_array x = {0}, y = {0};
    int32_t rc = idx_read(&x, dir, images, hash);
    if (rc == 0)
        rc = idx_read(&y, dir, labels, hash);
    if (rc == 0 && (x.ndim != 3 || x.shape[0] < 1 || x.shape[1] < 1 || x.shape[2] < 1))
        rc = podium_fail(PODIUM_EINVAL, "'%s/%s': expected images [n, height, width]", dir, images);
    if (rc == 0 && set->height && (x.shape[1] != set->height || x.shape[2] != set->width))
        rc = podium_fail(PODIUM_EINVAL, "'%s/%s': images of %lldx%lld pixels, expected %dx%d", dir,
                         images, (long long)x.shape[1], (long long)x.shape[2], set->height,
                         set->width);
    if (rc == 0 && (x.shape[1] > 4096 || x.shape[2] > 4096))
        rc = podium_fail(PODIUM_EINVAL, "'%s/%s': images over 4096 pixels wide", dir, images);
    if (rc == 0)
        rc = idx_check_labels(&y, x.shape[0], set->classes, labels);
    if (rc == 0)
        rc = widen(&set->labels[s], y.data, y.count);
    if (rc == 0) {
        set->height = (int)x.shape[1];
        set->width = (int)x.shape[2];
        set->count[s] = x.shape[0];
        set->pixels[s] = set->owned[s] = x.data;
        x.data = NULL;
    }
    idx_release(&x);
    idx_release(&y);
    return rc;
}

static int32_t read_cifar10(image_set *set, const char *dir, sha256 *hash)
{
    cifar_images train = {0}, test = {0};
    int32_t rc = 0;
    for (int i = 1; i <= 5 && rc == 0; i++) {
        char name[32];
        int64_t before = train.count;
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        rc = cifar_read(&train, 10, dir, name);
        /* the format has no count: files cut between two records show only here */
        if (rc == 0 && train.count != i * (train.count - before))
            rc = podium_fail(PODIUM_EINVAL,
                             "'%s/%s' is truncated or the files before it are: %lld images, "
                             "expected %lld as in data_batch_1.bin",
                             dir, name, (long long)(train.count - before),
                             (long long)(before / (i - 1)));
    }
    if (rc == 0)
        rc = cifar_read(&test, 10, dir, "test_batch.bin");
    if (rc == 0) {
        cifar_images *parts[] = {&train, &test};
        const data_split splits[] = {SPLIT_TRAIN, SPLIT_TEST};
        set->height = set->width = 32;
        for (int i = 0; i < 2 && rc == 0; i++) {
            sha256_update(hash, parts[i]->pixels, (size_t)parts[i]->count * CIFAR_PIXELS);
            sha256_update(hash, parts[i]->labels, (size_t)parts[i]->count);
            rc = widen(&set->labels[splits[i]], parts[i]->labels, parts[i]->count);
            set->count[splits[i]] = parts[i]->count;
            set->pixels[splits[i]] = set->owned[splits[i]] = parts[i]->pixels;
            parts[i]->pixels = NULL;
        }
    }
    cifar_release(&train);
    cifar_release(&test);
    return rc;
}

/* The last `valid` training examples become the validation split. */
static int32_t split_off(image_set *set, int64_t valid)
{
    int64_t n = set->count[SPLIT_TRAIN] - valid;
    if (n < 1)
        return podium_fail(PODIUM_EINVAL,
                           "%s: cannot keep %lld of %lld training images for "
                           "validation; 'valid' sets how many",
                           set->name, (long long)valid, (long long)set->count[SPLIT_TRAIN]);
    size_t pixels = (size_t)set->channels * (size_t)set->height * (size_t)set->width;
    uint8_t *x = malloc((size_t)valid * pixels);
    uint16_t *y = malloc((size_t)valid * sizeof *y);
    set->pixels[SPLIT_VALID] = set->owned[SPLIT_VALID] = x;
    set->labels[SPLIT_VALID] = y;
    if (!x || !y)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %lld validation images",
                           (long long)valid);
    memcpy(x, set->pixels[SPLIT_TRAIN] + (size_t)n * pixels, (size_t)valid * pixels);
    memcpy(y, set->labels[SPLIT_TRAIN] + n, (size_t)valid * sizeof *y);
    set->count[SPLIT_VALID] = valid;
    set->count[SPLIT_TRAIN] = n;
    return 0;
}

/* One split of imagenet; an absent test split is empty. */
static int32_t map_split(image_set *set, data_split s, const char *dir, sha256 *hash)
{
    static const char *const names[SPLITS] = {"train", "valid", "test"};
    char images[64], labels[64], path[4096];
    snprintf(images, sizeof images, "%s-images-idx4-ubyte", names[s]);
    snprintf(labels, sizeof labels, "%s-labels-idx1-short", names[s]);
    TRY(path_join(path, sizeof path, dir, images));
    if (s == SPLIT_TEST && !file_exists(path))
        return 0;
    idx_mapping *m = &set->mapped[s];
    TRY(idx_map(m, dir, images));
    if (m->ndim != 4 || m->shape[1] != 3 || m->shape[2] > 4096 || m->shape[3] > 4096)
        return podium_fail(PODIUM_EINVAL,
                           "'%s': expected images [n, 3, height, width] of at most 4096 pixels",
                           path);
    if (set->height && (m->shape[2] != set->height || m->shape[3] != set->width))
        return podium_fail(PODIUM_EINVAL, "'%s': images of %lldx%lld pixels, expected %dx%d", path,
                           (long long)m->shape[2], (long long)m->shape[3], set->height, set->width);
    set->height = (int)m->shape[2];
    set->width = (int)m->shape[3];
    set->count[s] = m->shape[0];
    set->pixels[s] = m->data;
    sha256_update(hash, m->base, m->length);
    return idx_read_shorts(&set->labels[s], m->shape[0], set->classes, dir, labels, hash);
}

static int32_t read_imagenet(image_set *set, const char *dir, sha256 *hash)
{
    set->channels = 3;
    set->classes = 1000;
    for (data_split s = SPLIT_TRAIN; s < SPLITS; s++)
        TRY(map_split(set, s, dir, hash));
    return 0;
}

int32_t image_set_read(image_set *out, int which, const char *dir, int64_t valid)
{
    *out = (image_set){.name = image_set_names[which], .channels = 1, .classes = 10};
    sha256 hash;
    sha256_init(&hash);
    int32_t rc;
    if (which == SET_CIFAR10) {
        out->channels = 3;
        rc = read_cifar10(out, dir, &hash);
    } else if (which == SET_IMAGENET) {
        rc = read_imagenet(out, dir, &hash);
    } else {
        out->classes = which == SET_GLYPHS ? 62 : 10;
        rc = read_idx_pair(out, SPLIT_TRAIN, dir, "train-images-idx3-ubyte",
                           "train-labels-idx1-ubyte", &hash);
        if (rc == 0 && which == SET_GLYPHS)
            rc = read_idx_pair(out, SPLIT_VALID, dir, "valid-images-idx3-ubyte",
                               "valid-labels-idx1-ubyte", &hash);
        const char *test = which == SET_GLYPHS ? "test" : "t10k";
        char images[64], labels[64];
        snprintf(images, sizeof images, "%s-images-idx3-ubyte", test);
        snprintf(labels, sizeof labels, "%s-labels-idx1-ubyte", test);
        if (rc == 0)
            rc = read_idx_pair(out, SPLIT_TEST, dir, images, labels, &hash);
    }
    if (rc == 0 && which != SET_GLYPHS && which != SET_IMAGENET)
        rc = split_off(out, valid);
    if (rc == 0) {
        uint8_t digest[32];
        sha256_final(&hash, digest);
        sha256_hex(digest, out->payload);
    } else {
        image_set_release(out);
    }
    return rc;
}

void image_set_release(image_set *s)
{
    for (int i = 0; i < SPLITS; i++) {
        free(s->owned[i]);
        free(s->labels[i]);
        idx_unmap(&s->mapped[i]);
        s->pixels[i] = s->owned[i] = NULL;
        s->labels[i] = NULL;
    }
}
