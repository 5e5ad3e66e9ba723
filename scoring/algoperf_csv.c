/* eval_measurements.csv: two of its columns. */
#include "scoring/algoperf.h"

#include <math.h>
#include <string.h>

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

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Commas among 64 bytes; a vector's comparison is -1 where it holds. */
static size_t commas_in_64(const char *at)
{
    static const bytes16 comma = {',', ',', ',', ',', ',', ',', ',', ',',
                                  ',', ',', ',', ',', ',', ',', ',', ','};
    bytes16 sum = {0}, x;
    uint64_t half[2];
    for (int i = 0; i < 4; i++) {
        memcpy(&x, at + 16 * i, sizeof x);
        sum -= (bytes16)(x == comma);
    }
    memcpy(half, &sum, sizeof half);
    return (size_t)(((half[0] + half[1]) * 0x0101010101010101u) >> 56); /* sum of the bytes */
}

static size_t commas_in_8(const char *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    x ^= 0x2C2C2C2C2C2C2C2Cu; /* a comma becomes 0; the sum below carries into no other byte */
    x = ~(((x & 0x7F7F7F7F7F7F7F7Fu) + 0x7F7F7F7F7F7F7F7Fu) | x | 0x7F7F7F7F7F7F7F7Fu) >> 7;
    return (size_t)((x * 0x0101010101010101u) >> 56);
}

/* Steps over `n` fields and their commas, blocks at a time; NULL: there are not that many. */
static const char *skip_fields(const char *at, const char *end, size_t n)
{
    size_t found;
    for (; n && end - at >= 64 && (found = commas_in_64(at)) < n; at += 64)
        n -= found;
    for (; n && end - at >= 8 && (found = commas_in_8(at)) < n; at += 8)
        n -= found;
    for (; n && at < end; at++)
        n -= *at == ',';
    return n ? NULL : at;
}

static size_t count_commas(const char *at, const char *end)
{
    size_t n = 0;
    for (; end - at >= 64; at += 64)
        n += commas_in_64(at);
    for (; end - at >= 8; at += 8)
        n += commas_in_8(at);
    for (; at < end; at++)
        n += *at == ',';
    return n;
}

/* The fields of the value and of the time; false: the row has another number of fields. */
static bool find_fields(const columns *c, const char *line, const char *end, const char **value,
                        const char **time)
{
    bool value_first = c->value < c->time;
    size_t first = value_first ? c->value : c->time, second = value_first ? c->time : c->value;
    const char *a = skip_fields(line, end, first);
    const char *b = a ? skip_fields(a, end, second - first) : NULL;
    *value = value_first ? a : b;
    *time = value_first ? b : a;
    return b && second + count_commas(b, end) + 1 == c->count;
}

static int32_t read_row(const columns *c, const char *line, const char *end, const char *place,
                        int64_t number, const algoperf_workload *w, algoperf_hit *out)
{
    const char *value, *time;
    double seconds;
    bool met;
    if (!find_fields(c, line, end, &value, &time))
        return podium_fail(PODIUM_EINVAL, "%s:%lld: %zu fields, expected %zu", place,
                           (long long)number, count_commas(line, end) + 1, c->count);
    TRY(read_met(value, field_end(value, end), &met, place, number, w));
    out->evaluations++;
    if (out->index >= 0 || !met)
        return 0;
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
    int64_t number = 1;
    columns c = {0};
    *out = (algoperf_hit){.index = -1};
    for (const char *at = text; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        const char *next = newline ? newline + 1 : end;
        if (stop > at && stop[-1] == '\r')
            stop--;
        if (number == 1)
            TRY(read_names(&c, at, stop, place, w));
        else if (stop > at)
            TRY(read_row(&c, at, stop, place, number, w, out));
        at = next;
    }
    if (number == 1)
        return podium_fail(PODIUM_EINVAL, "%s:1: the file is empty", place);
    return 0;
}
