/* Programs: compile (parse, then register code), free, and cut vectors into pieces of work. */
#include "engine/program.h"

#include <stdlib.h>
#include <string.h>
#include "engine/program_internal.h"

#define CHUNK 16384 /* elements; fixed, since partial sums depend on it */

/* Register code is made in one walk over the live element values.  `last` holds the last position
 * where a node is read; the position of a node is its number, sums sit between nodes. */
typedef struct lowering {
    program *p;
    int32_t *last;  /* [num_nodes] */
    int32_t *place; /* [num_nodes] operand number: slot, vector or scalar (+ base later) */
    bool *busy;     /* [num_nodes + vectors] slots in use */
    int32_t slots;
} lowering;

/* Operand numbers while the number of slots is unknown: slots from 0, then these bases. */
enum { VECTOR_BASE = 4096, SCALAR_BASE = 8192 };

static int32_t slot_take(lowering *l)
{
    int32_t i = 0;
    while (l->busy[i])
        i++;
    l->busy[i] = true;
    if (l->slots <= i)
        l->slots = i + 1;
    return i;
}

static void slot_release(lowering *l, int32_t node, int32_t position)
{
    if (l->last[node] <= position && l->place[node] < VECTOR_BASE)
        l->busy[l->place[node]] = false;
}

static void emit(lowering *l, int32_t op, int32_t out, int32_t n, const int32_t *arg)
{
    program_instruction *c = &l->p->code[l->p->num_code++];
    *c = (program_instruction){.op = (int16_t)op, .out = (int16_t)out};
    for (int i = 0; i < n; i++) {
        c->in[i] = (int16_t)arg[i];
        if (arg[i] >= SCALAR_BASE)
            c->scalar_mask = (int16_t)(c->scalar_mask | 1 << i);
    }
}

/* Last reads; values that are stored by a copy at the end live until then. */
static void find_last(lowering *l)
{
    program *p = l->p;
    for (int32_t i = 0; i < p->num_nodes; i++) {
        l->last[i] = -1;
        if (p->nodes[i].live && p->nodes[i].rank == RANK_ELEMENT)
            for (int k = 0; k < program_operands[p->nodes[i].op]; k++)
                l->last[p->nodes[i].arg[k]] = i;
    }
    for (int i = 0; i < p->num_sums; i++)
        if (l->last[p->sums[i].node] < p->sums[i].position)
            l->last[p->sums[i].node] = p->sums[i].position;
}

/* The node that loads vector v, -1 when nothing does. */
static int32_t find_load(const program *p, int32_t v)
{
    for (int32_t i = 0; i < p->num_nodes; i++)
        if (p->nodes[i].live && p->nodes[i].op == PROGRAM_LOAD && p->nodes[i].index == v)
            return i;
    return -1;
}

/* Which vector's memory node n may be computed into, -1: none.  The vector's old elements must not
 * be read after n. */
static int32_t direct_vector(const lowering *l, int32_t n)
{
    for (int32_t v = 0; v < PROGRAM_MAX_VECTORS; v++) {
        if (l->p->store[v] != n)
            continue;
        int32_t load = find_load(l->p, v);
        if (load < 0 || l->last[load] <= n)
            return v;
    }
    return -1;
}

/* Stores of another vector's old elements: when that vector is written too, a copy is taken before
 * anything is.  Stores that need the final copy keep their value alive. */
static void plan_stores(lowering *l, int32_t *source)
{
    program *p = l->p;
    for (int32_t v = 0; v < PROGRAM_MAX_VECTORS; v++) {
        int32_t n = p->store[v];
        source[v] = -1;
        if (n < 0)
            continue;
        const program_node *node = &p->nodes[n];
        if (node->op == PROGRAM_LOAD && node->index != v && p->store[node->index] >= 0) {
            source[v] = slot_take(l);
            emit(l, PROGRAM_COPY, source[v], 1, &(int32_t){VECTOR_BASE + node->index});
        }
    }
    for (int32_t v = 0; v < PROGRAM_MAX_VECTORS; v++) {
        int32_t n = p->store[v];
        if (n >= 0 && p->nodes[n].op != PROGRAM_LOAD && p->nodes[n].rank == RANK_ELEMENT &&
            direct_vector(l, n) != v)
            l->last[n] = p->num_nodes + 1;
    }
}

static void lower_sums(lowering *l, int32_t position)
{
    program *p = l->p;
    for (int32_t i = 0; i < p->num_sums; i++) {
        if (p->sums[i].position != position)
            continue;
        emit(l, PROGRAM_SUM, i, 1, &l->place[p->sums[i].node]);
        slot_release(l, p->sums[i].node, position);
    }
}

static void lower_node(lowering *l, int32_t n)
{
    program *p = l->p;
    const program_node *node = &p->nodes[n];
    if (node->rank != RANK_ELEMENT || !node->live)
        return;
    if (node->op == PROGRAM_LOAD) {
        l->place[n] = VECTOR_BASE + node->index;
        return;
    }
    int32_t arg[3] = {0, 0, 0};
    int operands = program_operands[node->op];
    for (int k = 0; k < operands; k++)
        arg[k] = l->place[node->arg[k]];
    for (int k = 0; k < operands; k++)
        slot_release(l, node->arg[k], n);
    int32_t v = direct_vector(l, n);
    l->place[n] = v >= 0 ? VECTOR_BASE + v : slot_take(l);
    emit(l, node->op, l->place[n], operands, arg);
}

static void lower_stores(lowering *l, const int32_t *source)
{
    const program *p = l->p;
    for (int32_t v = 0; v < PROGRAM_MAX_VECTORS; v++) {
        int32_t n = p->store[v];
        if (n < 0)
            continue;
        int32_t from = source[v] >= 0 ? source[v] : l->place[n];
        if (from != VECTOR_BASE + v)
            emit(l, PROGRAM_COPY, VECTOR_BASE + v, 1, &from);
    }
}

/* Operand numbers with the final bases. */
static void renumber(program *p)
{
    for (int32_t i = 0; i < p->num_code; i++) {
        program_instruction *c = &p->code[i];
        int16_t *all[4] = {&c->in[0], &c->in[1], &c->in[2], &c->out};
        for (int k = 0; k < (c->op == PROGRAM_SUM ? 3 : 4); k++) {
            if (*all[k] >= SCALAR_BASE)
                *all[k] = (int16_t)(*all[k] - SCALAR_BASE + p->num_slots + p->info.num_vectors);
            else if (*all[k] >= VECTOR_BASE)
                *all[k] = (int16_t)(*all[k] - VECTOR_BASE + p->num_slots);
        }
    }
}

int32_t program_lower(program *p)
{
    size_t n = (size_t)p->num_nodes, limit = n + PROGRAM_MAX_VECTORS + 1;
    int32_t rc = 0, source[PROGRAM_MAX_VECTORS];
    lowering l = {.p = p,
                  .last = calloc(n, sizeof *l.last),
                  .place = calloc(n, sizeof *l.place),
                  .busy = calloc(limit, sizeof *l.busy)};
    p->code = calloc(n + 2 * PROGRAM_MAX_VECTORS + (size_t)p->num_sums, sizeof *p->code);
    if (!l.last || !l.place || !l.busy || !p->code) {
        rc = podium_fail(PODIUM_ENOMEM, "no memory for a program of %d values", p->num_nodes);
        goto done;
    }
    for (int32_t i = 0; i < p->num_nodes; i++)
        if (p->nodes[i].live && p->nodes[i].rank != RANK_ELEMENT) {
            p->nodes[i].scalar = p->num_scalars;
            l.place[i] = SCALAR_BASE + p->num_scalars++;
        }
    find_last(&l);
    plan_stores(&l, source);
    for (int32_t i = 0; i < p->num_nodes; i++) {
        lower_node(&l, i);
        lower_sums(&l, i + 1);
    }
    lower_stores(&l, source);
    p->num_slots = l.slots;
    renumber(p);
done:
    free(l.busy);
    free(l.place);
    free(l.last);
    return rc;
}

int32_t program_compile(program **out, const char *text)
{
    *out = NULL;
    size_t length = strnlen(text, PROGRAM_MAX_TEXT + 1);
    if (length > PROGRAM_MAX_TEXT)
        return podium_fail(PODIUM_EINVAL, "program: column %d: expected at most %d bytes of text",
                           PROGRAM_MAX_TEXT + 1, PROGRAM_MAX_TEXT);
    program *p = calloc(1, sizeof *p);
    if (!p)
        return podium_fail(PODIUM_ENOMEM, "no memory for a program");
    p->text = strdup(text);
    p->nodes = calloc(PROGRAM_MAX_NODES, sizeof *p->nodes);
    int32_t rc = p->text && p->nodes ? 0 : podium_fail(PODIUM_ENOMEM, "no memory for a program");
    if (!rc)
        rc = program_parse(p);
    if (!rc)
        rc = program_lower(p);
    if (rc) {
        program_destroy(p);
        return rc;
    }
    program_emit(p);
    *out = p;
    return 0;
}

void program_destroy(program *p)
{
    if (!p)
        return;
    program_emit_release(p);
    free(p->work);
    free(p->partial);
    free(p->chunk_first);
    free(p->pieces);
    free(p->segments);
    free(p->code);
    free(p->nodes);
    free(p->text);
    free(p);
}

const program_info *program_get_info(const program *p)
{
    return &p->info;
}

const char *program_text(const program *p)
{
    return p->text;
}

static int32_t check_vectors(const program *p, const program_args *a)
{
    size_t bytes = (size_t)a->count * (a->dtype == PODIUM_F64 ? 8 : 4);
    uint64_t used = p->info.reads | p->info.writes;
    for (int32_t i = 0; i < p->info.num_vectors; i++) {
        if (!(used >> i & 1) || !bytes)
            continue;
        if (!a->vectors || !a->vectors[i])
            return podium_fail(PODIUM_EINVAL, "program: no vector for v%d", i);
        uintptr_t x = (uintptr_t)a->vectors[i];
        for (int32_t j = 0; j < p->info.num_vectors; j++) {
            uintptr_t y = a->vectors[j] ? (uintptr_t)a->vectors[j] : 0;
            if (j != i && (used >> j & 1) && (p->info.writes >> i & 1) && y && x < y + bytes &&
                y < x + bytes)
                return podium_fail(PODIUM_EINVAL,
                                   "program: v%d is written and overlaps v%d: give one vector "
                                   "one name",
                                   i, j);
        }
    }
    return 0;
}

int32_t program_check_args(const program *p, const program_args *a)
{
    const program_info *f = &p->info;
    if (a->dtype != PODIUM_F32 && a->dtype != PODIUM_F64)
        return podium_fail(PODIUM_EINVAL, "program: element type %d, expected f32 or f64",
                           a->dtype);
    if (a->count < 0 || a->num_segments < 0)
        return podium_fail(PODIUM_EINVAL, "program: negative count of elements or segments");
    int64_t end = 0;
    for (int32_t i = 0; i < a->num_segments; i++) {
        const program_segment *s = &a->segments[i];
        if (s->offset < end || s->count < 0 || s->offset > a->count ||
            s->count > a->count - s->offset)
            return podium_fail(PODIUM_EINVAL,
                               "program: segment %d [%lld, +%lld) is not in ascending order within "
                               "%lld elements",
                               i, (long long)s->offset, (long long)s->count, (long long)a->count);
        end = s->offset + s->count;
    }
    if (f->num_constants && !a->constants)
        return podium_fail(PODIUM_EINVAL, "program: %d constants wanted, none given",
                           f->num_constants);
    if (f->num_sums && !a->sums)
        return podium_fail(PODIUM_EINVAL, "program: no room for %d sums", f->num_sums);
    if ((f->num_per_param || f->num_per_param_sums) && !a->num_segments)
        return podium_fail(PODIUM_EINVAL, "program: per-parameter operands without segments");
    for (int32_t i = 0; i < f->num_per_param; i++)
        if (!a->per_param || !a->per_param[i])
            return podium_fail(PODIUM_EINVAL, "program: no per-parameter values for p%d", i);
    for (int32_t i = 0; i < f->num_per_param_sums; i++)
        if (!a->per_param_sums || !a->per_param_sums[i])
            return podium_fail(PODIUM_EINVAL, "program: no room for the sums q%d", i);
    return check_vectors(p, a);
}

/* Pieces of segment s appended to p->pieces from *n on (or only counted when there are none). */
static void cut_segment(program *p, const program_segment *s, int32_t segment, int32_t *n)
{
    for (int64_t at = s->offset, end = s->offset + s->count; at < end;) {
        int64_t stop = (at / CHUNK + 1) * CHUNK;
        if (stop > end)
            stop = end;
        if (p->pieces)
            p->pieces[*n] = (program_piece){.offset = at, .count = stop - at, .segment = segment};
        (*n)++;
        at = stop;
    }
}

int32_t program_cut(program *p, const program_args *a)
{
    program_segment whole = {.offset = 0, .count = a->count};
    const program_segment *s = a->num_segments ? a->segments : &whole;
    int32_t num = a->num_segments ? a->num_segments : 1;
    if (p->pieces && p->count == a->count && p->num_segments == num &&
        !memcmp(p->segments, s, (size_t)num * sizeof *s))
        return 0;
    free(p->pieces);
    free(p->segments);
    free(p->chunk_first);
    free(p->partial);
    p->pieces = NULL;
    int32_t n = 0;
    p->num_chunks = (int32_t)((a->count + CHUNK - 1) / CHUNK);
    for (int32_t i = 0; i < num; i++)
        cut_segment(p, &s[i], i, &n);
    p->num_pieces = n;
    p->segments = malloc((size_t)num * sizeof *s);
    p->chunk_first = calloc((size_t)p->num_chunks + 1, sizeof *p->chunk_first);
    p->partial = calloc((size_t)n * (size_t)p->num_sums + 1, sizeof *p->partial);
    p->pieces = calloc((size_t)n + 1, sizeof *p->pieces);
    if (!p->segments || !p->chunk_first || !p->partial || !p->pieces) {
        free(p->pieces);
        p->pieces = NULL;
        return podium_fail(PODIUM_ENOMEM, "no memory for %d pieces of a program", n);
    }
    memcpy(p->segments, s, (size_t)num * sizeof *s);
    p->num_segments = num;
    p->count = a->count;
    n = 0;
    for (int32_t i = 0; i < num; i++)
        cut_segment(p, &s[i], i, &n);
    for (int32_t i = 0, piece = 0; i <= p->num_chunks; i++) {
        while (piece < n && p->pieces[piece].offset < (int64_t)i * CHUNK)
            piece++;
        p->chunk_first[i] = piece;
    }
    return 0;
}

void program_add_partials(const program *p, const program_args *a)
{
    for (int32_t i = 0; i < p->info.num_sums; i++)
        a->sums[i] = 0;
    for (int32_t i = 0; i < p->info.num_per_param_sums; i++)
        memset(a->per_param_sums[i], 0, (size_t)a->num_segments * sizeof(double));
    for (int32_t i = 0; i < p->num_pieces; i++)
        for (int32_t k = 0; k < p->num_sums; k++) {
            const program_sum *s = &p->sums[k];
            double x = p->partial[(size_t)i * (size_t)p->num_sums + (size_t)k];
            if (s->per_param)
                a->per_param_sums[s->index][p->pieces[i].segment] += x;
            else
                a->sums[s->index] += x;
        }
}
