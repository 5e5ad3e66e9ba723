/* The image sets as users have them: small MNIST and CIFAR-10 files in the standard formats and
 * folders, whole, missing, cut and damaged. */
#include "data/image_sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/text.h"
#include "data/cifar.h"
#include "tests/tap.h"

enum { SIDE = 28, COUNT = 40, RECORDS = 10, RECORD = CIFAR_PIXELS + 1 };

static char base[] = "/tmp/podium-image-sets-XXXXXX";
static uint8_t bytes[16 + COUNT * SIDE * SIDE + RECORDS * RECORD];

static const char *at(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", base, name);
    return path;
}

static void put(const char *name, const void *from, size_t length)
{
    FILE *f = fopen(at(name), "wb");
    if (!f || fwrite(from, 1, length, f) != length || fclose(f))
        tap_diag("cannot write '%s'", at(name));
}

static void put_gz(const char *name, const void *from, size_t length)
{
    gzFile f = gzopen(at(name), "wb");
    if (!f || gzwrite(f, from, (unsigned)length) != (int)length || gzclose(f) != Z_OK)
        tap_diag("cannot write '%s'", at(name));
}

/* IDX images or (side 0) labels in `bytes`; returns the length. */
static size_t idx(int count, int side)
{
    uint8_t header[16] = {0, 0, 8, side ? 3 : 1,  0, 0, 0, (uint8_t)count,
                          0, 0, 0, (uint8_t)side, 0, 0, 0, (uint8_t)side};
    size_t start = side ? 16 : 8, body = side ? (size_t)(count * side * side) : (size_t)count;
    memcpy(bytes, header, start);
    for (size_t i = 0; i < body; i++)
        bytes[start + i] = (uint8_t)(side ? i * 7 : i % 10);
    return start + body;
}

static void put_idx(const char *folder)
{
    static const char *const parts[] = {"train", "t10k"};
    char name[256];
    directory_create(at(folder));
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s-images-idx3-ubyte.gz", folder, parts[i]);
        put_gz(name, bytes, idx(i ? 10 : COUNT, SIDE));
        snprintf(name, sizeof name, "%s/%s-labels-idx1-ubyte", folder, parts[i]);
        put(name, bytes, idx(i ? 10 : COUNT, 0));
    }
}

static size_t cifar(int first)
{
    for (int i = 0; i < RECORDS; i++) {
        bytes[i * RECORD] = (uint8_t)i;
        memset(bytes + i * RECORD + 1, first + i, CIFAR_PIXELS);
    }
    return RECORDS * RECORD;
}

static void put_cifar(const char *folder)
{
    char name[256];
    directory_create(at(folder));
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "%s/data_batch_%d.bin", folder, i);
        put(name, bytes, cifar(20 * i));
    }
    snprintf(name, sizeof name, "%s/test_batch.bin", folder);
    put(name, bytes, cifar(200));
}

static image_data *open_set(const char *yaml, int patch, int32_t *rc)
{
    yaml_document *doc = NULL;
    image_data *d = NULL;
    data_key key = {.enabled = patch > 0};
    *rc = yaml_parse(&doc, yaml, strlen(yaml), "test");
    if (*rc == 0)
        *rc = image_data_open(&d, yaml_root(doc), base, patch, &key);
    yaml_destroy(doc);
    return d;
}

/* The set opens with images of this size and count. */
static void opens(const char *yaml, int channels, int side, int patch, const char *what)
{
    int32_t rc;
    image_data *d = open_set(yaml, patch, &rc);
    image_batch b;
    ok(rc == 0 && image_data_channels(d) == channels && image_data_height(d) == side &&
           image_data_classes(d) == 10 && image_data_count(d, SPLIT_VALID) == 10 &&
           image_data_count(d, SPLIT_TEST) == 10 && image_data_train(d, 1, 0, 16, 0, 16, &b) == 0 &&
           b.count == 16,
       "%s%s%s", what, rc ? ": " : "", rc ? podium_error() : "");
    image_data_close(d);
}

static void refuses(const char *yaml, int patch, int32_t want, const char *text)
{
    int32_t rc;
    image_data *d = open_set(yaml, patch, &rc);
    ok(rc == want && strstr(podium_error(), text), "%d, '%s': %s", (int)rc, text,
       rc ? podium_error() : "it opened");
    image_data_close(d);
}

static void check_mnist(void)
{
    const char *mnist = "{set: mnist, valid: 10}";
    refuses(mnist, 0, PODIUM_EIO, "`podium data mnist` checks it");
    put_idx("MNIST/raw");
    opens(mnist, 1, SIDE, 4, "MNIST where torchvision keeps it, patches of 4");
    put_idx("mnist");
    unlink(at("MNIST/raw/t10k-labels-idx1-ubyte"));
    opens(mnist, 1, SIDE, 7, "the set's own folder comes first, patches of 7");
    refuses(mnist, 8, PODIUM_EINVAL, "patch 8 does not divide images of 28x28");
    refuses("{set: mnist}", 0, PODIUM_EINVAL, "'valid' sets how many");
    put_gz("mnist/t10k-images-idx3-ubyte.gz", bytes, idx(10, SIDE) - 1);
    refuses(mnist, 0, PODIUM_EINVAL, "t10k-images-idx3-ubyte.gz' is truncated: 7839 bytes");
    put("mnist/t10k-images-idx3-ubyte", bytes, idx(9, SIDE));
    refuses(mnist, 0, PODIUM_EINVAL, "10 labels, expected 9");
    put("mnist/t10k-images-idx3-ubyte", bytes, 0);
    refuses(mnist, 0, PODIUM_EINVAL, "not an IDX file");
    unlink(at("mnist/t10k-images-idx3-ubyte"));
    put("mnist/t10k-images-idx3-ubyte.gz", "\x1f\x8b\x08\0\0\0\0\0\0\0garbage", 17);
    refuses(mnist, 0, PODIUM_EINVAL, "cannot read");
    put_idx("fashion-mnist");
    opens("{set: fashion_mnist, valid: 10}", 1, SIDE, 14,
          "Fashion-MNIST as its repository is named");
}

static void check_cifar(void)
{
    const char *set = "{set: cifar10, valid: 10}";
    refuses(set, 0, PODIUM_EIO, "data_batch_1.bin' or '");
    put_cifar("cifar-10-batches-bin");
    opens(set, 3, 32, 8, "CIFAR-10 as its archive unpacks, patches of 8");
    put_cifar("cifar10");
    opens(set, 3, 32, 4, "and in its own folder, patches of 4");
    put("cifar10/data_batch_3.bin", bytes, cifar(0) - RECORD);
    refuses(set, 0, PODIUM_EINVAL, "data_batch_3.bin' is truncated or");
    put("cifar10/data_batch_3.bin", bytes, cifar(0) - 1);
    refuses(set, 0, PODIUM_EINVAL, "is no whole number of CIFAR-10 records");
    cifar(0);
    bytes[2 * RECORD] = 10;
    put("cifar10/data_batch_3.bin", bytes, RECORDS * RECORD);
    refuses(set, 0, PODIUM_EINVAL, "data_batch_3.bin': label 10 of record 2");
    unlink(at("cifar10/data_batch_3.bin"));
    refuses(set, 0, PODIUM_EIO, "no '/tmp/podium-image-sets-");
    put_gz("cifar10/data_batch_3.bin.gz", bytes, cifar(60));
    opens(set, 3, 32, 16, "a packed batch counts too, patches of 16");
}

int main(void)
{
    char command[256];
    if (!mkdtemp(base))
        return tap_skip_all("no temporary folder");
    check_mnist();
    check_cifar();
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    ok(system(command) == 0, "cleaned up");
    return tap_done();
}
