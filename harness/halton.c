/* The scrambled, shifted Halton sequence. */
#include "harness/halton.h"

#include <math.h>
#include <stdbool.h>

#include "base/mt19937.h"

static bool is_prime(int32_t n)
{
    for (int32_t k = 2; k * k <= n; k++)
        if (n % k == 0)
            return false;
    return n > 1;
}

/* The `dims` primes below 997, ascending: 997 itself, the largest under 1000, is not used. */
static int32_t base_of(int32_t d, int32_t dims)
{
    int32_t n = 997;
    for (int32_t left = dims - d; left > 0; left--)
        do
            n--;
        while (!is_prime(n));
    return n;
}

int32_t halton_axis_init(halton_axis *axis, int32_t d, int32_t dims)
{
    if (dims < 1 || dims > HALTON_MAX_DIMS)
        return podium_fail(PODIUM_EINVAL, "a search space of %d dimensions, expected 1 to %d", dims,
                           HALTON_MAX_DIMS);
    if (d < 0 || d >= dims)
        return podium_fail(PODIUM_EINVAL, "no axis %d of %d", d, dims);
    mt19937 g;
    axis->base = base_of(d, dims);
    for (int32_t i = 0; i < axis->base; i++)
        axis->digits[i] = i;
    mt19937_init(&g, (uint32_t)axis->base);
    mt19937_shuffle(&g, axis->digits + 1, axis->base - 1);
    axis->shift = mt19937_uniform(&g);
    return 0;
}

double halton_axis_value(const halton_axis *axis, int64_t i)
{
    double x = 0, denominator = axis->base;
    for (int64_t rest = i + HALTON_SKIPPED + 1; rest; rest /= axis->base) {
        x += axis->digits[rest % axis->base] / denominator;
        denominator *= axis->base;
    }
    return fmod(x + axis->shift, 1.0);
}

void halton_order(uint32_t seed, int32_t n, int32_t *order)
{
    mt19937 g;
    mt19937_init(&g, seed);
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    mt19937_shuffle(&g, order, n);
}
