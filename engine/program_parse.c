/* Program text to values in static single assignment form: one recursive-descent pass that shares
 * equal values as it goes.  Values of literals and constants alone keep their own rank, so they are
 * computed once a run in the element type, not folded here in another precision. */
#include "engine/program_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(name, operands, text) operands,
const int program_operands[PROGRAM_OP_COUNT] = {PROGRAM_OPS(X)};
#undef X
#define X(name, operands, text) text,
const char *const program_names[PROGRAM_OP_COUNT] = {PROGRAM_OPS(X)};
#undef X

typedef struct parser {
    program *p;
    const char *at;
    int depth;
    int32_t temporary[PROGRAM_MAX_TEMPORARIES]; /* node, -1: not assigned yet */
    int32_t vector[PROGRAM_MAX_VECTORS];        /* current value, -1: as loaded */
} parser;

static int32_t expression(parser *s);

static void skip_space(parser *s)
{
    while (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')
        s->at++;
}

/* Fails at `where` with "column N: expected WHAT, found ...". */
static int32_t expected(parser *s, const char *where, const char *what)
{
    int column = (int)(where - s->p->text) + 1;
    int length = 0;
    while (length < 24 && (isalnum((unsigned char)where[length]) || where[length] == '_'))
        length++;
    if (!*where)
        return podium_fail(PODIUM_EINVAL, "program: column %d: expected %s, found the end", column,
                           what);
    if (!length && !isprint((unsigned char)*where))
        return podium_fail(PODIUM_EINVAL, "program: column %d: expected %s, found byte 0x%02x",
                           column, what, (unsigned char)*where);
    return podium_fail(PODIUM_EINVAL, "program: column %d: expected %s, found '%.*s'", column, what,
                       length ? length : 1, where);
}

static int32_t over_limit(const parser *s, const char *where, const char *what, int limit)
{
    return podium_fail(PODIUM_EINVAL, "program: column %d: expected at most %d %s",
                       (int)(where - s->p->text) + 1, limit, what);
}

/* The node equal to `n`, an old one if there is one.  Returns its number or a failure. */
static int32_t intern(parser *s, program_node n)
{
    program *p = s->p;
    for (int32_t i = 0; i < p->num_nodes; i++) {
        const program_node *o = &p->nodes[i];
        if (o->op == n.op && o->index == n.index && !memcmp(o->arg, n.arg, sizeof n.arg) &&
            !memcmp(&o->literal, &n.literal, sizeof n.literal))
            return i;
    }
    if (p->num_nodes == PROGRAM_MAX_NODES)
        return over_limit(s, s->at, "distinct values", PROGRAM_MAX_NODES);
    p->nodes[p->num_nodes] = n;
    return p->num_nodes++;
}

static int32_t leaf(parser *s, program_op op, int32_t index, double literal)
{
    program_rank rank = op == PROGRAM_LOAD        ? RANK_ELEMENT
                        : op == PROGRAM_PER_PARAM ? RANK_PARAM
                                                  : RANK_UNIFORM;
    program_node n = {
        .op = op, .rank = (int32_t)rank, .arg = {-1, -1, -1}, .index = index, .literal = literal};
    return intern(s, n);
}

static int32_t apply(parser *s, program_op op, int32_t a, int32_t b, int32_t c)
{
    program_node n = {.op = op, .arg = {a, b, c}};
    for (int i = 0; i < program_operands[op]; i++)
        if (s->p->nodes[n.arg[i]].rank > n.rank)
            n.rank = s->p->nodes[n.arg[i]].rank;
    return intern(s, n);
}

static int32_t number(parser *s)
{
    const char *start = s->at, *c = start;
    int digits = 0;
    for (; isdigit((unsigned char)*c); c++)
        digits++;
    if (*c == '.')
        for (c++; isdigit((unsigned char)*c); c++)
            digits++;
    if (!digits)
        return expected(s, start, "digits");
    if (*c == 'e' || *c == 'E') {
        c++;
        if (*c == '+' || *c == '-')
            c++;
        if (!isdigit((unsigned char)*c))
            return expected(s, c, "digits of an exponent");
        while (isdigit((unsigned char)*c))
            c++;
    }
    if (isalnum((unsigned char)*c) || *c == '_' || *c == '.')
        return expected(s, c, "an operator after the number");
    char digits_text[64];
    if ((size_t)(c - start) >= sizeof digits_text)
        return over_limit(s, start, "characters in a number", (int)sizeof digits_text - 1);
    memcpy(digits_text, start, (size_t)(c - start));
    digits_text[c - start] = 0;
    double x = strtod(digits_text, NULL);
    if (x - x != 0)
        return expected(s, start, "a number below 1.8e308");
    s->at = c;
    return leaf(s, PROGRAM_LITERAL, 0, x);
}

/* Reads the digits of v12, c3, ... at s->at (after the letter).  Returns the number or a failure.
 */
static int32_t operand_index(parser *s, const char *start, int limit, const char *what)
{
    long i = 0;
    const char *c = s->at;
    for (; isdigit((unsigned char)*c); c++)
        if (i < 100000)
            i = 10 * i + (*c - '0');
    if (isalnum((unsigned char)*c) || *c == '_')
        return expected(s, start, "an operand such as v0, t0, c0 or p0, or a function");
    if (i >= limit)
        return over_limit(s, start, what, limit);
    s->at = c;
    return (int32_t)i;
}

static void at_least(int32_t *n, int32_t index)
{
    if (*n <= index)
        *n = index + 1;
}

static int32_t operand(parser *s)
{
    const char *start = s->at++;
    program_info *info = &s->p->info;
    int32_t i;
    switch (*start) {
    case 'v':
        TRY(i = operand_index(s, start, PROGRAM_MAX_VECTORS, "vectors"));
        at_least(&info->num_vectors, i);
        return s->vector[i] >= 0 ? s->vector[i] : leaf(s, PROGRAM_LOAD, i, 0);
    case 't':
        TRY(i = operand_index(s, start, PROGRAM_MAX_TEMPORARIES, "temporaries"));
        if (s->temporary[i] < 0)
            return expected(s, start, "a temporary that was assigned before");
        return s->temporary[i];
    case 'c':
        TRY(i = operand_index(s, start, PROGRAM_MAX_CONSTANTS, "constants"));
        at_least(&info->num_constants, i);
        return leaf(s, PROGRAM_CONSTANT, i, 0);
    case 'p':
        TRY(i = operand_index(s, start, PROGRAM_MAX_PER_PARAM, "per-parameter operands"));
        at_least(&info->num_per_param, i);
        return leaf(s, PROGRAM_PER_PARAM, i, 0);
    default:
        return expected(s, start,
                        "an operand that can be read: v, t, c or p (s and q only add up)");
    }
}

static int32_t call(parser *s)
{
    const char *start = s->at;
    size_t length = 0;
    while (isalnum((unsigned char)start[length]) || start[length] == '_')
        length++;
    int op = 0;
    for (; op < PROGRAM_OP_COUNT; op++)
        if (program_names[op] && strlen(program_names[op]) == length &&
            !memcmp(program_names[op], start, length))
            break;
    if (op == PROGRAM_OP_COUNT)
        return expected(s, start, "an operand such as v0, t0, c0 or p0, or a function");
    s->at += length;
    skip_space(s);
    if (*s->at != '(')
        return expected(s, s->at, "'(' after the function's name");
    int32_t arg[3] = {-1, -1, -1};
    for (int i = 0; i < program_operands[op]; i++) {
        s->at++;
        TRY(arg[i] = expression(s));
        bool last = i + 1 == program_operands[op];
        if (*s->at != (last ? ')' : ',')) {
            char what[64];
            snprintf(what, sizeof what, "%s (%s takes %d operand%s)", last ? "')'" : "','",
                     program_names[op], program_operands[op], program_operands[op] > 1 ? "s" : "");
            return expected(s, s->at, what);
        }
    }
    s->at++;
    return apply(s, (program_op)op, arg[0], arg[1], arg[2]);
}

static int32_t primary(parser *s)
{
    skip_space(s);
    char c = *s->at;
    int32_t n;
    if (c == '-') {
        if (++s->depth > PROGRAM_MAX_DEPTH)
            return over_limit(s, s->at, "levels of nesting", PROGRAM_MAX_DEPTH);
        s->at++;
        TRY(n = primary(s));
        s->depth--;
        return apply(s, PROGRAM_NEG, n, -1, -1);
    }
    if (c == '(') {
        s->at++;
        TRY(n = expression(s));
        if (*s->at != ')')
            return expected(s, s->at, "')' or an operator");
        s->at++;
    } else if (isdigit((unsigned char)c) || c == '.') {
        TRY(n = number(s));
    } else if (isalpha((unsigned char)c)) {
        TRY(n = isdigit((unsigned char)s->at[1]) ? operand(s) : call(s));
    } else {
        return expected(s, s->at, "a number, an operand, a function or '('");
    }
    skip_space(s);
    return n;
}

static int32_t product(parser *s)
{
    int32_t a, b;
    TRY(a = primary(s));
    while (*s->at == '*' || *s->at == '/') {
        program_op op = *s->at++ == '*' ? PROGRAM_MUL : PROGRAM_DIV;
        TRY(b = primary(s));
        TRY(a = apply(s, op, a, b, -1));
    }
    return a;
}

/* Leaves s->at at the first character that does not belong to the expression. */
static int32_t expression(parser *s)
{
    int32_t a, b;
    if (++s->depth > PROGRAM_MAX_DEPTH)
        return over_limit(s, s->at, "levels of nesting", PROGRAM_MAX_DEPTH);
    TRY(a = product(s));
    while (*s->at == '+' || *s->at == '-') {
        program_op op = *s->at++ == '+' ? PROGRAM_ADD : PROGRAM_SUB;
        TRY(b = product(s));
        TRY(a = apply(s, op, a, b, -1));
    }
    s->depth--;
    return a;
}

static int32_t assign(parser *s, char kind, int32_t i, const char *start, int32_t n)
{
    program *p = s->p;
    if (kind == 'v') {
        s->vector[i] = p->store[i] = n;
        p->info.writes |= (uint64_t)1 << i;
    } else if (kind == 't') {
        s->temporary[i] = n;
    } else {
        if (p->num_sums == PROGRAM_MAX_STATEMENT_SUMS)
            return over_limit(s, start, "statements that add to sums", PROGRAM_MAX_STATEMENT_SUMS);
        p->sums[p->num_sums++] = (program_sum){
            .node = n, .position = p->num_nodes, .index = i, .per_param = kind == 'q'};
    }
    return 0;
}

static int32_t statement(parser *s)
{
    const char *start = s->at;
    char kind = *start;
    program_info *info = &s->p->info;
    int32_t i, n;
    if (!kind || !strchr("vtsq", kind) || !isdigit((unsigned char)start[1]))
        return expected(s, start, "a statement that begins with v, t, s or q and a number");
    s->at++;
    bool sum = kind == 's' || kind == 'q';
    int limit = kind == 'v'   ? PROGRAM_MAX_VECTORS
                : kind == 't' ? PROGRAM_MAX_TEMPORARIES
                              : PROGRAM_MAX_SUMS;
    TRY(i = operand_index(s, start, limit,
                          kind == 'v'   ? "vectors"
                          : kind == 't' ? "temporaries"
                                        : "sums"));
    if (kind != 't')
        at_least(kind == 'v'   ? &info->num_vectors
                 : kind == 's' ? &info->num_sums
                               : &info->num_per_param_sums,
                 i);
    skip_space(s);
    if (sum && (s->at[0] != '+' || s->at[1] != '='))
        return expected(s, s->at, "'+=' (sums add up)");
    if (!sum && *s->at != '=')
        return expected(s, s->at, "'='");
    s->at += sum ? 2 : 1;
    TRY(n = expression(s));
    if (*s->at && *s->at != ';')
        return expected(s, s->at, "an operator, ';' or the end");
    return assign(s, kind, i, start, n);
}

/* Marks what stores and sums need, and which vectors are read. */
static void mark_live(program *p)
{
    for (int i = 0; i < PROGRAM_MAX_VECTORS; i++)
        if (p->store[i] >= 0)
            p->nodes[p->store[i]].live = true;
    for (int i = 0; i < p->num_sums; i++)
        p->nodes[p->sums[i].node].live = true;
    for (int32_t i = p->num_nodes - 1; i >= 0; i--) {
        const program_node *n = &p->nodes[i];
        if (!n->live)
            continue;
        for (int k = 0; k < program_operands[n->op]; k++)
            p->nodes[n->arg[k]].live = true;
        if (n->op == PROGRAM_LOAD)
            p->info.reads |= (uint64_t)1 << n->index;
    }
}

int32_t program_parse(program *p)
{
    parser s = {.p = p, .at = p->text};
    memset(s.temporary, -1, sizeof s.temporary);
    memset(s.vector, -1, sizeof s.vector);
    memset(p->store, -1, sizeof p->store);
    int statements = 0;
    for (skip_space(&s); *s.at; skip_space(&s)) {
        if (*s.at == ';') {
            s.at++;
            continue;
        }
        TRY(statement(&s));
        statements++;
    }
    if (!statements)
        return expected(&s, s.at, "a statement");
    mark_live(p);
    return 0;
}
