/* safetensors files: what is written is read back, two-byte floats are exact, and every way to be
 * damaged is refused with its reason. */
#include "data/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/tap.h"

static char dir[] = "/tmp/podium-safetensors-XXXXXX";
static char path[256];

/* A file of `header` and `bytes` zero bytes of data, parsed. */
static int32_t parse(safetensors **out, const char *header, size_t bytes)
{
    size_t n = strlen(header);
    unsigned char *file = calloc(1, 8 + n + bytes);
    if (!file)
        exit(1);
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)(n >> 8 * i);
    memcpy(file + 8, header, n);
    int32_t rc = safetensors_parse(out, file, 8 + n + bytes, "some-file");
    free(file);
    return rc;
}

static void refused(const char *header, size_t bytes, const char *expect)
{
    safetensors *s;
    int32_t rc = parse(&s, header, bytes);
    ok(rc == PODIUM_EINVAL && !s && strstr(podium_error(), expect) &&
           strstr(podium_error(), "some-file"),
       "refused: %s", rc ? podium_error() : header);
    safetensors_close(s);
}

static void accepted(const char *header, size_t bytes, size_t tensors, const char *why)
{
    safetensors *s = NULL;
    int32_t rc = parse(&s, header, bytes);
    ok(rc == 0 && safetensors_count(s) == tensors, "read: %s%s", why, rc ? podium_error() : "");
    safetensors_close(s);
}

#define X(rest) "{\"x\": {" rest "}}"
#define F32(name, shape, from, to) \
    "\"" name "\": {\"dtype\": \"F32\", \"shape\": " shape ", \"data_offsets\": [" from ", " to "]}"

static void test_headers(void)
{
    accepted("{}", 0, 0, "a file without tensors");
    accepted("{" F32("a", "[2]", "0", "8") "," F32("b", "[]", "8", "12") "}   ", 12, 2, "padding");
    accepted("{" F32("b", "[]", "8", "12") "," F32("a", "[2]", "0", "8") "}", 12, 2, "any order");
    accepted("{" F32("a", "[0]", "0", "0") "," F32("b", "[1]", "0", "4") "}", 4, 2, "an empty one");
    accepted("{\"i\": {\"dtype\": \"I64\", \"shape\": [1], \"data_offsets\": [0, 8]}," F32(
                 "a", "[1]", "8", "12") "}",
             12, 1, "another type is left out");

    refused("{" F32("a", "[2]", "0", "8") "," F32("b", "[2]", "4", "12") "}", 12,
            "tensor 'b' overlaps tensor 'a' at byte 4");
    refused("{" F32("a", "[3]", "0", "12") "," F32("b", "[1]", "4", "8") "}", 12,
            "tensor 'b' overlaps tensor 'a' at byte 4");
    refused("{" F32("a", "[2]", "0", "8") "," F32("b", "[2]", "0", "8") "}", 8, "overlaps");
    refused("{\"i\": {\"dtype\": \"I64\", \"shape\": [1], \"data_offsets\": [0, 8]}," F32(
                "a", "[1]", "4", "8") "}",
            8, "tensor 'a' overlaps tensor 'i'");
    refused("{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "8", "12") "}", 12,
            "no tensor holds bytes 4 to 8, before tensor 'b'");
    refused("{" F32("a", "[1]", "0", "4") "}", 6, "no tensor holds bytes 4 to 6, the last");
    refused("{}", 1, "no tensor holds bytes 0 to 1");
    refused("{" F32("a", "[2]", "0", "8") "}", 7, "bytes 0 to 8 of 7 bytes of data");
    refused("{" F32("a", "[1]", "8", "4") "}", 8, "bytes 8 to 4");
    refused("{" F32("a", "[1]", "-4", "0") "}", 0, "bytes -4 to 0");
    refused("{" F32("a", "[1]", "9223372036854775804", "9223372036854775807") "}", 4,
            "of 4 bytes of data");
    refused("{" F32("a", "[3]", "0", "8") "}", 8, "8 bytes, but its shape and type F32 make 12");
    refused("{" F32("a", "[]", "0", "8") "}", 8, "make 4");
    refused("{" F32("a", "[-1]", "0", "0") "}", 0, "shape: negative or too large");
    refused("{" F32("a", "[2147483648, 2147483648, 4]", "0", "0") "}", 0, "too large");
    refused("{" F32("a", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "at most 8 extents");
    refused("{" F32("a", "[1.5]", "0", "4") "}", 4, "extent 0 is no integer");
    refused("{" F32("a", "[1]", "0.0", "4") "}", 4, "expected two integers");
    refused("{\"b\": {\"dtype\": \"U8\", \"shape\": [2], \"data_offsets\": [0, 2]}," F32(
                "a", "[1]", "2", "6") "}",
            6, "begins at byte 2, no multiple of the 4 bytes");
    refused(X("\"shape\": [1], \"data_offsets\": [0, 4]"), 4, "dtype: expected a type");
    refused(X("\"dtype\": \"F31\", \"shape\": [1], \"data_offsets\": [0, 4]"), 4,
            "unknown type 'F31'");
    refused(X("\"dtype\": \"F32\", \"data_offsets\": [0, 4]"), 4, "expected a list");
    refused(X("\"dtype\": \"F32\", \"shape\": [1]"), 4, "data_offsets: expected two integers");
    refused("{\"x\": 3}", 0, "tensor 'x': dtype");
    refused("{\"__metadata__\": {\"a\": 1}}", 0, "__metadata__: expected texts");
    refused("{" F32("a", "[1]", "0", "4") "," F32("a", "[1]", "4", "8") "}", 8, "not JSON");
    refused("[]", 0, "no JSON object");
    refused("{\"x\": ", 0, "not JSON");
}

static void test_prefix(void)
{
    safetensors *s;
    unsigned char file[16] = {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    ok(safetensors_parse(&s, file, 7, "f") == PODIUM_EINVAL && strstr(podium_error(), "7 bytes"),
       "refused: %s", podium_error());
    ok(safetensors_parse(&s, file, 16, "f") == PODIUM_EINVAL &&
           strstr(podium_error(), "a header of 9 bytes in a file of 16 bytes"),
       "refused: %s", podium_error());
    memset(file, 255, 8);
    ok(safetensors_parse(&s, file, 16, "f") == PODIUM_EINVAL, "refused: %s", podium_error());
    ok(safetensors_open(&s, "/nonexistent/file") == PODIUM_EIO, "refused: %s", podium_error());
}

static const float f32s[] = {1.5f, -2, 0.1f, 3, 4, 5};
static const double f64s[] = {M_PI};
static const int32_t i32s[] = {INT32_MIN, 7};
static const uint16_t halves[] = {0x3c00, 0xc000, 0x7bff}; /* 1, -2, 65504 */
static const uint16_t brains[] = {0x3f80, 0xc2f7};         /* 1, -123.5 */

static const safetensor all[] = {
    {.name = "half", .dtype = PODIUM_F16, .ndim = 1, .shape = {3}, .data = halves},
    {.name = "x", .dtype = PODIUM_F32, .ndim = 2, .shape = {2, 3}, .data = f32s},
    {.name = "none", .dtype = PODIUM_F32, .ndim = 2, .shape = {0, 3}},
    {.name = "ids", .dtype = PODIUM_I32, .ndim = 1, .shape = {2}, .data = i32s},
    {.name = "pi", .dtype = PODIUM_F64, .data = f64s},
    {.name = "brain/\"\303\266\"", .dtype = PODIUM_BF16, .ndim = 1, .shape = {2}, .data = brains},
};
enum { ALL = sizeof all / sizeof all[0] };

static void test_round_trip(void)
{
    safetensors *s = NULL;
    float out[6];
    ok(safetensors_write(path, all, ALL, (const char *[]){"format", "pt", NULL}) == 0 &&
           safetensors_open(&s, path) == 0 && safetensors_count(s) == ALL,
       "%d tensors are written and read", ALL);
    for (int i = 0; s && i < ALL; i++) {
        const safetensor *t = safetensors_find(s, all[i].name);
        size_t size = all[i].dtype == PODIUM_F64                                 ? 8
                      : all[i].dtype == PODIUM_F32 || all[i].dtype == PODIUM_I32 ? 4
                                                                                 : 2;
        ok(t && t->dtype == all[i].dtype && t->ndim == all[i].ndim &&
               !memcmp(t->shape, all[i].shape, sizeof t->shape) && (uintptr_t)t->data % size == 0 &&
               (!t->count || !memcmp(t->data, all[i].data, (size_t)t->count * size)),
           "'%s' has its type, shape and bits, aligned", all[i].name);
    }
    const safetensor *t = s ? safetensors_find(s, "half") : NULL;
    if (t)
        safetensor_to_f32(t, out);
    ok(t && out[0] == 1 && out[1] == -2 && out[2] == 65504, "F16 to f32");
    if ((t = s ? safetensors_find(s, "brain/\"\303\266\"") : NULL))
        safetensor_to_f32(t, out);
    ok(t && out[0] == 1 && out[1] == -123.5f, "BF16 to f32");
    if ((t = s ? safetensors_find(s, "pi") : NULL))
        safetensor_to_f32(t, out);
    ok(t && out[0] == (float)M_PI && safetensor_number(t, 0) == M_PI, "F64, rounded and exact");
    if ((t = s ? safetensors_find(s, "ids") : NULL))
        safetensor_to_f32(t, out);
    ok(t && out[1] == 7 && safetensor_number(t, 0) == INT32_MIN, "I32");
    safetensors_close(s);
}

/* All 65536 of them, by the definition. */
static void test_halves(void)
{
    int wrong = 0;
    for (uint32_t h = 0; h < 65536; h++) {
        uint16_t bits = (uint16_t)h;
        safetensor half = {.dtype = PODIUM_F16, .count = 1, .data = &bits};
        safetensor brain = {.dtype = PODIUM_BF16, .count = 1, .data = &bits};
        double sign = h >> 15 ? -1 : 1, got = safetensor_number(&half, 0);
        int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
        double want = exponent == 31 ? (fraction ? NAN : INFINITY)
                      : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                     : ldexp(fraction, -24);
        wrong += isnan(want) ? !isnan(got) : got != sign * want || signbit(got) != (sign < 0);
        got = safetensor_number(&brain, 0);
        exponent = (int)(h >> 7 & 255);
        fraction = (int)(h & 127);
        want = exponent == 255 ? (fraction ? NAN : INFINITY)
               : exponent      ? ldexp(128 + fraction, exponent - 134)
                               : ldexp(fraction, -133);
        wrong += isnan(want) ? !isnan(got) : got != sign * want || signbit(got) != (sign < 0);
    }
    ok(wrong == 0, "every F16 and BF16 pattern has its value, %d differ", wrong);
}

static void not_written(safetensor t, const char *expect)
{
    safetensor both[] = {all[1], t};
    int32_t rc = safetensors_write(path, both, 2, NULL);
    ok(rc == PODIUM_EINVAL && strstr(podium_error(), expect), "not written: %s", podium_error());
}

static void test_write_errors(void)
{
    safetensors *s = NULL;
    not_written(all[1], "'x' is used twice");
    not_written((safetensor){.name = "", .dtype = PODIUM_F64, .data = f64s}, "is empty");
    not_written((safetensor){.name = "__metadata__", .dtype = PODIUM_F64, .data = f64s},
                "is reserved");
    not_written((safetensor){.name = "\xff", .dtype = PODIUM_F64, .data = f64s}, "not UTF-8");
    not_written((safetensor){.name = "y", .dtype = 99, .data = f64s}, "type 99");
    not_written((safetensor){.name = "y", .dtype = PODIUM_F64, .ndim = 1, .shape = {-1}},
                "bad shape");
    not_written((safetensor){.name = "y", .dtype = PODIUM_F64, .ndim = 9}, "bad shape");
    ok(safetensors_open(&s, path) == 0 && safetensors_count(s) == ALL,
       "the file that was there is untouched");
    safetensors_close(s);
    char elsewhere[300];
    snprintf(elsewhere, sizeof elsewhere, "%s/absent/file", dir);
    ok(safetensors_write(elsewhere, all, ALL, NULL) == PODIUM_EIO, "%s", podium_error());
    ok(safetensors_write(path, NULL, 0, NULL) == 0 && safetensors_open(&s, path) == 0 &&
           safetensors_count(s) == 0,
       "a file without tensors replaces it");
    safetensors_close(s);
    snprintf(elsewhere, sizeof elsewhere, "%s.new", path);
    ok(!file_exists(elsewhere), "no temporary file stays");
}

/* Cut anywhere, the file is refused. */
static void test_cut(void)
{
    char *bytes;
    size_t n, taken = 0;
    if (safetensors_write(path, all, ALL, NULL) || file_read(path, 1 << 20, &bytes, &n))
        exit(1);
    for (size_t i = 0; i < n; i++) {
        safetensors *s;
        taken += safetensors_parse(&s, bytes, i, "cut") == 0;
        safetensors_close(s);
    }
    free(bytes);
    ok(taken == 0, "a file of %zu bytes cut at any of them is refused", n);
}

int main(void)
{
    if (!mkdtemp(dir) || path_join(path, sizeof path, dir, "file.safetensors"))
        return 1;
    test_headers();
    test_prefix();
    test_halves();
    test_round_trip();
    test_write_errors();
    test_cut();
    unlink(path);
    rmdir(dir);
    return tap_done();
}
