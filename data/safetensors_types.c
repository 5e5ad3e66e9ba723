/* Element types of safetensors files, and their numbers. */
#include "data/safetensors_types.h"

#include <string.h>

static const safetensor_type types[] = {
    {"F32", PODIUM_F32, 4},
    {"F64", PODIUM_F64, 8},
    {"I32", PODIUM_I32, 4},
    {"F16", PODIUM_F16, 2},
    {"BF16", PODIUM_BF16, 2},
    {"BOOL", 0, 1},
    {"U8", 0, 1},
    {"I8", 0, 1},
    {"F8_E5M2", 0, 1},
    {"F8_E4M3", 0, 1},
    {"U16", 0, 2},
    {"I16", 0, 2},
    {"U32", 0, 4},
    {"U64", 0, 8},
    {"I64", 0, 8},
};

enum { TYPES = sizeof types / sizeof types[0] };

const safetensor_type *safetensor_type_find(const char *text)
{
    for (int i = 0; i < TYPES; i++)
        if (!strcmp(text, types[i].text))
            return &types[i];
    return NULL;
}

const safetensor_type *safetensor_type_of(int32_t dtype)
{
    for (int i = 0; dtype && i < TYPES; i++)
        if (types[i].dtype == dtype)
            return &types[i];
    return NULL;
}

bool safetensor_count_shape(safetensor *t)
{
    t->count = 1;
    for (int d = 0; d < t->ndim; d++) {
        int64_t extent = t->shape[d];
        if (extent < 0 || (extent > 0 && t->count > INT64_MAX / 16 / extent))
            return false;
        t->count *= extent;
    }
    return true;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static float half_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 0) { /* zero and subnormal: fraction * 2^-24 */
        float x = (float)fraction * 0x1p-24f;
        return sign ? -x : x;
    }
    if (exponent == 31) /* infinite, NaN */
        return from_bits(sign | 0x7f800000 | fraction << 13);
    return from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

static float bf16_to_f32(uint16_t h)
{
    return from_bits((uint32_t)h << 16);
}

double safetensor_number(const safetensor *t, int64_t i)
{
    switch (t->dtype) {
    case PODIUM_F64:
        return ((const double *)t->data)[i];
    case PODIUM_F32:
        return (double)((const float *)t->data)[i];
    case PODIUM_F16:
        return (double)half_to_f32(((const uint16_t *)t->data)[i]);
    case PODIUM_BF16:
        return (double)bf16_to_f32(((const uint16_t *)t->data)[i]);
    default:
        return ((const int32_t *)t->data)[i];
    }
}

void safetensor_to_f32(const safetensor *t, float *out)
{
    if (t->dtype == PODIUM_F32) {
        if (t->count)
            memcpy(out, t->data, (size_t)t->count * sizeof *out);
        return;
    }
    for (int64_t i = 0; i < t->count; i++)
        out[i] = (float)safetensor_number(t, i);
}
