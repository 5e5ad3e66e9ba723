/* Programs against plain C loops, in both element types and on both paths (native and interpreted):
 * every function and operator, stores, sums, per-parameter values, limits and messages. */
#include "engine/program_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/tap.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { N = 40003, VECTORS = 4 };

static float f32[VECTORS][N], f32_want[VECTORS][N], f32_other[VECTORS][N];
static double f64[VECTORS][N], f64_want[VECTORS][N];
static const double constants[] = {0.9, 0.003, -2.5};

/* Values of many sizes, both signs, zeros, infinities and NaN. */
static double sample(uint32_t i)
{
    uint32_t h = (i + 1) * 2654435761u;
    h ^= h >> 15;
    if (h % 97 == 0)
        return (double[]){0, -0.0, INFINITY, -INFINITY, NAN}[h / 97 % 5];
    return ((double)(h & 0xFFFF) - 32768) / 8192;
}

static void fill(void)
{
    for (int v = 0; v < VECTORS; v++)
        for (int i = 0; i < N; i++) {
            f64[v][i] = sample((uint32_t)(v * N + i));
            f32[v][i] = (float)f64[v][i];
        }
    memcpy(f32_want, f32, sizeof f32);
    memcpy(f32_other, f32, sizeof f32);
    memcpy(f64_want, f64, sizeof f64);
}

/* Equal as bits, or both NaN. */
static bool same_f32(const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) && !(isnan(a[i]) && isnan(b[i]))) {
            tap_diag("element %lld: %.9g, not %.9g", (long long)i, (double)a[i], (double)b[i]);
            return false;
        }
    return true;
}

static bool same_f64(const double *a, const double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) && !(isnan(a[i]) && isnan(b[i]))) {
            tap_diag("element %lld: %.17g, not %.17g", (long long)i, a[i], b[i]);
            return false;
        }
    return true;
}

static program *compile(const char *text)
{
    program *p = NULL;
    if (program_compile(&p, text))
        tap_diag("%s: %s", text, podium_error());
    return p;
}

static int32_t run_f32(program *p, float (*x)[N], int64_t n, int threads)
{
    void *v[VECTORS] = {x[0], x[1], x[2], x[3]};
    double sums[PROGRAM_MAX_SUMS];
    program_args a = {
        .count = n, .dtype = PODIUM_F32, .vectors = v, .constants = constants, .sums = sums};
    return program_run_host(p, &a, threads);
}

static int32_t run_f64(program *p, int64_t n)
{
    void *v[VECTORS] = {f64[0], f64[1], f64[2], f64[3]};
    program_args a = {.count = n, .dtype = PODIUM_F64, .vectors = v, .constants = constants};
    return program_run_host(p, &a, 1);
}

/* f32_want and f64_want hold the C loop's results: runs both types and both paths. */
static void compare(const char *text)
{
    program *p = compile(text);
    if (!ok(p != NULL, "compiles: %s", text))
        return;
    bool native = p->native != NULL;
    int32_t rc = run_f32(p, f32, N, 1);
    ok(rc == 0 && same_f32(f32[0], f32_want[0], (int64_t)VECTORS * N), "f32 %s is C's: %s",
       native ? "native" : "interpreted", text);
    p->native = NULL;
    rc = run_f32(p, f32_other, N, 2);
    ok(rc == 0 && same_f32(f32_other[0], f32_want[0], (int64_t)VECTORS * N),
       "f32 interpreted by 2 threads is C's: %s", text);
    rc = run_f64(p, N);
    ok(rc == 0 && same_f64(f64[0], f64_want[0], (int64_t)VECTORS * N), "f64 is C's: %s", text);
    program_destroy(p);
}

/* v3 = an expression of x, y, z = v0, v1, v2 in the type `real`, with C functions M(name). */
#define CHECK(text, expression)                                   \
    do {                                                          \
        fill();                                                   \
        for (int i = 0; i < N; i++) {                             \
            {                                                     \
                typedef float real;                               \
                real x = f32[0][i], y = f32[1][i], z = f32[2][i]; \
                (void)x, (void)y, (void)z;                        \
                f32_want[3][i] = (real)(expression);              \
            }                                                     \
            {                                                     \
                typedef double real;                              \
                real x = f64[0][i], y = f64[1][i], z = f64[2][i]; \
                (void)x, (void)y, (void)z;                        \
                f64_want[3][i] = (real)(expression);              \
            }                                                     \
        }                                                         \
        compare("v3 = " text);                                    \
    } while (0)

#define M1(name) (sizeof(real) == 4 ? (real)name##f((float)x) : (real)name((double)x))
#define C(i) ((real)constants[i])

static void test_expressions(void)
{
    CHECK("v0 + v1", x + y);
    CHECK("v0 - v1*v2", x - (real)(y * z));
    CHECK("v0*v1 + v2", (real)(x * y) + z);
    CHECK("v0/v1/v2", (real)(x / y) / z);
    CHECK("-v0 - -v1", -x - -y);
    CHECK("2*v0 - 1e-3", (real)((real)2 * x) - (real)1e-3);
    CHECK("(1 - c0)*v0/(c1 + v1)", (real)((real)((real)1 - C(0)) * x) / (real)(C(1) + y));
    CHECK("sqrt(abs(v0))",
          sizeof(real) == 4 ? (real)sqrtf(fabsf((float)x)) : (real)sqrt(fabs((double)x)));
    CHECK("exp(v0)", M1(exp));
    CHECK("log(v0)", M1(log));
    CHECK("tanh(v0)", M1(tanh));
    CHECK("pow(v0, v1)",
          sizeof(real) == 4 ? (real)powf((float)x, (float)y) : (real)pow((double)x, (double)y));
    CHECK("sign(v0)", (x > 0) - (x < 0));
    CHECK("isfinite(v0)", isfinite(x) ? 1 : 0);
    CHECK("min(v0, v1)", x < y ? x : y);
    CHECK("max(v0, c2)", x > C(2) ? x : C(2));
    CHECK("lt(v0, v1)", x < y);
    CHECK("le(v0, 0)", x <= 0);
    CHECK("le(0, v0)", 0 <= x);
    CHECK("select(lt(v0, v1), v2, -v1)", x < y ? z : -y);
    CHECK("select(v0, 1, v1)", x != 0 ? 1 : y);
    CHECK("fma(v0, v1, v2)", sizeof(real) == 4 ? (real)fmaf((float)x, (float)y, (float)z)
                                               : (real)fma((double)x, (double)y, (double)z));
    CHECK("fma(c0, v0, 2)", sizeof(real) == 4 ? (real)fmaf((float)C(0), (float)x, 2)
                                              : (real)fma((double)C(0), (double)x, 2));
    CHECK("c0", C(0));
    CHECK("v1", y);
}

/* Eighteen values alive at once: more than there are registers. */
static void test_many_live(void)
{
    fill();
    char text[2048] = "";
    size_t used = 0;
    for (int k = 0; k < 16; k++)
        used += (size_t)snprintf(text + used, sizeof text - used, "t%d = v0*%d + v1;", k, k + 1);
    used += (size_t)snprintf(text + used, sizeof text - used, "v3 = v2");
    for (int k = 0; k < 16; k++)
        used += (size_t)snprintf(text + used, sizeof text - used, " + t%d", k);
    for (int i = 0; i < N; i++) {
        f32_want[3][i] = f32[2][i];
        f64_want[3][i] = f64[2][i];
        for (int k = 0; k < 16; k++) {
            float a = f32[0][i] * (float)(k + 1);
            a += f32[1][i];
            f32_want[3][i] += a;
            double b = f64[0][i] * (k + 1);
            b += f64[1][i];
            f64_want[3][i] += b;
        }
    }
    compare(text);
}

static void test_stores(void)
{
    fill();
    memcpy(f32_want[0], f32[1], sizeof f32[0]);
    memcpy(f32_want[1], f32[0], sizeof f32[0]);
    memcpy(f64_want[0], f64[1], sizeof f64[0]);
    memcpy(f64_want[1], f64[0], sizeof f64[0]);
    compare("t0 = v0; v0 = v1; v1 = t0"); /* a swap */
    fill();
    for (int i = 0; i < N; i++) {
        float a = f32[0][i] + f32[1][i], b = a * f32[0][i];
        f32_want[0][i] = f32_want[2][i] = a;
        f32_want[1][i] = b;
        double c = f64[0][i] + f64[1][i], d = c * f64[0][i];
        f64_want[0][i] = f64_want[2][i] = c;
        f64_want[1][i] = d;
    }
    compare("t1 = v0; v0 = v0 + v1; v2 = v0; v1 = v0*t1"); /* old and new elements of v0 */
    fill();
    for (int i = 0; i < N; i++) {
        f32_want[0][i] = f32[1][i] * 0.5F;
        f64_want[0][i] = f64[1][i] * 0.5;
    }
    compare("v0 = v0 + 1; v0 = v1*0.5;"); /* the last assignment counts */
}

/* NAdamW as an optimizer writes it (rate, decay, betas in constants). */
static void test_nadamw(void)
{
    static const double c[] = {0.9, 0.999, 1e-3, 1e-8, 0.01, 0.1, 0.001, 1.7, 0.02};
    static float x[4][N], y[4][N];
    program *p = compile("v2 = c0*v2 + c5*v1; v3 = c1*v3 + c6*v1*v1;"
                         "v0 = v0 - c2*c4*v0; v0 = v0 - c2*(c0*v2 + c5*v1)/(sqrt(v3*c7) + c3)");
    for (int v = 0; v < 4; v++)
        for (int i = 0; i < N; i++)
            x[v][i] = y[v][i] = (float)((v * 7 + i) % 1000) / 777;
    float k[9];
    for (int i = 0; i < 9; i++)
        k[i] = (float)c[i];
    float decay = k[2] * k[4];
    for (int i = 0; i < N; i++) {
        float g = y[1][i], a = k[0] * y[2][i], b = k[5] * g;
        y[2][i] = a + b;
        a = k[1] * y[3][i];
        b = k[6] * g;
        b *= g;
        y[3][i] = a + b;
        a = decay * y[0][i];
        y[0][i] -= a;
        a = k[0] * y[2][i];
        b = k[5] * g;
        a += b;
        a *= k[2];
        float root = sqrtf(y[3][i] * k[7]);
        y[0][i] -= a / (root + k[3]);
    }
    program_args args = {.count = N,
                         .dtype = PODIUM_F32,
                         .vectors = (void *[]){x[0], x[1], x[2], x[3]},
                         .constants = c};
    ok(p && program_run_host(p, &args, 2) == 0 && same_f32(x[0], y[0], 4 * N),
       "a NadamW step is that of a C loop, bit for bit");
    ok(p && program_get_info(p)->reads == 15 && program_get_info(p)->writes == 13,
       "what it reads and writes is known");
    program_destroy(p);
}

static const program_segment segments[] = {
    {3, 5}, {16, 1}, {32, 20000}, {20040, 0}, {20048, 17003}};
enum { SEGMENTS = 5 };

static void test_sums(bool native)
{
    fill();
    for (int i = 0; i < N; i++)
        f32[0][i] = isfinite(f32[0][i]) ? f32[0][i] : 1;
    program *p = compile("s0 += v0*v0; q0 += p0*v0; s1 += 1; s0 += c0; v1 = p0*v0; s2 += v1");
    if (!p)
        return;
    if (!native)
        p->native = NULL;
    double pp[SEGMENTS] = {1, -2, 3, 4, 0.5}, sums[3], q[SEGMENTS], again[3], q2[SEGMENTS];
    program_args a = {.count = N,
                      .dtype = PODIUM_F32,
                      .num_segments = SEGMENTS,
                      .segments = segments,
                      .vectors = (void *[]){f32[0], f32[1]},
                      .constants = constants,
                      .per_param = (const double *[]){pp},
                      .sums = sums,
                      .per_param_sums = (double *[]){q}};
    ok(program_run_host(p, &a, 1) == 0, "sums by segments run (%s)",
       native ? "native" : "interpreted");
    long double want[3] = {0}, want_q[SEGMENTS] = {0};
    memcpy(f32_want[1], f32_other[1], sizeof f32_want[1]);
    for (int s = 0; s < SEGMENTS; s++)
        for (int64_t i = segments[s].offset; i < segments[s].offset + segments[s].count; i++) {
            float square = f32[0][i] * f32[0][i], product = (float)pp[s] * f32[0][i];
            want[0] += (long double)square + (float)constants[0];
            want[1] += 1;
            want[2] += product;
            want_q[s] += product;
            f32_want[1][i] = product;
        }
    for (int i = 0; i < 3; i++)
        close_to(sums[i], (double)want[i], 1e-13, "s%d is the sum of the segments' elements", i);
    for (int i = 0; i < SEGMENTS; i++)
        ok(fabs(q[i] - (double)want_q[i]) <= 1e-13 * fabs((double)want_q[i]), "q0 of segment %d",
           i);
    ok(same_f32(f32[1], f32_want[1], N), "elements between segments are left alone");
    a.sums = again;
    a.per_param_sums = (double *[]){q2};
    for (int threads = 2; threads <= 4; threads++) {
        program_run_host(p, &a, threads);
        ok(!memcmp(sums, again, sizeof sums) && !memcmp(q, q2, sizeof q),
           "%d threads give the same bits", threads);
    }
    p->native = NULL;
    program_run_host(p, &a, 1);
    ok(!memcmp(sums, again, sizeof sums), "both paths give the same sums");
    program_destroy(p);
}

static void test_nan_in_sums(void)
{
    double x[3] = {1, NAN, 2}, sum = 0;
    program *p = compile("s0 += v0");
    program_args a = {.count = 3, .dtype = PODIUM_F64, .vectors = (void *[]){x}, .sums = &sum};
    ok(p && program_run_host(p, &a, 1) == 0 && isnan(sum), "NaN reaches the sum");
    x[1] = INFINITY;
    ok(p && program_run_host(p, &a, 1) == 0 && isinf(sum), "infinity reaches the sum");
    a.count = 0;
    ok(p && program_run_host(p, &a, 4) == 0 && sum == 0, "no elements sum to 0");
    program_destroy(p);
}

static void refuses(const char *text, const char *want)
{
    program *p = NULL;
    int32_t rc = program_compile(&p, text);
    ok(rc == PODIUM_EINVAL && !p, "refused: %.40s", text);
    is_text(podium_error(), want, "says why");
}

static void test_messages(void)
{
    refuses("", "program: column 1: expected a statement, found the end");
    refuses("v0 = ", "program: column 6: expected a number, an operand, a function or '(', found "
                     "the end");
    refuses("v0 = v0 + * v1", "program: column 11: expected a number, an operand, a function or "
                              "'(', found '*'");
    refuses("v0 = (v1", "program: column 9: expected ')' or an operator, found the end");
    refuses("v0 = 3..4", "program: column 8: expected an operator after the number, found '.'");
    refuses("v0 = 1e", "program: column 8: expected digits of an exponent, found the end");
    refuses("v0 = 1e999", "program: column 6: expected a number below 1.8e308, found '1e999'");
    refuses("v0 = sin(v1)", "program: column 6: expected an operand such as v0, t0, c0 or p0, or a "
                            "function, found 'sin'");
    refuses("v0 = pow(v1)", "program: column 12: expected ',' (pow takes 2 operands), found ')'");
    refuses("v0 = exp(v1, v2)",
            "program: column 12: expected ')' (exp takes 1 operand), found ','");
    refuses("v0 = t3", "program: column 6: expected a temporary that was assigned before, found "
                       "'t3'");
    refuses("s0 = v0", "program: column 4: expected '+=' (sums add up), found '='");
    refuses("v0 += v1", "program: column 4: expected '=', found '+'");
    refuses("v0 = s0", "program: column 6: expected an operand that can be read: v, t, c or p (s "
                       "and q only add up), found 's0'");
    refuses("c0 = v0", "program: column 1: expected a statement that begins with v, t, s or q and "
                       "a number, found 'c0'");
    refuses("v0 = v1 v2", "program: column 9: expected an operator, ';' or the end, found 'v2'");
    refuses("v99 = 1", "program: column 1: expected at most 32 vectors");
    refuses("v0 = v4294967296", "program: column 6: expected at most 32 vectors");
    refuses("v0 = v1\x01", "program: column 8: expected an operator, ';' or the end, found byte "
                           "0x01");
    char deep[256] = "v0 = ";
    memset(deep + 5, '(', 100);
    refuses(deep, "program: column 70: expected at most 64 levels of nesting");
    memset(deep + 5, '-', 100);
    refuses(deep, "program: column 69: expected at most 64 levels of nesting");
    char *text = malloc(PROGRAM_MAX_TEXT + 2);
    memset(text, ' ', PROGRAM_MAX_TEXT + 1);
    text[PROGRAM_MAX_TEXT + 1] = 0;
    refuses(text, "program: column 16385: expected at most 16384 bytes of text");
    free(text);
}

static void test_arguments(void)
{
    float x[32] = {0};
    program *p = compile("v0 = v0 + p0*v1");
    double one = 1;
    program_args a = {.count = 16, .dtype = PODIUM_F32, .vectors = (void *[]){x, x + 8}};
    ok(p && program_run_host(p, &a, 1) == PODIUM_EINVAL, "p0 needs segments");
    a.num_segments = 1;
    a.segments = &(program_segment){0, 16};
    a.per_param = (const double *[]){&one};
    ok(p && program_run_host(p, &a, 1) == PODIUM_EINVAL, "overlapping vectors are refused");
    is_text(podium_error(), "program: v0 is written and overlaps v1: give one vector one name",
            "by name");
    a.vectors = (void *[]){x, x + 16};
    ok(p && program_run_host(p, &a, 1) == 0, "adjacent ones are not");
    a.segments = &(program_segment){8, 9};
    ok(p && program_run_host(p, &a, 1) == PODIUM_EINVAL, "a segment past the end is refused");
    program_destroy(p);
}

/* The source that GPUs compile says the same values; the text is checked, a device runs it in
 * test_backend_cuda. */
static void test_source(void)
{
    program *p = compile("t0 = v1*v1; v0 = v0 - c0*sqrt(t0); s0 += t0");
    char *source = NULL;
    ok(p && program_print_source(p, PODIUM_F32, &source) == 0, "prints source");
    ok(source && strstr(source, "typedef float real;") && strstr(source, "sqrtf("),
       "f32 source uses sqrtf");
    ok(source && strstr(source, "v0[i] = ") && !strstr(source, "v1[i] = "), "stores v0 only");
    free(source);
    ok(p && program_print_source(p, PODIUM_I32, &source) == PODIUM_EINVAL, "no integers");
    program_destroy(p);
}

int main(void)
{
    test_expressions();
    test_many_live();
    test_stores();
    test_nadamw();
    test_sums(true);
    test_sums(false);
    test_nan_in_sums();
    test_messages();
    test_arguments();
    test_source();
    return tap_done();
}
