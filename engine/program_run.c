/* Programs on host memory: native AVX2 code where there is some, else an interpreter whose tiles
 * stay in the first-level cache.  Both round each operation by itself, so they agree bit for bit
 * with each other and with a C loop evaluated as written. */
#include "engine/program_internal.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#define TILE_BYTES 2048
#define ALIGN 64

#define REAL float
#define NAME(x) x##_f32
#define MATH(x) x##f
#define TILE ((int64_t)(TILE_BYTES / sizeof(float)))
#include "engine/program_tile.h"
#undef REAL
#undef NAME
#undef MATH
#undef TILE

#define REAL double
#define NAME(x) x##_f64
#define MATH(x) x
#define TILE ((int64_t)(TILE_BYTES / sizeof(double)))
#include "engine/program_tile.h"
#undef REAL
#undef NAME
#undef MATH
#undef TILE

/* One thread's memory, carved from p->work. */
typedef struct worker {
    void **operand;      /* [slots + vectors + scalars] */
    char *scalars;       /* [scalars] of the element type */
    float *wide_scalars; /* [scalars][8], f32 for native code */
    float *spill;        /* for native code: [slots][8] */
    double *lanes;       /* [num_sums][PROGRAM_LANES] */
    int32_t segment;     /* whose scalars are set, -1: none */
} worker;

static size_t round_up(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Lays a worker out at `base`; NULL only measures.  Returns the bytes. */
static size_t worker_place(worker *w, const program *p, char *base)
{
    size_t slots = (size_t)p->num_slots, scalars = (size_t)p->num_scalars;
    size_t operands = slots + (size_t)p->info.num_vectors + scalars;
    size_t at = 0, tiles = 0;
    uintptr_t address = (uintptr_t)base;
    tiles = at;
    at += slots * TILE_BYTES;
    size_t operand = at;
    at = round_up(at + operands * sizeof(void *));
    size_t plain = at;
    at = round_up(at + scalars * sizeof(double));
    size_t wide = at;
    at = round_up(at + scalars * 8 * sizeof(float));
    size_t spill = at;
    at = round_up(at + slots * 8 * sizeof(float));
    size_t lanes = at;
    at = round_up(at + (size_t)p->num_sums * PROGRAM_LANES * sizeof(double));
    if (!base)
        return at;
    w->operand = (void **)(address + operand);
    w->scalars = (char *)(address + plain);
    w->wide_scalars = (float *)(address + wide);
    w->spill = (float *)(address + spill);
    w->lanes = (double *)(address + lanes);
    w->segment = -1;
    for (size_t i = 0; i < slots; i++)
        w->operand[i] = (void *)(address + tiles + i * TILE_BYTES);
    return at;
}

static void set_scalars(const program *p, const program_args *a, worker *w, program_rank rank,
                        int32_t segment)
{
    size_t size = a->dtype == PODIUM_F64 ? sizeof(double) : sizeof(float);
    if (a->dtype == PODIUM_F64)
        eval_scalars_f64(p, a, rank, segment, (double *)(void *)w->scalars);
    else
        eval_scalars_f32(p, a, rank, segment, (float *)(void *)w->scalars);
    void **operand = w->operand + p->num_slots + p->info.num_vectors;
    for (int32_t i = 0; i < p->num_scalars; i++)
        operand[i] = w->scalars + (size_t)i * size;
    if (a->dtype == PODIUM_F32 && p->native)
        for (int32_t i = 0; i < p->num_scalars; i++)
            for (int k = 0; k < 8; k++)
                w->wide_scalars[8 * i + k] = ((const float *)(void *)w->scalars)[i];
}

static void run_piece(const program *p, const program_args *a, worker *w, int32_t number)
{
    const program_piece *piece = &p->pieces[number];
    size_t size = a->dtype == PODIUM_F64 ? sizeof(double) : sizeof(float);
    if (p->info.num_per_param && w->segment != piece->segment) {
        set_scalars(p, a, w, RANK_PARAM, piece->segment);
        w->segment = piece->segment;
    }
    void **vectors = w->operand + p->num_slots;
    uint64_t used = p->info.reads | p->info.writes;
    for (int32_t v = 0; v < p->info.num_vectors; v++)
        vectors[v] = used >> v & 1 ? (char *)a->vectors[v] + (size_t)piece->offset * size : NULL;
    memset(w->lanes, 0, (size_t)p->num_sums * PROGRAM_LANES * sizeof(double));
    int64_t n = piece->count;
    if (a->dtype == PODIUM_F64) {
        interpret_f64(p, (double **)w->operand, w->lanes, n);
    } else {
        int64_t native = p->native ? n / 8 * 8 : 0;
        if (native) {
            p->native(vectors, w->wide_scalars, w->lanes, 4 * native, w->spill);
            for (int32_t v = 0; v < p->info.num_vectors; v++)
                if (vectors[v])
                    vectors[v] = (float *)vectors[v] + native;
        }
        interpret_f32(p, (float **)w->operand, w->lanes, n - native);
    }
    for (int32_t k = 0; k < p->num_sums; k++) {
        const double *l = w->lanes + PROGRAM_LANES * k;
        p->partial[(size_t)number * (size_t)p->num_sums + (size_t)k] = ((l[0] + l[1]) +
                                                                        (l[2] + l[3])) +
                                                                       ((l[4] + l[5]) +
                                                                        (l[6] + l[7]));
    }
}

/* Memory for `threads` workers; grows only. */
static int32_t reserve_work(program *p, int threads)
{
    if (threads <= p->work_threads)
        return 0;
    worker w;
    free(p->work);
    p->work_threads = 0;
    p->work_bytes = worker_place(&w, p, NULL) + ALIGN;
    p->work = aligned_alloc(ALIGN, p->work_bytes * (size_t)threads);
    if (!p->work)
        return podium_fail(PODIUM_ENOMEM, "no memory for %d threads of a program", threads);
    p->work_threads = threads;
    return 0;
}

int32_t program_run_host(program *p, const program_args *a, int threads)
{
    TRY(program_check_args(p, a));
    TRY(program_cut(p, a));
    if (threads > p->num_chunks)
        threads = p->num_chunks;
    if (threads < 1)
        threads = 1;
    TRY(reserve_work(p, threads));
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        worker w;
        worker_place(&w, p, (char *)p->work + p->work_bytes * (size_t)omp_get_thread_num());
        set_scalars(p, a, &w, RANK_UNIFORM, 0);
#pragma omp for schedule(static)
        for (int32_t chunk = 0; chunk < p->num_chunks; chunk++)
            for (int32_t i = p->chunk_first[chunk]; i < p->chunk_first[chunk + 1]; i++)
                run_piece(p, a, &w, i);
    }
    program_add_partials(p, a);
    return 0;
}
