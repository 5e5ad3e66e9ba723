/* The vector functions of the CPU backend against libm in double. */
#include <math.h>
#include "engine/cpu/vmath.h"
#include "tests/tap.h"

typedef struct function {
    const char *name;
    float (*f)(float);
    double (*exact)(double);
    double low, high;
    double floor; /* the error is relative to max(|exact|, floor) */
    double allowed;
} function;

static float f_exp(float x)
{
    return vm_exp(x);
}

static float f_tanh(float x)
{
    return vm_tanh(x);
}

static float f_erf(float x)
{
    return vm_erf(x);
}

static float f_gelu(float x)
{
    return vm_gelu_tanh(x, vm_exp(vm_gelu_tanh_exponent(x)));
}

static float f_gelu_slope(float x)
{
    return vm_gelu_tanh_slope(x, vm_exp(vm_gelu_tanh_exponent(x)));
}

static float f_erf_slope(float x)
{
    return vm_gelu_erf_slope(x, vm_exp(vm_gelu_erf_exponent(x)));
}

static float f_silu(float x)
{
    return vm_silu(x, vm_exp(vm_silu_exponent(x)));
}

static float f_silu_slope(float x)
{
    return vm_silu_slope(x, vm_exp(vm_silu_exponent(x)));
}

static double erf_slope(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2) + x * 0.39894228040143267794 * exp(-0.5 * x * x);
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static double silu_slope(double x)
{
    double s = 1 / (1 + exp(-x));
    return s + x * s * (1 - s);
}

static double gelu(double x)
{
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static double gelu_slope(double x)
{
    return (gelu(x + 1e-6) - gelu(x - 1e-6)) / 2e-6;
}

static const function functions[] = {
    {"exp", f_exp, exp, -86, 88.7, 0, 2e-7},
    {"tanh", f_tanh, tanh, -12, 12, 0, 2e-7},
    {"erf", f_erf, erf, -6, 6, 1, 5e-7},
    {"gelu", f_gelu, gelu, -8, 8, 0.01, 1e-6},
    {"silu", f_silu, silu, -80, 80, 0.01, 1e-6},
    {"slope of gelu", f_gelu_slope, gelu_slope, -8, 8, 1, 1e-6},
    {"slope of gelu by erf", f_erf_slope, erf_slope, -8, 8, 1, 1e-6},
    {"slope of silu", f_silu_slope, silu_slope, -200, 200, 1, 1e-6},
};

int main(void)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const function *t = &functions[i];
        double worst = 0, at = 0;
        for (int k = 0; k <= 200000; k++) {
            float x = (float)(t->low + (t->high - t->low) * k / 200000);
            double want = t->exact((double)x), scale = fmax(fabs(want), t->floor);
            double error = scale > 0 ? fabs((double)t->f(x) - want) / scale : 0;
            if (!(error <= worst)) {
                worst = error;
                at = (double)x;
            }
        }
        ok(worst <= t->allowed, "%s: error %.2g at %g, allowed %.2g", t->name, worst, at,
           t->allowed);
    }
    ok(vm_exp(-INFINITY) == 0 && vm_exp(-200) == 0, "exp of far below is 0");
    ok(isinf(vm_exp(100)), "exp of far above is infinite");
    ok(f_silu(-1e34f) == 0 && f_gelu(-1e34f) == 0, "gates of far below are closed");
    ok(f_silu_slope(-1e34f) == 0 && f_gelu_slope(-1e15f) == 0 && f_gelu_slope(1e15f) == 1,
       "slopes of far below and above are 0 and 1");
    ok(isnan(f_silu(NAN)) && isnan(f_silu_slope(NAN)) && isnan(f_gelu_slope(NAN)),
       "NaN stays NaN in gates");
    ok(isnan(vm_exp(NAN)) && isnan(vm_tanh(NAN)) && isnan(vm_erf(NAN)), "NaN stays NaN");
    ok(vm_bf16(1.0f) == 0x3F80 && vm_bf16(1.00390625f) == 0x3F80 && vm_bf16(1.01171875f) == 0x3F82,
       "bf16 rounds to nearest, ties to even");
    ok(vm_bf16(NAN) == 0x7FC0, "NaN stays NaN in bf16");
    return tap_done();
}
