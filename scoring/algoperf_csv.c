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

/* Digits with a point among them, at most 15 in all: their integer and the power of ten are exact
 * doubles, so one division rounds as strtod would (Clinger 1990), at a tenth of its time; a table
 * of the published logs has a quarter of a million of them.  False: left to strtod. */
static bool read_short_decimal(const char *at, const char *end, double *out)
{
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int64_t digits = 0;
    int count = 0, after = 0;
    bool point = false;
    for (; at < end; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9' || ++count > 15)
            return false;
        digits = 10 * digits + (*at - '0');
        after += point;
    }
    *out = (double)digits / powers[after];
    return count > 0;
}

/* A field as a number; an empty one is not a number. */
static int32_t read_number(const char *at, const char *end, double *out, const char *place,
                           int64_t line, const char *column)
{
    char copy[64];
    size_t n = (size_t)(end - at);
    *out = NAN;
    if (!n || read_short_decimal(at, end, out))
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

static int32_t read_row(const columns *c, const char *line, const char *end, const char *place,
                        int64_t number, const algoperf_workload *w, algoperf_hit *out)
{
    const char *value = NULL, *time = NULL, *value_end = NULL, *time_end = NULL;
    size_t n = 0;
    for (const char *at = line;; n++) {
        const char *stop = field_end(at, end);
        if (n == c->value) {
            value = at;
            value_end = stop;
        }
        if (n == c->time) {
            time = at;
            time_end = stop;
        }
        if (stop == end)
            break;
        at = stop + 1;
    }
    if (n + 1 != c->count)
        return podium_fail(PODIUM_EINVAL, "%s:%lld: %zu fields, expected %zu", place,
                           (long long)number, n + 1, c->count);
    double x, seconds;
    TRY(read_number(value, value_end, &x, place, number, w->column));
    out->evaluations++;
    if (out->index >= 0 || !(w->larger_is_better ? x >= w->target : x <= w->target))
        return 0;
    TRY(read_number(time, time_end, &seconds, place, number, "score"));
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
