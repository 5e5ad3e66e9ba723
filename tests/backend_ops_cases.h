/* The cases of test_backend_ops.c, one function a family; included by it alone. */

static const int64_t lengths[] = {1, 2, 3, 7, 8, 15, 17, 31, 64, 100, 1000, 4099};
#define LENGTHS ((int)(sizeof lengths / sizeof lengths[0]))

static void binary_cases(op_kind kind)
{
    static const int64_t shapes[][3][3] = {
        /* out, a, b */
        {{2, 3, 5}, {2, 3, 5}, {1, 1, 5}},   {{2, 3, 17}, {2, 3, 17}, {2, 1, 17}},
        {{4, 3, 9}, {4, 3, 1}, {4, 3, 9}},   {{4, 3, 9}, {4, 3, 9}, {1, 1, 1}},
        {{3, 1, 33}, {1, 1, 33}, {3, 1, 1}}, {{2, 7, 4}, {1, 7, 1}, {2, 1, 4}},
        {{5, 4, 1}, {5, 1, 1}, {1, 4, 1}},   {{64, 49, 8}, {64, 49, 8}, {1, 49, 8}},
    };
    fill_kind second = kind == OP_DIV ? POSITIVE : NORMAL;
    for (int l = 0; l < LENGTHS; l++) {
        op_case k = make(kind);
        k.in_place = true;
        in(&k, NORMAL, 0, SHAPE(lengths[l]));
        in(&k, second, 0, SHAPE(lengths[l]));
        out(&k, SHAPE(lengths[l]));
        check(&k);
    }
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        op_case k = make(kind);
        k.in_place = true;
        in(&k, NORMAL, 0, 3, shapes[s][1]);
        in(&k, second, 0, 3, shapes[s][2]);
        out(&k, 3, shapes[s][0]);
        check(&k);
    }
}

static fill_kind domain(int kind)
{
    bool positive = kind == UNARY_LOG || kind == UNARY_SQRT || kind == UNARY_RSQRT ||
                    kind == UNARY_RECIPROCAL;
    return positive ? POSITIVE : NORMAL;
}

static void unary_cases(op_kind kind)
{
    for (int f = 0; f < UNARY_COUNT; f++)
        for (int l = 0; l < LENGTHS; l++) {
            op_case k = make(kind);
            k.call.i[0] = f;
            k.in_place = true;
            if (kind == OP_UNARY_BACKWARD)
                in(&k, NORMAL, 0, SHAPE(lengths[l]));
            in(&k, domain(f), 0, SHAPE(lengths[l]));
            out(&k, SHAPE(lengths[l]));
            k.floor = 0.1;
            /* far out, where exp overflows a careless formula */
            double *x = k.call.in[k.num_in - 1].data;
            if (lengths[l] > 64 && domain(f) == NORMAL && f != UNARY_EXP)
                for (int i = 0; i < 40; i++)
                    x[i] = (float)((i - 20) * 6);
            check(&k);
            pool_clear();
        }
}

static void affine_cases(op_kind kind)
{
    for (int l = 0; l < LENGTHS; l++) {
        op_case k = make(kind);
        k.call.f[0] = -1.5;
        k.call.f[1] = 0.25;
        k.in_place = true;
        in(&k, NORMAL, 0, SHAPE(lengths[l]));
        out(&k, SHAPE(lengths[l]));
        check(&k);
    }
}

static void reduce_sum_cases(op_kind kind)
{
    static const int64_t shapes[][4] = {{1, 1, 1, 1},  {2, 3, 5, 7},    {4, 1, 17, 33},
                                        {3, 49, 2, 8}, {1, 200, 1, 31}, {70, 2, 3, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int axes = 0; axes < 16; axes++) {
            op_case k = make(kind);
            int64_t keep[4];
            for (int d = 0; d < 4; d++)
                keep[d] = axes >> d & 1 ? 1 : shapes[s][d];
            k.call.i[0] = axes;
            k.call.f[0] = 0.75;
            in(&k, OFFSET, 0, 4, shapes[s]);
            out(&k, 4, keep);
            k.floor = 1;
            check(&k);
        }
}

static void reduce_max_cases(op_kind kind)
{
    for (int l = 0; l < LENGTHS; l++)
        for (int64_t rows = 1; rows < 8; rows += 3) {
            op_case k = make(kind);
            in(&k, NORMAL, 0, SHAPE(rows, lengths[l]));
            out(&k, SHAPE(rows, 1));
            check(&k);
        }
}

static void broadcast_cases(op_kind kind)
{
    static const int64_t shapes[][4] = {{2, 3, 5, 7}, {1, 4, 17, 1}, {3, 1, 2, 65}, {1, 1, 1, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int axes = 0; axes < 16; axes++) {
            op_case k = make(kind);
            int64_t from[4];
            for (int d = 0; d < 4; d++)
                from[d] = axes >> d & 1 ? 1 : shapes[s][d];
            in(&k, NORMAL, 0, 4, from);
            out(&k, 4, shapes[s]);
            check(&k);
        }
}

static void copy_cases(op_kind kind)
{
    for (int l = 0; l < LENGTHS; l++) {
        op_case k = make(kind);
        in(&k, NORMAL, 0, SHAPE(1, lengths[l]));
        out(&k, SHAPE(lengths[l]));
        check(&k);
    }
}

static void permute_cases(op_kind kind)
{
    static const int64_t shapes[][4] = {{2, 3, 5, 7}, {1, 17, 4, 9}, {4, 49, 2, 16}, {3, 1, 33, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int code = 0; code < 256; code++) {
            int64_t axes[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6}, to[4];
            int seen = 0;
            op_case k = make(kind);
            for (int d = 0; d < 4; d++) {
                seen |= 1 << axes[d];
                k.call.i[d] = axes[d];
                to[d] = shapes[s][axes[d]];
            }
            if (seen != 15)
                continue;
            in(&k, NORMAL, 0, 4, shapes[s]);
            out(&k, 4, to);
            check(&k);
        }
}

/* SLICE, PAD and CONCAT along every axis. */
static void range_cases(op_kind kind)
{
    static const int64_t shapes[][3] = {{4, 5, 6}, {3, 17, 1}, {1, 8, 33}, {2, 2, 96}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int axis = 0; axis < 3; axis++)
            for (int64_t start = 0; start < 3; start++) {
                int64_t shape[3], n = shapes[s][axis];
                memcpy(shape, shapes[s], sizeof shape);
                op_case k = make(kind);
                k.call.i[0] = axis;
                k.call.i[1] = kind == OP_CONCAT ? 0 : start;
                if (kind == OP_SLICE && start >= n)
                    continue;
                in(&k, NORMAL, 0, 3, shape);
                if (kind == OP_SLICE) {
                    shape[axis] = (n - start + 1) / 2;
                } else if (kind == OP_PAD) {
                    shape[axis] = n + start + 2;
                } else {
                    shape[axis] = start + 1;
                    in(&k, NORMAL, 0, 3, shape);
                    shape[axis] += n;
                }
                out(&k, 3, shape);
                check(&k);
            }
}

static void matmul_cases(op_kind kind)
{
    static const int64_t sizes[][3] = {/* m, n, k */
                                       {1, 1, 1},   {1, 7, 5},    {5, 1, 9},   {3, 4, 1},
                                       {8, 16, 32}, {17, 33, 65}, {49, 31, 7}, {100, 63, 129}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int code = 0; code < 16; code++) { /* ta, tb, where the batch is */
            int64_t m = sizes[s][0], n = sizes[s][1], l = sizes[s][2];
            int ta = code & 1, tb = code >> 1 & 1, batched = code >> 2;
            int64_t a[4] = {2, 3, ta ? l : m, ta ? m : l}, b[4] = {2, 3, tb ? n : l, tb ? l : n};
            bool batch_a = batched == 1 || batched == 3, batch_b = batched == 2 || batched == 3;
            op_case k = make(kind);
            k.call.i[0] = ta;
            k.call.i[1] = tb;
            k.product = true;
            in(&k, NORMAL, 0, batch_a ? 4 : 2, batch_a ? a : a + 2);
            in(&k, NORMAL, 0, batch_b ? 4 : 2, batch_b ? b : b + 2);
            if (batched)
                out(&k, SHAPE(2, 3, m, n));
            else
                out(&k, SHAPE(m, n));
            k.floor = 1;
            check(&k);
        }
}

static void gather_cases(op_kind kind)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {5, 3, 7}, {100, 31, 17}, {9, 200, 64}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        int64_t V = sizes[s][0], n = sizes[s][1], C = sizes[s][2];
        op_case k = make(kind);
        if (kind == OP_GATHER_ROWS)
            in(&k, NORMAL, 0, SHAPE(V, C));
        else
            in(&k, NORMAL, 0, SHAPE(1, n, C));
        in(&k, IDS, (int32_t)V, SHAPE(1, n));
        if (kind == OP_GATHER_ROWS)
            out(&k, SHAPE(1, n, C));
        else
            out(&k, SHAPE(V, C));
        k.floor = 1;
        check(&k);
    }
}

static void ids_cases(op_kind kind)
{
    for (int l = 0; l < LENGTHS; l++) {
        op_case k = make(kind);
        in(&k, LABELS, 9, SHAPE(lengths[l]));
        if (kind == OP_ONE_HOT)
            out(&k, SHAPE(lengths[l], 9));
        else
            out(&k, SHAPE(lengths[l]));
        check(&k);
    }
}

static void linear_cases(op_kind kind)
{
    static const int64_t sizes[][3] = {/* M, N, K */
                                       {1, 1, 1},     {3, 5, 7},     {1, 33, 16},   {17, 1, 9},
                                       {64, 62, 16},  {49, 192, 65}, {129, 31, 48}, {200, 40, 104},
                                       {600, 62, 48}, {33, 300, 24}, {20, 40, 530}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int act = ACT_NONE; act <= ACT_SILU; act++)
            for (int with = 0; with < 2; with++) {
                int64_t M = sizes[s][0], N = sizes[s][1], K = sizes[s][2];
                op_case k = make(kind);
                k.call.i[0] = act;
                k.product = true;
                k.floor = fmax(1, sqrt((double)(kind == OP_LINEAR      ? K
                                                : kind == OP_LINEAR_DX ? N
                                                                       : M)) /
                                      10);
                in(&k, NORMAL, 0, SHAPE(M, kind == OP_LINEAR ? K : N));
                if (kind == OP_LINEAR_DW)
                    in(&k, NORMAL, 0, SHAPE(M, K));
                else
                    in(&k, NORMAL, 0, SHAPE(N, K));
                if (kind == OP_LINEAR && with)
                    in(&k, NORMAL, 0, SHAPE(N));
                else if (kind == OP_LINEAR_DX && with)
                    in(&k, NORMAL, 0, SHAPE(M, K));
                else
                    in_none(&k);
                if (kind == OP_LINEAR_DX) {
                    out(&k, SHAPE(M, K));
                } else if (kind == OP_LINEAR) {
                    out(&k, SHAPE(M, N));
                    out_optional(&k, SHAPE(M, N));
                } else {
                    out(&k, SHAPE(N, K));
                    out_optional(&k, SHAPE(N));
                }
                check(&k);
                pool_clear();
            }
}

static const int64_t norm_sizes[][2] = {{1, 1},  {3, 2},   {5, 7},    {17, 16},
                                        {2, 33}, {64, 64}, {49, 192}, {301, 20}};

/* LAYER_NORM and ADD_LAYER_NORM; also the forward part of the backward cases. */
static op_case norm_case(op_kind kind, int64_t rows, int64_t C)
{
    op_case k = make(kind);
    k.call.f[0] = 1e-6;
    k.floor = C == 1 ? 1e3 : 1;
    in(&k, OFFSET, 0, SHAPE(rows, C));
    if (kind == OP_ADD_LAYER_NORM)
        in(&k, NORMAL, 0, SHAPE(rows, C));
    in(&k, NORMAL, 0, SHAPE(C));
    in(&k, NORMAL, 0, SHAPE(C));
    out(&k, SHAPE(rows, C));
    if (kind == OP_ADD_LAYER_NORM)
        out(&k, SHAPE(rows, C));
    out_optional(&k, SHAPE(rows));
    out_optional(&k, SHAPE(rows));
    return k;
}

static void norm_cases(op_kind kind)
{
    for (size_t s = 0; s < sizeof norm_sizes / sizeof norm_sizes[0]; s++) {
        op_case k = norm_case(kind, norm_sizes[s][0], norm_sizes[s][1]);
        check(&k);
    }
}

static void norm_backward_cases(op_kind kind)
{
    for (size_t s = 0; s < sizeof norm_sizes / sizeof norm_sizes[0]; s++)
        for (int with = 0; with < 2; with++) {
            int64_t rows = norm_sizes[s][0], C = norm_sizes[s][1];
            op_case f = norm_case(OP_LAYER_NORM, rows, C), k = make(kind);
            k.forward = &f.call;
            k.floor = C == 1 ? 1e4 : C == 2 ? 30 : 1;
            in(&k, NORMAL, 0, SHAPE(rows, C));
            k.call.in[k.num_in++] = f.call.in[0];
            in_from(&k, 1);
            in_from(&k, 2);
            k.call.in[k.num_in++] = f.call.in[1];
            if (with)
                in(&k, NORMAL, 0, SHAPE(rows, C));
            else
                in_none(&k);
            out(&k, SHAPE(rows, C));
            out_optional(&k, SHAPE(C));
            out_optional(&k, SHAPE(C));
            check(&k);
        }
}

typedef struct attention_size {
    int64_t B, Tq, Tk, H, D;
} attention_size;

static const attention_size attention_sizes[] = {
    {1, 1, 1, 1, 1},    {2, 3, 5, 1, 7},   {1, 17, 17, 2, 8},  {3, 9, 4, 3, 5},  {2, 49, 49, 4, 16},
    {1, 65, 70, 2, 33}, {2, 20, 60, 2, 8}, {2, 20, 60, 2, 16}, {2, 20, 60, 2, 7}};

/* variant: bit 0 causal, bit 1 packed, bits 2-3 mask: none, [1,1,Tk], [B,1,Tk], [B,Tq,Tk], bit 4
 * all query heads share a key head, bit 5 a bias. */
static op_case attention_case(attention_size s, int variant)
{
    op_case k = make(OP_ATTENTION);
    bool packed = variant >> 1 & 1;
    int mask = variant >> 2 & 3;
    int64_t C = s.H * s.D, K = variant >> 4 & 1 ? 1 : s.H;
    k.call.i[3] = K;
    k.call.i[0] = s.H;
    k.call.i[1] = variant & 1;
    k.call.i[2] = packed;
    k.call.f[0] = 1 / sqrt((double)s.D);
    k.product = true;
    k.floor = 1;
    if (packed) {
        s.Tk = s.Tq;
        in(&k, NORMAL, 0, SHAPE(s.B, s.Tq, C + 2 * K * s.D));
        k.call.in[k.num_in++] = k.call.in[0];
        k.call.in[k.num_in++] = k.call.in[0];
    } else {
        in(&k, NORMAL, 0, SHAPE(s.B, s.Tq, C));
        in(&k, NORMAL, 0, SHAPE(s.B, s.Tk, K * s.D));
        in(&k, NORMAL, 0, SHAPE(s.B, s.Tk, K * s.D));
    }
    if (mask)
        in(&k, MASK, 0, SHAPE(mask == 1 ? 1 : s.B, mask == 3 ? s.Tq : 1, s.Tk));
    else
        in_none(&k);
    if (mask == 2) /* the first example has no key at all */
        memset(k.call.in[3].data, 0, (size_t)s.Tk * sizeof(int32_t));
    if (variant >> 5)
        in(&k, NORMAL, 0, SHAPE(s.H, s.Tq, s.Tk));
    else
        in_none(&k);
    out(&k, SHAPE(s.B, s.Tq, C));
    out_optional(&k, SHAPE(s.B, s.H, s.Tq));
    return k;
}

static void attention_cases(op_kind kind)
{
    for (size_t s = 0; s < sizeof attention_sizes / sizeof attention_sizes[0]; s++)
        for (int variant = 0; variant < 64; variant++) {
            op_case f = attention_case(attention_sizes[s], variant), k = make(kind);
            if (kind == OP_ATTENTION) {
                check(&f);
                pool_clear();
                continue;
            }
            k.forward = &f.call;
            k.product = true;
            k.floor = 1;
            memcpy(k.call.i, f.call.i, sizeof k.call.i);
            memcpy(k.call.f, f.call.f, sizeof k.call.f);
            in(&k, NORMAL, 0, f.call.out[0].ndim, f.call.out[0].shape);
            for (int i = 0; i < 3; i++)
                k.call.in[k.num_in++] = f.call.in[i];
            in_from(&k, 0);
            in_from(&k, 1);
            k.call.in[k.num_in++] = f.call.in[3];
            k.call.in[k.num_in++] = f.call.in[4];
            for (int i = 0; i < (f.call.i[2] ? 1 : 3); i++)
                out_like(&k, f.call.in[i]);
            if (f.call.in[4].count) {
                k.num_out = 3;
                out_optional(&k, f.call.in[4].ndim, f.call.in[4].shape);
            }
            check(&k);
            pool_clear();
        }
}

/* RMS_NORM, also the forward part of its backward. */
static op_case rms_norm_case(int64_t rows, int64_t C)
{
    op_case k = make(OP_RMS_NORM);
    k.call.f[0] = 1e-5;
    k.floor = 1;
    in(&k, OFFSET, 0, SHAPE(rows, C));
    in(&k, NORMAL, 0, SHAPE(C));
    out(&k, SHAPE(rows, C));
    out_optional(&k, SHAPE(rows));
    return k;
}

static void rms_norm_cases(op_kind kind)
{
    for (size_t s = 0; s < sizeof norm_sizes / sizeof norm_sizes[0]; s++)
        for (int with = 0; with < 2; with++) {
            int64_t rows = norm_sizes[s][0], C = norm_sizes[s][1];
            op_case f = rms_norm_case(rows, C), k = make(kind);
            if (kind == OP_RMS_NORM) {
                check(&f);
                continue;
            }
            k.forward = &f.call;
            k.floor = C == 1 ? 1e3 : 3;
            in(&k, NORMAL, 0, SHAPE(rows, C));
            k.call.in[k.num_in++] = f.call.in[0];
            in_from(&k, 1);
            k.call.in[k.num_in++] = f.call.in[1];
            if (with)
                in(&k, NORMAL, 0, SHAPE(rows, C));
            else
                in_none(&k);
            out(&k, SHAPE(rows, C));
            out_optional(&k, SHAPE(C));
            check(&k);
        }
}

/* Both directions; all heads or some; positions given, counted from 0 and from further on. */
static void rope_cases(op_kind kind)
{
    static const int64_t sizes[][4] = {/* B, T, D, heads */
                                       {1, 1, 2, 1},
                                       {2, 7, 4, 3},
                                       {3, 65, 16, 2},
                                       {1, 300, 34, 1}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int variant = 0; variant < 12; variant++) {
            int64_t B = sizes[s][0], T = sizes[s][1], D = sizes[s][2], H = sizes[s][3];
            op_case k = make(kind);
            k.call.i[0] = D;
            k.call.i[1] = H;
            k.call.i[2] = variant & 1 ? -1 : 1;
            k.call.i[3] = variant >> 2 == 1 ? 1000 : 0;
            k.call.f[0] = 10000;
            in(&k, NORMAL, 0, SHAPE(B, T, (variant >> 1 & 1 ? H + 2 : H) * D));
            if (variant >> 2 == 2)
                in(&k, IDS, 2000, SHAPE(B, T));
            else
                in_none(&k);
            out_like(&k, k.call.in[0]);
            check(&k);
        }
}

static void shift_cases(op_kind kind)
{
    for (int l = 0; l < LENGTHS; l++)
        for (int64_t by = -2; by <= 2; by++) {
            op_case k = make(kind);
            k.call.i[0] = by;
            k.call.i[1] = -100;
            in(&k, IDS, 50, SHAPE(3, lengths[l]));
            out_ids(&k, SHAPE(3, lengths[l]));
            check(&k);
        }
}

static void segment_cases(op_kind kind)
{
    static const int64_t sizes[][3] = {/* B, Tq, Tk */ {1, 1, 1}, {2, 5, 9}, {3, 64, 33}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int with = 0; with < 2; with++) {
            int64_t B = sizes[s][0], Tq = sizes[s][1], Tk = sizes[s][2];
            op_case k = make(kind);
            in(&k, IDS, 3, SHAPE(B, Tq));
            in(&k, IDS, 3, SHAPE(B, Tk));
            if (with)
                in(&k, MASK, 0, SHAPE(B, Tk));
            else
                in_none(&k);
            out_ids(&k, SHAPE(B, Tq, Tk));
            check(&k);
        }
}

/* PHM, also the forward part of its backward. */
static op_case phm_case(int64_t M, int64_t n, int64_t p, int64_t q, int64_t r)
{
    op_case k = make(OP_PHM);
    k.floor = 1;
    in(&k, NORMAL, 0, SHAPE(M, n * p));
    in(&k, NORMAL, 0, SHAPE(n, n, n));
    in(&k, NORMAL, 0, SHAPE(n, p, r));
    in(&k, NORMAL, 0, SHAPE(n, r, q));
    out(&k, SHAPE(M, n * q));
    out_optional(&k, SHAPE(M, n, n * r));
    return k;
}

static void phm_cases(op_kind kind)
{
    static const int64_t sizes[][5] = {/* M, n, p, q, r */
                                       {1, 1, 1, 1, 1},    {3, 2, 4, 3, 1},    {7, 4, 6, 3, 1},
                                       {7, 4, 3, 6, 2},    {130, 4, 32, 4, 1}, {65, 4, 4, 32, 1},
                                       {33, 12, 16, 2, 1}, {50, 3, 17, 9, 5},  {257, 4, 192, 6, 1}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int64_t *z = sizes[s];
        op_case f = phm_case(z[0], z[1], z[2], z[3], z[4]), k = make(kind);
        if (kind == OP_PHM) {
            check(&f);
            continue;
        }
        k.forward = &f.call;
        k.floor = 10;
        in(&k, NORMAL, 0, SHAPE(z[0], z[1] * z[3]));
        for (int i = 0; i < 4; i++)
            k.call.in[k.num_in++] = f.call.in[i];
        in_from(&k, 1);
        for (int i = 0; i < 4; i++)
            out_like(&k, f.call.in[i]);
        check(&k);
        for (int o = 0; o < 4; o++) { /* each alone */
            op_case one = k;
            for (int i = 0; i < 4; i++)
                if (i != o)
                    one.call.out[i] = (tensor){0};
            check(&one);
        }
    }
}

static op_case softmax_case(int64_t rows, int64_t C)
{
    op_case k = make(OP_SOFTMAX);
    in(&k, NORMAL, 0, SHAPE(rows, C));
    out(&k, SHAPE(rows, C));
    return k;
}

static void softmax_cases(op_kind kind)
{
    for (int l = 0; l < LENGTHS; l++) {
        op_case f = softmax_case(1 + l % 5, lengths[l]), k = make(kind);
        if (kind == OP_SOFTMAX) {
            if (lengths[l] > 1)
                ((double *)f.call.in[0].data)[1] = 200; /* exp overflows without the shift */
            check(&f);
            continue;
        }
        k.forward = &f.call;
        k.floor = 1;
        in(&k, NORMAL, 0, f.call.out[0].ndim, f.call.out[0].shape);
        in_from(&k, 0);
        out_like(&k, f.call.out[0]);
        check(&k);
    }
}

/* variant: bit 0 weights, bit 1 real labels, bit 2 a global denominator, bit 3 smoothing. */
static op_case loss_case(int64_t N, int64_t V, int variant)
{
    static const graph_settings settings[4] = {{0},
                                               {.loss_denominator = 37.5},
                                               {.label_smoothing = 0.1},
                                               {.label_smoothing = 0.2, .loss_denominator = 11}};
    op_case k = make(OP_CROSS_ENTROPY);
    k.call.settings = &settings[variant >> 2];
    k.floor = 1;
    in(&k, NORMAL, 0, SHAPE(N, V));
    if (variant & 2)
        in(&k, POSITIVE, 0, SHAPE(N, V));
    else
        in(&k, LABELS, (int32_t)V, SHAPE(N));
    if (variant & 1) {
        in(&k, WEIGHTS, 0, SHAPE(N));
        ((double *)k.call.in[2].data)[0] = 0.5;
    } else {
        in_none(&k);
    }
    out(&k, SHAPE(1));
    out_optional(&k, SHAPE(N));
    out_optional(&k, SHAPE(N));
    return k;
}

static void loss_cases(op_kind kind)
{
    static const int64_t sizes[][2] = {{1, 1}, {3, 2}, {7, 10}, {64, 62}, {5, 1000}, {33, 17}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int variant = 0; variant < 16; variant++) {
            op_case f = loss_case(sizes[s][0], sizes[s][1], variant), k = make(kind);
            if (kind == OP_CROSS_ENTROPY) {
                check(&f);
                continue;
            }
            k.forward = &f.call;
            k.call.settings = f.call.settings;
            k.floor = 0.1;
            in(&k, POSITIVE, 0, SHAPE(1));
            for (int i = 0; i < 3; i++)
                k.call.in[k.num_in++] = f.call.in[i];
            in_from(&k, 2);
            out_like(&k, f.call.in[0]);
            check(&k);
        }
}

/* SMOOTH_LABELS, NORMALISE_LOSS and its backward: the lowered form of the loss. */
static void lowered_loss_cases(op_kind kind)
{
    for (int l = 0; l < LENGTHS; l++)
        for (int variant = 0; variant < 16; variant++) {
            op_case f = loss_case(lengths[l], 3, variant), k = make(kind);
            k.call.settings = f.call.settings;
            k.floor = 1;
            if (kind == OP_SMOOTH_LABELS) {
                in(&k, POSITIVE, 0, SHAPE(lengths[l], 3));
                out(&k, SHAPE(lengths[l], 3));
            } else if (kind == OP_NORMALISE_LOSS) {
                in(&k, POSITIVE, 0, SHAPE(lengths[l]));
                k.call.in[k.num_in++] = f.call.in[2];
                out(&k, SHAPE(1));
            } else {
                in(&k, POSITIVE, 0, SHAPE(1));
                k.call.in[k.num_in++] = f.call.in[2];
                in(&k, POSITIVE, 0, SHAPE(lengths[l]));
                out(&k, SHAPE(lengths[l]));
            }
            check(&k);
            pool_clear();
        }
}

static void top_k_cases(op_kind kind)
{
    static const int64_t sizes[][3] = {/* L, E, K */
                                       {1, 1, 1},
                                       {7, 3, 3},
                                       {64, 4, 2},
                                       {300, 16, 1},
                                       {33, 31, 5}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int ties = 0; ties < 2; ties++) {
            int64_t L = sizes[s][0], E = sizes[s][1], K = sizes[s][2];
            op_case k = make(kind);
            in(&k, NORMAL, 0, SHAPE(L, E));
            double *a = k.call.in[0].data;
            for (int64_t i = 0; ties && i < L * E; i++)
                a[i] = a[i] > 0;
            out_ids(&k, SHAPE(L, K));
            k.optional = 2;
            out_ids(&k, SHAPE(L, K));
            check(&k);
        }
}

static void dispatch_cases(op_kind kind)
{
    static const int64_t sizes[][3] = {/* L, E, K */
                                       {1, 1, 1},
                                       {7, 3, 2},
                                       {64, 4, 2},
                                       {300, 16, 1},
                                       {33, 31, 5}};
    static const int64_t capacities[] = {-1, 0, 1, 5, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int limit = 0; limit < 5; limit++) {
            int64_t L = sizes[s][0], E = sizes[s][1], K = sizes[s][2];
            op_case k = make(kind);
            k.call.i[0] = capacities[limit];
            in(&k, IDS, (int32_t)E, SHAPE(L, K));
            out_ids(&k, SHAPE(L * K));
            out_ids(&k, SHAPE(L * K));
            out_ids(&k, SHAPE(E + 1));
            out_optional(&k, SHAPE(E));
            check(&k);
        }
}

/* Offsets of E experts over A rows: uneven, some empty, some rows left over. */
static void in_offsets(op_case *k, int64_t A, int64_t E, int variant)
{
    in(k, IDS, 1, SHAPE(E + 1));
    int32_t *o = k->call.in[k->num_in - 1].data;
    for (int64_t e = 0; e <= E; e++) {
        int64_t even = A * e / E, squared = A * e * e / (E * E);
        o[e] = (int32_t)(variant == 0 ? even : variant == 1 ? squared * 3 / 4 : e ? A / 2 : 0);
    }
}

static void grouped_cases(op_kind kind)
{
    static const int64_t sizes[][4] = {/* A, E, N, K */
                                       {1, 1, 1, 1},      {9, 3, 5, 7},      {40, 4, 33, 16},
                                       {300, 4, 128, 48}, {129, 5, 160, 65}, {700, 2, 62, 32},
                                       {300, 4, 24, 200}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int act = ACT_NONE; act <= ACT_SILU; act++)
            for (int variant = 0; variant < 3; variant++) {
                int64_t A = sizes[s][0], E = sizes[s][1], N = sizes[s][2], K = sizes[s][3];
                bool with = variant != 1;
                op_case k = make(kind);
                k.call.i[0] = act;
                k.product = true;
                k.floor = 1;
                in(&k, NORMAL, 0, SHAPE(A, kind == OP_GROUPED_LINEAR ? K : N));
                if (kind == OP_GROUPED_LINEAR_DW)
                    in(&k, NORMAL, 0, SHAPE(A, K));
                else
                    in(&k, NORMAL, 0, SHAPE(E * N, K));
                if (kind == OP_GROUPED_LINEAR && with)
                    in(&k, NORMAL, 0, SHAPE(E * N));
                else if (kind == OP_GROUPED_LINEAR_DX && with)
                    in(&k, NORMAL, 0, SHAPE(A, K));
                else if (kind != OP_GROUPED_LINEAR_DW)
                    in_none(&k);
                in_offsets(&k, A, E, variant);
                if (kind == OP_GROUPED_LINEAR_DX) {
                    out(&k, SHAPE(A, K));
                } else if (kind == OP_GROUPED_LINEAR) {
                    out(&k, SHAPE(A, N));
                    out_optional(&k, SHAPE(A, N));
                } else {
                    out(&k, SHAPE(E * N, K));
                    out_optional(&k, SHAPE(E * N));
                }
                check(&k);
                pool_clear();
            }
}

static void noise_cases(op_kind kind)
{
    static const graph_settings settings = {.seed = 0x123456789ABCDEFULL};
    for (int l = 0; l < LENGTHS; l++) {
        op_case k = make(kind);
        k.call.i[0] = l;
        k.call.f[0] = 0.25;
        k.call.settings = &settings;
        k.in_place = true;
        k.floor = 1;
        in(&k, NORMAL, 0, SHAPE(lengths[l]));
        out(&k, SHAPE(lengths[l]));
        check(&k);
    }
}

static void patches_cases(op_kind kind)
{
    static const int64_t sizes[][5] = {/* N, Ch, H, W, p */
                                       {1, 1, 1, 1, 1}, {2, 3, 4, 6, 2},   {3, 1, 28, 28, 4},
                                       {1, 2, 9, 3, 3}, {5, 3, 16, 32, 8}, {2, 1, 28, 28, 7}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        int64_t N = sizes[s][0], Ch = sizes[s][1], H = sizes[s][2], W = sizes[s][3];
        int64_t p = sizes[s][4];
        int64_t images[4] = {N, Ch, H, W}, patches[3] = {N, H / p * (W / p), Ch * p * p};
        op_case k = make(kind);
        k.call.i[0] = p;
        in(&k, NORMAL, 0, kind == OP_PATCHES ? 4 : 3, kind == OP_PATCHES ? images : patches);
        out(&k, kind == OP_PATCHES ? 3 : 4, kind == OP_PATCHES ? patches : images);
        check(&k);
    }
}

static void dropout_cases(op_kind kind)
{
    static const graph_settings settings[] = {
        {.seed = 3}, {.seed = 0x123456789ABCDEFULL, .dropout = 0.1}, {.seed = 5, .dropout = 0.9}};
    for (int l = 0; l < LENGTHS; l++)
        for (int s = 0; s < 3; s++)
            for (int64_t stream = 0; stream < 2; stream++) {
                op_case k = make(kind);
                k.call.i[0] = stream;
                k.call.settings = &settings[s];
                k.in_place = true;
                in(&k, OFFSET, 0, SHAPE(lengths[l]));
                out(&k, SHAPE(lengths[l]));
                check(&k);
            }
}

static void (*const op_cases[OP_COUNT])(op_kind) = {
    [OP_ADD] = binary_cases,
    [OP_SUB] = binary_cases,
    [OP_MUL] = binary_cases,
    [OP_DIV] = binary_cases,
    [OP_UNARY] = unary_cases,
    [OP_UNARY_BACKWARD] = unary_cases,
    [OP_AFFINE] = affine_cases,
    [OP_REDUCE_SUM] = reduce_sum_cases,
    [OP_REDUCE_MAX_LAST] = reduce_max_cases,
    [OP_BROADCAST] = broadcast_cases,
    [OP_COPY] = copy_cases,
    [OP_PERMUTE] = permute_cases,
    [OP_SLICE] = range_cases,
    [OP_PAD] = range_cases,
    [OP_CONCAT] = range_cases,
    [OP_MATMUL] = matmul_cases,
    [OP_GATHER_ROWS] = gather_cases,
    [OP_SCATTER_ROWS] = gather_cases,
    [OP_ONE_HOT] = ids_cases,
    [OP_CAST_REAL] = ids_cases,
    [OP_LINEAR] = linear_cases,
    [OP_LINEAR_DX] = linear_cases,
    [OP_LINEAR_DW] = linear_cases,
    [OP_LAYER_NORM] = norm_cases,
    [OP_ADD_LAYER_NORM] = norm_cases,
    [OP_LAYER_NORM_BACKWARD] = norm_backward_cases,
    [OP_ATTENTION] = attention_cases,
    [OP_ATTENTION_BACKWARD] = attention_cases,
    [OP_RMS_NORM] = rms_norm_cases,
    [OP_RMS_NORM_BACKWARD] = rms_norm_cases,
    [OP_ROPE] = rope_cases,
    [OP_SHIFT_IDS] = shift_cases,
    [OP_SEGMENT_MASK] = segment_cases,
    [OP_PHM] = phm_cases,
    [OP_PHM_BACKWARD] = phm_cases,
    [OP_SOFTMAX] = softmax_cases,
    [OP_SOFTMAX_BACKWARD] = softmax_cases,
    [OP_CROSS_ENTROPY] = loss_cases,
    [OP_CROSS_ENTROPY_BACKWARD] = loss_cases,
    [OP_TOP_K] = top_k_cases,
    [OP_DISPATCH] = dispatch_cases,
    [OP_GROUPED_LINEAR] = grouped_cases,
    [OP_GROUPED_LINEAR_DX] = grouped_cases,
    [OP_GROUPED_LINEAR_DW] = grouped_cases,
    [OP_NORMAL_NOISE] = noise_cases,
    [OP_PATCHES] = patches_cases,
    [OP_PATCHES_BACKWARD] = patches_cases,
    [OP_DROPOUT] = dropout_cases,
    [OP_SMOOTH_LABELS] = lowered_loss_cases,
    [OP_NORMALISE_LOSS] = lowered_loss_cases,
    [OP_NORMALISE_LOSS_BACKWARD] = lowered_loss_cases,
};
