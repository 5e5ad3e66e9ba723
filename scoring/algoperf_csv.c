/* eval_measurements.csv: two of its columns. */
#include "scoring/algoperf.h"

#include <math.h>
#include <string.h>
#if defined __AVX2__ || defined __BMI2__
#include <immintrin.h>
#endif

#include "base/text.h"

#define MAX_COLUMNS 4096

typedef struct columns {
    size_t count, value, time;
} columns;

/* Where the field at `at` ends: a comma, or `end`. */
static const char *field_end(const char *at, const char *end)
{
    const char *comma = memchr(at, ',', (size_t)(end - at));
    return comma ? comma : end;
}

static bool is_named(const char *at, const char *end, const char *name)
{
    size_t n = (size_t)(end - at);
    return n == strlen(name) && !memcmp(at, name, n);
}

static int32_t read_names(columns *c, const char *line, const char *end, const char *place,
                          const algoperf_workload *w)
{
    size_t score = SIZE_MAX, accumulated = SIZE_MAX;
    *c = (columns){.value = SIZE_MAX};
    for (const char *at = line;; c->count++) {
        const char *stop = field_end(at, end);
        if (c->count == MAX_COLUMNS)
            return podium_fail(PODIUM_EINVAL, "%s:1: more than %d columns", place, MAX_COLUMNS);
        if (is_named(at, stop, w->column))
            c->value = c->count;
        else if (is_named(at, stop, "score"))
            score = c->count;
        else if (is_named(at, stop, "accumulated_submission_time"))
            accumulated = c->count;
        if (stop == end)
            break;
        at = stop + 1;
    }
    c->count++;
    c->time = score != SIZE_MAX ? score : accumulated;
    if (c->value == SIZE_MAX)
        return podium_fail(PODIUM_EINVAL, "%s:1: no column '%s'", place, w->column);
    if (c->time == SIZE_MAX)
        return podium_fail(PODIUM_EINVAL,
                           "%s:1: no column 'score' or 'accumulated_submission_time'", place);
    return 0;
}

/* Eight digits at once (little-endian): neighbours are joined to pairs, fours, eight.  false: one
 * is none. */
static bool read_eight_digits(const char *at, int64_t *out)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    x -= 0x3030303030303030u;
    if ((x | (x + 0x7676767676767676u)) & 0x8080808080808080u)
        return false;
    x = x * 10 + (x >> 8);
    *out = (int64_t)(((x & 0x000000FF000000FFu) * 0x000F424000000064u +
                      (x >> 16 & 0x000000FF000000FFu) * 0x0000271000000001u) >>
                     32);
    return true;
}

/* Digits with a point among them, at most 18 in all.  Up to 15, their integer and the power of ten
 * are exact doubles, so one division rounds as strtod would (Clinger 1990); beyond, the quotient is
 * off by less than 4 ulp, which is enough to see on which side of a target most values lie.  A
 * table of the published logs has a quarter of a million of them, and strtod takes ten times as
 * long. */
static bool read_short_decimal(const char *at, const char *end, double *out, bool *exact)
{
    static const double powers[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    int64_t digits = 0;
    int count = 0, after = 0;
    bool point = false;
    for (; at < end; at++) {
        int64_t eight;
        if (end - at >= 8 && count <= 10 && read_eight_digits(at, &eight)) {
            digits = 100000000 * digits + eight;
            count += 8;
            after += point ? 8 : 0;
            at += 7;
            continue;
        }
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9' || ++count > 18)
            return false;
        digits = 10 * digits + (*at - '0');
        after += point;
    }
    *exact = count <= 15;
    *out = (double)digits / powers[after];
    return count > 0;
}

/* A field as a number, exactly; an empty one is not a number. */
static int32_t read_exact(const char *at, const char *end, double *out, const char *place,
                          int64_t line, const char *column)
{
    char copy[64];
    size_t n = (size_t)(end - at);
    *out = NAN;
    if (!n)
        return 0;
    if (n < sizeof copy) {
        memcpy(copy, at, n);
        copy[n] = '\0';
        if (strlen(copy) == n && number_parse(copy, out))
            return 0;
    }
    return podium_fail(PODIUM_EINVAL, "%s:%lld: column '%s': expected a number, found '%.*s'",
                       place, (long long)line, column, (int)(n < 40 ? n : 40), at);
}

/* Does the field meet the target? */
static int32_t read_met(const char *at, const char *end, bool *met, const char *place, int64_t line,
                        const algoperf_workload *w)
{
    double x;
    bool exact;
    if (!read_short_decimal(at, end, &x, &exact) ||
        (!exact && fabs(x - w->target) <= 1e-12 * fabs(x)))
        TRY(read_exact(at, end, &x, place, line, w->column));
    *met = w->larger_is_better ? x >= w->target : x <= w->target;
    return 0;
}

/* ---- rows, 64 bytes at a time ------------------------------------------------------------- */

/* Bit i: byte i is `c`. */
#if defined __AVX512BW__
static uint64_t equal_in_64(const char *at, char c)
{
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(at), _mm512_set1_epi8(c));
}
#elif defined __AVX2__
static uint64_t equal_in_64(const char *at, char c)
{
    __m256i want = _mm256_set1_epi8(c);
    __m256i low = _mm256_loadu_si256((const __m256i *)at);
    __m256i high = _mm256_loadu_si256((const __m256i *)(at + 32));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, want)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, want)) << 32;
}
#else
static uint64_t equal_in_64(const char *at, char c)
{
    const uint64_t ones = 0x0101010101010101u, sevens = 0x7F7F7F7F7F7F7F7Fu;
    uint64_t bits = 0, x;
    for (int i = 0; i < 8; i++) {
        memcpy(&x, at + 8 * i, sizeof x);
        x ^= ones * (unsigned char)c; /* c becomes 0; the sum below carries into no other byte */
        x = ~(((x & sevens) + sevens) | x | sevens) >> 7;
        bits |= (x * 0x0102040810204080u >> 56) << (8 * i);
    }
    return bits;
}
#endif

/* Where the reader is: bits of what lies before it in the block are 0. */
typedef struct scanner {
    const char *block, *end;
    uint64_t commas, newlines;
} scanner;

/* The last bytes of the text, fewer than 64, and the end of the last line. */
static __attribute__((noinline)) void look_at_rest(scanner *s)
{
    char rest[64] = {0};
    size_t n = s->block < s->end ? (size_t)(s->end - s->block) : 0;
    memcpy(rest, s->block, n);
    s->commas = equal_in_64(rest, ',');
    s->newlines = equal_in_64(rest, '\n') | (uint64_t)1 << n;
}

static inline void look_at_block(scanner *s)
{
    if (s->end - s->block < 64) {
        look_at_rest(s);
        return;
    }
    s->commas = equal_in_64(s->block, ',');
    s->newlines = equal_in_64(s->block, '\n');
}

typedef struct row {
    const char *end;   /* its newline */
    const char *value; /* NULL: it has fewer fields */
    size_t commas;
} row;

/* The place behind the n-th of the bits, n from 1. */
static const char *behind(const char *block, uint64_t bits, size_t n)
{
#ifdef __BMI2__
    bits = _pdep_u64((uint64_t)1 << (n - 1), bits); /* no loop whose end is hard to foresee */
#else
    while (--n)
        bits &= bits - 1;
#endif
    return block + __builtin_ctzll(bits) + 1;
}

/* The line that starts at `line`, where the scanner is; the value starts behind `before` commas.
 * Where they end is kept by conditional moves: a wrong guess a row would take half of the time. */
static void scan_row(scanner *s, const char *line, size_t before, row *out)
{
    const char *block = line;
    uint64_t bits = 0;
    size_t commas = 0, rank = 0;
    for (;;) {
        uint64_t newline = s->newlines & -s->newlines;
        uint64_t here = s->commas & (newline - 1); /* all of them where there is no newline */
        size_t n = commas + (size_t)__builtin_popcountll(here);
        bool found = commas < before && n >= before;
        block = found ? s->block : block;
        bits = found ? here : bits;
        rank = found ? before - commas : rank;
        commas = n;
        if (newline) {
            out->end = s->block + __builtin_ctzll(newline);
            s->newlines ^= newline;
            s->commas ^= here;
            break;
        }
        s->block += 64;
        look_at_block(s);
    }
    out->commas = commas;
    out->value = !before ? line : bits ? behind(block, bits, rank) : NULL;
}

/* Behind the n-th comma of a line that has as many. */
static const char *skip_fields(const char *at, size_t n)
{
    for (; n; at++)
        n -= *at == ',';
    return at;
}

static int32_t read_row(const columns *c, const char *line, const char *value, const char *end,
                        const char *place, int64_t number, const algoperf_workload *w,
                        algoperf_hit *out)
{
    double seconds;
    bool met;
    TRY(read_met(value, field_end(value, end), &met, place, number, w));
    out->evaluations++;
    if (out->index >= 0 || !met)
        return 0;
    const char *time = skip_fields(line, c->time);
    TRY(read_exact(time, field_end(time, end), &seconds, place, number, "score"));
    if (!(seconds >= 0) || isinf(seconds))
        return podium_fail(PODIUM_EINVAL, "%s:%lld: column 'score': no time", place,
                           (long long)number);
    if (seconds > w->seconds)
        return 0; /* the budget was spent before */
    out->index = out->evaluations - 1;
    out->time = seconds;
    return 0;
}

int32_t algoperf_csv_hit(const char *text, size_t length, const char *place,
                         const algoperf_workload *w, algoperf_hit *out)
{
    const char *end = text + length;
    columns c = {0};
    scanner s = {.block = text, .end = end};
    *out = (algoperf_hit){.index = -1};
    if (!length)
        return podium_fail(PODIUM_EINVAL, "%s:1: the file is empty", place);
    look_at_block(&s);
    row r;
    int64_t number = 1;
    for (const char *at = text; at < end; at = r.end + 1, number++) {
        scan_row(&s, at, c.value, &r);
        const char *stop = r.end > at && r.end[-1] == '\r' ? r.end - 1 : r.end;
        if (number == 1) {
            TRY(read_names(&c, at, stop, place, w));
        } else if (stop > at) {
            if (r.commas + 1 != c.count)
                return podium_fail(PODIUM_EINVAL, "%s:%lld: %zu fields, expected %zu", place,
                                   (long long)number, r.commas + 1, c.count);
            TRY(read_row(&c, at, r.value, stop, place, number, w, out));
        }
    }
    return 0;
}
