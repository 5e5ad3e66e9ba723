/* Programs as CUDA and HIP source.  One block takes one piece after another, so partial sums are
 * those of fixed pieces, reduced within the block by a fixed tree; the host adds pieces in order.
 */
#include "engine/program_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const binary_sign[PROGRAM_OP_COUNT] = {
    [PROGRAM_ADD] = "+", [PROGRAM_SUB] = "-", [PROGRAM_MUL] = "*", [PROGRAM_DIV] = "/"};

static void print_value(FILE *f, const program *p, int32_t i, const char *suffix)
{
    const program_node *n = &p->nodes[i];
    const int32_t *a = n->arg;
    fprintf(f, "const real n%d = ", i);
    switch (n->op) {
    case PROGRAM_LITERAL:
        fprintf(f, "(real)%.17e", n->literal);
        break;
    case PROGRAM_CONSTANT:
        fprintf(f, "(real)constants[%d]", n->index);
        break;
    case PROGRAM_PER_PARAM:
        fprintf(f, "(real)per_param[%d * num_segments + piece.segment]", n->index);
        break;
    case PROGRAM_LOAD:
        fprintf(f, "v%d[i]", n->index);
        break;
    case PROGRAM_NEG:
        fprintf(f, "-n%d", a[0]);
        break;
    case PROGRAM_SIGN:
        fprintf(f, "(real)(n%d > 0) - (real)(n%d < 0)", a[0], a[0]);
        break;
    case PROGRAM_ISFINITE:
        fprintf(f, "(real)(fabs%s(n%d) <= max_real)", suffix, a[0]);
        break;
    case PROGRAM_MIN:
        fprintf(f, "n%d < n%d ? n%d : n%d", a[0], a[1], a[0], a[1]);
        break;
    case PROGRAM_MAX:
        fprintf(f, "n%d > n%d ? n%d : n%d", a[0], a[1], a[0], a[1]);
        break;
    case PROGRAM_LT:
        fprintf(f, "(real)(n%d < n%d)", a[0], a[1]);
        break;
    case PROGRAM_LE:
        fprintf(f, "(real)(n%d <= n%d)", a[0], a[1]);
        break;
    case PROGRAM_SELECT:
        fprintf(f, "n%d != 0 ? n%d : n%d", a[0], a[1], a[2]);
        break;
    default:
        if (binary_sign[n->op]) {
            fprintf(f, "n%d %s n%d", a[0], binary_sign[n->op], a[1]);
            break;
        }
        fprintf(f, "%s%s(", n->op == PROGRAM_ABS ? "fabs" : program_names[n->op], suffix);
        for (int k = 0; k < program_operands[n->op]; k++)
            fprintf(f, "%sn%d", k ? ", " : "", a[k]);
        fputc(')', f);
    }
    fputs(";\n", f);
}

static void print_rank(FILE *f, const program *p, program_rank rank, const char *indent,
                       const char *suffix)
{
    for (int32_t i = 0; i < p->num_nodes; i++)
        if (p->nodes[i].live && p->nodes[i].rank == (int32_t)rank) {
            fputs(indent, f);
            print_value(f, p, i, suffix);
        }
}

static void print_head(FILE *f, const program *p, int32_t dtype)
{
    fprintf(f, "typedef %s real;\n", dtype == PODIUM_F64 ? "double" : "float");
    fprintf(f, "#define max_real ((real)%s)\n",
            dtype == PODIUM_F64 ? "1.7976931348623157e308" : "3.40282346638528859812e38");
    fputs(
        "struct program_piece { long long offset, count; int segment; };\n"
        "extern \"C\" __global__ void podium_program(const program_piece *pieces, int num_pieces,\n"
        "    int num_segments, const double *constants, const double *per_param,\n"
        "    double *partial",
        f);
    for (int32_t v = 0; v < p->info.num_vectors; v++)
        fprintf(f, ", real *v%d", v);
    fputs(")\n{\n", f);
    if (p->num_sums)
        fputs("    __shared__ double lanes[256];\n", f);
}

/* The block's tree over 256 threads, one sum after another. */
static void print_reduce(FILE *f, const program *p, int32_t k)
{
    fprintf(f,
            "        lanes[threadIdx.x] = s%d;\n"
            "        __syncthreads();\n"
            "        for (int half = 128; half > 0; half /= 2) {\n"
            "            if (threadIdx.x < half)\n"
            "                lanes[threadIdx.x] += lanes[threadIdx.x + half];\n"
            "            __syncthreads();\n"
            "        }\n"
            "        if (threadIdx.x == 0)\n"
            "            partial[(long long)number * %d + %d] = lanes[0];\n"
            "        __syncthreads();\n",
            k, p->num_sums, k);
}

int32_t program_print_source(const program *p, int32_t dtype, char **out)
{
    *out = NULL;
    if (dtype != PODIUM_F32 && dtype != PODIUM_F64)
        return podium_fail(PODIUM_EINVAL, "program: element type %d, expected f32 or f64", dtype);
    const char *suffix = dtype == PODIUM_F64 ? "" : "f";
    size_t size = 0;
    FILE *f = open_memstream(out, &size);
    if (!f)
        return podium_fail(PODIUM_ENOMEM, "no memory for the source of a program");
    print_head(f, p, dtype);
    print_rank(f, p, RANK_UNIFORM, "    ", suffix);
    fputs("    for (int number = blockIdx.x; number < num_pieces; number += gridDim.x) {\n"
          "        const program_piece piece = pieces[number];\n",
          f);
    print_rank(f, p, RANK_PARAM, "        ", suffix);
    for (int32_t k = 0; k < p->num_sums; k++)
        fprintf(f, "        double s%d = 0;\n", k);
    fputs("        const long long end = piece.offset + piece.count;\n"
          "        for (long long i = piece.offset + threadIdx.x; i < end; i += blockDim.x) {\n",
          f);
    print_rank(f, p, RANK_ELEMENT, "            ", suffix);
    for (int32_t k = 0; k < p->num_sums; k++)
        fprintf(f, "            s%d += (double)n%d;\n", k, p->sums[k].node);
    for (int32_t v = 0; v < p->info.num_vectors; v++)
        if (p->store[v] >= 0)
            fprintf(f, "            v%d[i] = n%d;\n", v, p->store[v]);
    fputs("        }\n", f);
    for (int32_t k = 0; k < p->num_sums; k++)
        print_reduce(f, p, k);
    fputs("    }\n}\n", f);
    bool failed = ferror(f) != 0;
    if (fclose(f) || failed) {
        free(*out);
        *out = NULL;
        return podium_fail(PODIUM_ENOMEM, "no memory for the source of a program");
    }
    return 0;
}
