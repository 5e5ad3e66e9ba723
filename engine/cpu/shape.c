/* Kernels that only move elements: copy, permute, slice, pad, concatenate, patches.  Reals and
 * integers are both 32 bits wide here. */
#include "engine/cpu/cpu.h"

#include <string.h>

static int64_t outer_count(const tensor *t, int64_t axis)
{
    int64_t n = 1;
    for (int64_t d = 0; d < axis; d++)
        n *= t->shape[d];
    return n;
}

static int64_t inner_count(const tensor *t, int64_t axis)
{
    int64_t n = 1;
    for (int64_t d = axis + 1; d < t->ndim; d++)
        n *= t->shape[d];
    return n;
}

static int32_t copy(op_call *c)
{
    const uint32_t *a = c->in[0].data;
    uint32_t *out = c->out[0].data;
    int64_t n = c->out[0].count;
    if (a == out)
        return 0;
#pragma omp parallel num_threads(cpu_team(c, n))
    {
        int64_t lo, hi;
        cpu_share(n, 64, &lo, &hi);
        if (lo < hi)
            memcpy(out + lo, a + lo, (size_t)(hi - lo) * sizeof *out);
    }
    return 0;
}

/* Rows of out's last axis; `strides` are those of the input in out's order of axes. */
static void gather_strided(const op_call *c, const int64_t *strides)
{
    const tensor *o = &c->out[0];
    const uint32_t *from = c->in[0].data;
    uint32_t *to = o->data;
    int last = o->ndim - 1;
    int64_t C = o->shape[last], step = strides[last], rows = o->count ? o->count / C : 0;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, o->count))
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = 0, rest = row;
        for (int d = last - 1; d >= 0; d--) {
            at += rest % o->shape[d] * strides[d];
            rest /= o->shape[d];
        }
        if (step == 1)
            memcpy(to + row * C, from + at, (size_t)C * sizeof *to);
        else
            for (int64_t j = 0; j < C; j++)
                to[row * C + j] = from[at + j * step];
    }
}

static void strides_of(const tensor *t, int64_t *strides)
{
    int64_t step = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        strides[d] = t->shape[d] == 1 ? 0 : step;
        step *= t->shape[d];
    }
}

/* out axis d = in axis i[d] */
static int32_t permute(op_call *c)
{
    int64_t in_strides[TENSOR_MAX_DIMS], strides[TENSOR_MAX_DIMS];
    strides_of(&c->in[0], in_strides);
    for (int d = 0; d < c->out[0].ndim; d++)
        strides[d] = in_strides[c->i[d]];
    gather_strided(c, strides);
    return 0;
}

/* a (extents out's or 1) -> out */
static int32_t broadcast(op_call *c)
{
    int64_t strides[TENSOR_MAX_DIMS];
    strides_of(&c->in[0], strides);
    gather_strided(c, strides);
    return 0;
}

/* Copies extents [from_start, + length) of `from` along the axis to [to_start, + length) of `to`.
 */
static void copy_range(const op_call *c, const tensor *from, int64_t from_start, const tensor *to,
                       int64_t to_start, int64_t length, int64_t axis)
{
    int64_t outer = outer_count(from, axis), inner = inner_count(from, axis);
    int64_t run = length * inner, from_step = from->shape[axis] * inner;
    int64_t to_step = to->shape[axis] * inner;
    const uint32_t *source = (const uint32_t *)from->data + from_start * inner;
    uint32_t *target = (uint32_t *)to->data + to_start * inner;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, outer *run))
    for (int64_t n = 0; n < outer; n++)
        memcpy(target + n * to_step, source + n * from_step, (size_t)run * sizeof *target);
}

static int32_t slice(op_call *c)
{
    int64_t axis = c->i[0];
    copy_range(c, &c->in[0], c->i[1], &c->out[0], 0, c->out[0].shape[axis], axis);
    return 0;
}

static int32_t pad(op_call *c)
{
    int64_t axis = c->i[0];
    if (c->out[0].count)
        memset(c->out[0].data, 0, (size_t)c->out[0].count * sizeof(uint32_t));
    copy_range(c, &c->in[0], 0, &c->out[0], c->i[1], c->in[0].shape[axis], axis);
    return 0;
}

static int32_t concat(op_call *c)
{
    int64_t axis = c->i[0], first = c->in[0].shape[axis];
    copy_range(c, &c->in[0], 0, &c->out[0], 0, first, axis);
    copy_range(c, &c->in[1], 0, &c->out[0], first, c->in[1].shape[axis], axis);
    return 0;
}

/* Moves runs of p pixels between images [N, Ch, H, W] and patches [N, (H/p)(W/p), Ch p p]. */
static void move_patches(const op_call *c, const tensor *images, float *image, float *patches,
                         bool to_images)
{
    int64_t p = c->i[0], N = images->shape[0], Ch = images->shape[1];
    int64_t H = images->shape[2], W = images->shape[3];
    size_t bytes = (size_t)p * sizeof *image;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, images->count))
    for (int64_t row = 0; row < N * Ch * H; row++) {
        int64_t n = row / (Ch * H), ch = row / H % Ch, y = row % H;
        for (int64_t px = 0; px < W / p; px++) {
            int64_t patch = (n * (H / p) + y / p) * (W / p) + px;
            float *in_patch = patches + (patch * Ch + ch) * p * p + y % p * p;
            float *in_image = image + row * W + px * p;
            memcpy(to_images ? in_image : in_patch, to_images ? in_patch : in_image, bytes);
        }
    }
}

static int32_t patches(op_call *c)
{
    move_patches(c, &c->in[0], c->in[0].data, c->out[0].data, false);
    return 0;
}

static int32_t patches_backward(op_call *c)
{
    move_patches(c, &c->out[0], c->out[0].data, c->in[0].data, true);
    return 0;
}

void cpu_shape_kernels(op_kernel *k)
{
    k[OP_COPY].run = copy;
    k[OP_PERMUTE].run = permute;
    k[OP_BROADCAST].run = broadcast;
    k[OP_SLICE].run = slice;
    k[OP_PAD].run = pad;
    k[OP_CONCAT].run = concat;
    k[OP_PATCHES].run = patches;
    k[OP_PATCHES_BACKWARD].run = patches_backward;
}
