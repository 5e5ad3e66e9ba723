/* Images cut into non-overlapping patches: images [N, Ch, H, W] <-> patches [N, (H/p)(W/p), Ch p
 * p], each patch in the order (channel, y, x), patches row-major. */
#include "engine/ref/ref.h"

/* Moves every pixel to its patch, or back. */
static void move(const tensor *images, double *image_data, double *patch_data, int64_t p,
                 bool to_images)
{
    int64_t N = images->shape[0], Ch = images->shape[1];
    int64_t H = images->shape[2], W = images->shape[3];
    for (int64_t i = 0; i < N * Ch * H * W; i++) {
        int64_t n = i / (Ch * H * W), ch = i / (H * W) % Ch, y = i / W % H, x = i % W;
        int64_t patch = y / p * (W / p) + x / p;
        int64_t inside = (ch * p + y % p) * p + x % p;
        int64_t at = (n * (H / p) * (W / p) + patch) * Ch * p * p + inside;
        if (to_images)
            image_data[i] = patch_data[at];
        else
            patch_data[at] = image_data[i];
    }
}

static int32_t patches(op_call *c)
{
    move(&c->in[0], c->in[0].data, c->out[0].data, c->i[0], false);
    return 0;
}

static int32_t patches_backward(op_call *c)
{
    move(&c->out[0], c->out[0].data, c->in[0].data, c->i[0], true);
    return 0;
}

void ref_patches_kernels(op_kernel *k)
{
    k[OP_PATCHES].run = patches;
    k[OP_PATCHES_BACKWARD].run = patches_backward;
}
