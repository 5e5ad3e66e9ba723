/* IDX files: good ones in one and several parts, and every way to be broken. */
#include "data/idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "data/files.h"
#include "tests/tap.h"

static char dir[] = "/tmp/podium-idx-XXXXXX";

/* 3 images of 2x2: bytes 0 .. 11 */
static uint8_t good[] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0,  0,
                         0, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static void broken(const uint8_t *bytes, size_t n, const char *expect)
{
    idx_array a;
    int32_t rc = idx_parse(&a, bytes, n, "some-file");
    ok(rc == PODIUM_EINVAL && strstr(podium_error(), expect) && strstr(podium_error(), "some-file"),
       "refused: %s", podium_error());
    idx_release(&a);
}

static void change(size_t at, uint8_t to, size_t n, const char *expect)
{
    uint8_t bytes[sizeof good + 1] = {0};
    memcpy(bytes, good, sizeof good);
    bytes[at] = to;
    broken(bytes, n, expect);
}

static void path_of(char *path, size_t size, const char *name)
{
    if (path_join(path, size, dir, name) < 0)
        exit(1);
}

static void write_gz(const char *name, const uint8_t *bytes, size_t n)
{
    char path[256];
    path_of(path, sizeof path, name);
    gzFile f = gzopen(path, "wb");
    if (!f || gzwrite(f, bytes, (unsigned)n) != (int)n || gzclose(f) != Z_OK)
        exit(1);
}

static void drop(const char *name)
{
    char path[256];
    path_of(path, sizeof path, name);
    unlink(path);
}

static void test_files(void)
{
    idx_array a;
    char path[256];
    char *raw = NULL;
    size_t n = 0;
    path_of(path, sizeof path, "plain");
    ok(file_write_atomic(path, good, sizeof good) == 0, "a file is written");
    ok(idx_read(&a, dir, "plain", NULL) == 0 && a.count == 12, "a plain file is read");
    idx_release(&a);
    write_gz("parts.0.gz", good, sizeof good);
    write_gz("parts.1.gz", good, sizeof good);
    ok(idx_read(&a, dir, "parts", NULL) == 0 && a.shape[0] == 6 && a.data[12] == 0 &&
           a.data[23] == 11,
       "two parts are one array");
    idx_release(&a);
    uint8_t narrow[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 5, 6};
    write_gz("parts.1.gz", narrow, sizeof narrow);
    ok(idx_read(&a, dir, "parts", NULL) == PODIUM_EINVAL && strstr(podium_error(), "parts.1.gz"),
       "a part of other extents is refused: %s", podium_error());
    path_of(path, sizeof path, "parts.0.gz");
    if (file_read(path, 1 << 20, &raw, &n) < 0 || file_write_atomic(path, raw, n - 12) < 0)
        exit(1);
    free(raw);
    ok(idx_read(&a, dir, "parts", NULL) == PODIUM_EINVAL && strstr(podium_error(), "parts.0.gz"),
       "a truncated gzip stream is refused: %s", podium_error());
    ok(idx_read(&a, dir, "absent", NULL) == PODIUM_EIO && strstr(podium_error(), "/absent'"),
       "a missing file is named: %s", podium_error());
    ok(file_read(path, 3, &raw, &n) == PODIUM_EINVAL, "a file above the bound is refused");
    drop("plain");
    drop("parts.0.gz");
    drop("parts.1.gz");
}

int main(void)
{
    idx_array a;
    if (!mkdtemp(dir))
        return 1;
    ok(idx_parse(&a, good, sizeof good, "good") == 0 && a.ndim == 3 && a.shape[0] == 3 &&
           a.shape[2] == 2 && a.data[11] == 11,
       "three images of 2 x 2");
    idx_release(&a);
    for (size_t n = 0; n < sizeof good; n++) {
        idx_array b;
        if (idx_parse(&b, good, n, "cut") != PODIUM_EINVAL)
            ok(false, "cut to %zu bytes", n);
        idx_release(&b);
    }
    broken(good, sizeof good - 1, "truncated");
    broken(good, 3, "magic");
    change(0, 1, sizeof good, "magic");
    change(2, 0x0d, sizeof good, "type 0x0d");
    change(3, 9, sizeof good, "9 IDX dimensions");
    change(3, 0, sizeof good, "0 IDX dimensions");
    change(4, 255, sizeof good, "out of range");
    change(6, 1, sizeof good, "truncated");
    change(7, 0, sizeof good, "extent 0");
    change(0, 0, sizeof good + 1, "trailing");
    uint8_t huge[] = {0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    broken(huge, sizeof huge, "extent 1");
    uint8_t bytes[] = {0, 0, 8, 1, 0, 0, 0, 3, 4, 9, 2};
    ok(idx_parse(&a, bytes, sizeof bytes, "labels") == 0, "three labels");
    ok(idx_check_labels(&a, 3, 10, "labels") == 0, "all below 10");
    ok(idx_check_labels(&a, 3, 9, "labels") == PODIUM_EINVAL && strstr(podium_error(), "label 9"),
       "label 9 of 9 classes: %s", podium_error());
    ok(idx_check_labels(&a, 4, 10, "labels") == PODIUM_EINVAL, "as many labels as images");
    idx_release(&a);
    test_files();
    rmdir(dir);
    return tap_done();
}
