/* AVX2 code for the f32 body of a program: one loop over blocks of 8 elements, slots in registers,
 * scalars broadcast in memory.  Operations round one by one as the interpreter's do.  The page is
 * written, then made executable, never both. */
#include "engine/program_internal.h"

#include <string.h>

#if defined(__x86_64__)
#include <sys/mman.h>
#include <unistd.h>

/* Slots 0 .. 12 are ymm0 .. ymm12, later ones lie in the spill area; 14 and 15 are scratch. */
enum { REGISTER_SLOTS = 13, SCRATCH_A = 14, SCRATCH_B = 15 };
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
enum { POOL_ABS, POOL_SIGN, POOL_ONE, POOL_ZERO, POOL_INFINITY, POOL_COUNT };
enum { CMP_NEQ = 0x04, CMP_LT = 0x11, CMP_LE = 0x12 }; /* quiet predicates of vcmpps */

/* Vector pointers kept in registers; the rest are loaded from the table each time. */
static const int pointer_register[] = {R9, R10, RBX, RBP, R12, R13, R14, R15};
enum { POINTER_REGISTERS = 8 };
static const int saved[] = {RBX, RBP, R12, R13, R14, R15};

typedef struct assembler {
    uint8_t *code;
    size_t used, size;
    const program *p;
} assembler;

/* A register, or memory at [base + disp] or [base + rax], or a pool constant. */
typedef struct place {
    enum { IN_REGISTER, IN_MEMORY, IN_VECTOR, IN_POOL } kind;
    int number; /* register, base register, vector, constant */
    int32_t disp;
} place;

static void byte(assembler *s, int b)
{
    if (s->used < s->size)
        s->code[s->used] = (uint8_t)b;
    s->used++;
}

static void word(assembler *s, int32_t x)
{
    for (int i = 0; i < 4; i++)
        byte(s, (int)((uint32_t)x >> (8 * i)) & 255);
}

/* ModRM, SIB and displacement of `rm`; trailing: bytes of an immediate that follows. */
static void modrm(assembler *s, int reg, place rm, int trailing)
{
    int r = (reg & 7) << 3;
    switch (rm.kind) {
    case IN_REGISTER:
        byte(s, 0xC0 | r | (rm.number & 7));
        break;
    case IN_MEMORY: /* bases rsi, rdx, r8: no SIB needed */
        byte(s, 0x80 | r | (rm.number & 7));
        word(s, rm.disp);
        break;
    case IN_VECTOR: /* [base + rax] with an 8-bit displacement of 0 */
        byte(s, 0x44 | r);
        byte(s, rm.number & 7);
        byte(s, 0);
        break;
    case IN_POOL: /* relative to the next instruction; the pool is at the start of the page */
        byte(s, r | 5);
        word(s, 32 * rm.number - (int32_t)(s->used + 4) - trailing);
        break;
    }
}

/* mov r11, [rdi + 8 v] for a vector whose pointer has no register; returns the base register. */
static int vector_base(assembler *s, int v)
{
    if (v < POINTER_REGISTERS)
        return pointer_register[v];
    byte(s, 0x4C);
    byte(s, 0x8B);
    byte(s, 0x9F);
    word(s, 8 * v);
    return R11;
}

/* One VEX instruction on 256 bits: map 1 (0F), 2 (0F38), 3 (0F3A); pp 0 none, 1 (66).  imm < 0:
 * none.  second is the vvvv operand, -1: unused. */
static void vex(assembler *s, int map, int pp, int opcode, int reg, int second, place rm, int imm)
{
    if (rm.kind == IN_VECTOR)
        rm.number = vector_base(s, rm.number);
    int high = rm.kind == IN_POOL ? 0 : rm.number >> 3;
    byte(s, 0xC4);
    byte(s, (reg < 8 ? 0x80 : 0) | 0x40 | (high ? 0 : 0x20) | map);
    byte(s, (second < 0 ? 15 : 15 - second) << 3 | 4 | pp);
    byte(s, opcode);
    modrm(s, reg, rm, imm >= 0 ? 1 : 0);
    if (imm >= 0)
        byte(s, imm);
}

static place in_register(int number)
{
    return (place){.kind = IN_REGISTER, .number = number};
}

static place in_pool(int number)
{
    return (place){.kind = IN_POOL, .number = number};
}

/* Where an operand number of register code lives. */
static place locate(const assembler *s, int32_t operand)
{
    const program *p = s->p;
    if (operand < p->num_slots && operand < REGISTER_SLOTS)
        return in_register(operand);
    if (operand < p->num_slots)
        return (place){.kind = IN_MEMORY, .number = R8, .disp = 32 * (operand - REGISTER_SLOTS)};
    if (operand < p->num_slots + p->info.num_vectors)
        return (place){.kind = IN_VECTOR, .number = operand - p->num_slots};
    return (place){.kind = IN_MEMORY,
                   .number = RSI,
                   .disp = 32 * (operand - p->num_slots - p->info.num_vectors)};
}

/* The register that holds `x`, loaded into `scratch` unless it is in one. */
static int load(assembler *s, place x, int scratch)
{
    if (x.kind == IN_REGISTER)
        return x.number;
    vex(s, 1, 0, 0x10, scratch, -1, x, -1);
    return scratch;
}

static int binary_opcode(int op)
{
    switch (op) {
    case PROGRAM_ADD:
        return 0x58;
    case PROGRAM_SUB:
        return 0x5C;
    case PROGRAM_MUL:
        return 0x59;
    case PROGRAM_DIV:
        return 0x5E;
    case PROGRAM_MIN:
        return 0x5D;
    case PROGRAM_MAX:
        return 0x5F;
    default:
        return -1;
    }
}

/* 1.0 where `predicate` holds between register a and b, else 0, into dst. */
static void compare(assembler *s, int dst, int a, place b, int predicate)
{
    vex(s, 1, 0, 0xC2, dst, a, b, predicate);
    vex(s, 1, 0, 0x54, dst, dst, in_pool(POOL_ONE), -1);
}

static void sum(assembler *s, int number, place x)
{
    int r = load(s, x, SCRATCH_A);
    int32_t disp = (int32_t)sizeof(double) * PROGRAM_LANES * number;
    for (int half = 0; half < 2; half++) {
        place lanes = {.kind = IN_MEMORY, .number = RDX, .disp = disp + 32 * half};
        int source = r;
        if (half) { /* vextractf128 scratch_b, r, 1 */
            vex(s, 3, 1, 0x19, r, -1, in_register(SCRATCH_B), 1);
            source = SCRATCH_B;
        }
        vex(s, 1, 0, 0x5A, SCRATCH_B, -1, in_register(source), -1); /* vcvtps2pd */
        vex(s, 1, 1, 0x58, SCRATCH_B, SCRATCH_B, lanes, -1);        /* vaddpd */
        vex(s, 1, 1, 0x11, SCRATCH_B, -1, lanes, -1);               /* vmovupd */
    }
}

/* One instruction's value into register dst; dst may be an operand's.  False: not offered. */
static bool compute(assembler *s, const program_instruction *c, int dst)
{
    place in[3];
    for (int i = 0; i < 3; i++)
        in[i] = locate(s, c->in[i]);
    int a, b;
    switch (c->op) {
    case PROGRAM_COPY:
        vex(s, 1, 0, 0x10, dst, -1, in[0], -1);
        return true;
    case PROGRAM_NEG:
        vex(s, 1, 0, 0x57, dst, load(s, in[0], SCRATCH_A), in_pool(POOL_SIGN), -1);
        return true;
    case PROGRAM_ABS:
        vex(s, 1, 0, 0x54, dst, load(s, in[0], SCRATCH_A), in_pool(POOL_ABS), -1);
        return true;
    case PROGRAM_SQRT:
        vex(s, 1, 0, 0x51, dst, -1, in[0], -1);
        return true;
    case PROGRAM_SIGN: /* (0 < x) - (x < 0) */
        a = load(s, in[0], SCRATCH_A);
        vex(s, 1, 0, 0x57, SCRATCH_B, SCRATCH_B, in_register(SCRATCH_B), -1);
        compare(s, SCRATCH_B, SCRATCH_B, in_register(a), CMP_LT);
        compare(s, SCRATCH_A, a, in_pool(POOL_ZERO), CMP_LT);
        vex(s, 1, 0, 0x5C, dst, SCRATCH_B, in_register(SCRATCH_A), -1);
        return true;
    case PROGRAM_ISFINITE:
        a = load(s, in[0], SCRATCH_A);
        vex(s, 1, 0, 0x54, SCRATCH_A, a, in_pool(POOL_ABS), -1);
        compare(s, dst, SCRATCH_A, in_pool(POOL_INFINITY), CMP_LT);
        return true;
    case PROGRAM_LT:
    case PROGRAM_LE:
        a = load(s, in[0], SCRATCH_A);
        compare(s, dst, a, in[1], c->op == PROGRAM_LT ? CMP_LT : CMP_LE);
        return true;
    case PROGRAM_FMA: /* vfmadd213ps: dst = b dst + c */
        vex(s, 1, 0, 0x10, SCRATCH_B, -1, in[0], -1);
        b = load(s, in[1], SCRATCH_A);
        vex(s, 2, 1, 0xA8, SCRATCH_B, b, in[2], -1);
        vex(s, 1, 0, 0x10, dst, -1, in_register(SCRATCH_B), -1);
        return true;
    case PROGRAM_SELECT:
        a = load(s, in[0], SCRATCH_A);
        vex(s, 1, 0, 0xC2, SCRATCH_B, a, in_pool(POOL_ZERO), CMP_NEQ);
        b = load(s, in[2], SCRATCH_A);
        vex(s, 3, 1, 0x4A, dst, b, in[1], SCRATCH_B << 4); /* vblendvps */
        return true;
    default:
        if (binary_opcode(c->op) < 0)
            return false;
        a = load(s, in[0], SCRATCH_A);
        vex(s, 1, 0, binary_opcode(c->op), dst, a, in[1], -1);
        return true;
    }
}

static bool assemble_body(assembler *s)
{
    for (int32_t i = 0; i < s->p->num_code; i++) {
        const program_instruction *c = &s->p->code[i];
        if (c->op == PROGRAM_SUM) {
            sum(s, c->out, locate(s, c->in[0]));
            continue;
        }
        place out = locate(s, c->out);
        bool direct = out.kind == IN_REGISTER;
        int dst = direct ? out.number : SCRATCH_B;
        if (!compute(s, c, dst))
            return false;
        if (!direct)
            vex(s, 1, 0, 0x11, dst, -1, out, -1);
    }
    return true;
}

static void assemble_pool(assembler *s)
{
    static const uint32_t pool[POOL_COUNT] = {[POOL_ABS] = 0x7FFFFFFF,
                                              [POOL_SIGN] = 0x80000000,
                                              [POOL_ONE] = 0x3F800000,
                                              [POOL_INFINITY] = 0x7F800000};
    for (int i = 0; i < POOL_COUNT; i++)
        for (int k = 0; k < 8; k++)
            word(s, (int32_t)pool[i]);
}

static void push_or_pop(assembler *s, int opcode, int reg)
{
    if (reg >= 8)
        byte(s, 0x41);
    byte(s, opcode + (reg & 7));
}

/* void f(rdi vectors, rsi scalars, rdx lanes, rcx bytes > 0, r8 spill). */
static bool assemble(assembler *s)
{
    int pointers = s->p->info.num_vectors;
    if (pointers > POINTER_REGISTERS)
        pointers = POINTER_REGISTERS;
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++)
        push_or_pop(s, 0x50, saved[i]);
    for (int v = 0; v < pointers; v++) { /* mov reg, [rdi + 8 v] */
        int r = pointer_register[v];
        byte(s, 0x48 | (r >= 8 ? 4 : 0));
        byte(s, 0x8B);
        byte(s, 0x87 | (r & 7) << 3);
        word(s, 8 * v);
    }
    byte(s, 0x31), byte(s, 0xC0); /* xor eax, eax */
    size_t top = s->used;
    if (!assemble_body(s))
        return false;
    byte(s, 0x48), byte(s, 0x83), byte(s, 0xC0), byte(s, 32); /* add rax, 32 */
    byte(s, 0x48), byte(s, 0x39), byte(s, 0xC8);              /* cmp rax, rcx */
    byte(s, 0x0F), byte(s, 0x82);                             /* jb top */
    word(s, (int32_t)top - (int32_t)(s->used + 4));
    for (size_t i = sizeof saved / sizeof *saved; i-- > 0;)
        push_or_pop(s, 0x58, saved[i]);
    byte(s, 0xC5), byte(s, 0xF8), byte(s, 0x77); /* vzeroupper */
    byte(s, 0xC3);
    return s->used <= s->size;
}

void program_emit(program *p)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = ((size_t)p->num_code * 96 + 1024 + page - 1) / page * page;
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    assembler s = {.code = memory, .size = bytes, .p = p};
    assemble_pool(&s);
    size_t entry = s.used;
    if (!assemble(&s) || mprotect(memory, bytes, PROT_READ | PROT_EXEC)) {
        munmap(memory, bytes);
        return;
    }
    p->native_memory = memory;
    p->native_bytes = bytes;
    void *start = memory + entry;
    memcpy(&p->native, &start, sizeof start);
}

void program_emit_release(program *p)
{
    p->native = NULL;
    if (p->native_memory)
        munmap(p->native_memory, p->native_bytes);
    p->native_memory = NULL;
}

#else

void program_emit(program *p)
{
    p->native = NULL;
}

void program_emit_release(program *p)
{
    p->native = NULL;
}

#endif
