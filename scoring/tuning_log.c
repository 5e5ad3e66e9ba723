/* Tuning logs, read and drawn. */
#include "scoring/tuning_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "scoring/site.h"

static int32_t read_curve(const json_t *curve, const char *place, double *lowest)
{
    size_t i;
    json_t *point;
    *lowest = NAN;
    json_array_foreach(curve, i, point)
    {
        double loss;
        if (!json_number_of(json_array_get(point, 1), &loss))
            return podium_fail(PODIUM_EINVAL,
                               "%s: field 'curve': point %zu: expected [step, loss, ...]", place,
                               i);
        if (isfinite(loss))
            *lowest = fmin(*lowest, loss);
    }
    return 0;
}

static int32_t read_line(tuning_log *l, json_t *line, const char *place)
{
    tuning_point p = {0};
    json_t *curve, *setting;
    TRY(json_read_text(line, place, "optimizer", &p.optimizer));
    TRY(json_read_object(line, place, "setting", &setting));
    TRY(json_read_array(line, place, "curve", &curve));
    if (json_object_get(line, "reached"))
        TRY(json_read_flag(line, place, "reached", &p.reached));
    TRY(read_curve(curve, place, &p.loss));
    p.setting = setting;
    if (!(l->length & (l->length + 1))) { /* grows at 0, 1, 3, 7, ... */
        tuning_point *grown = realloc(l->points, (2 * l->length + 1) * sizeof *grown);
        if (!grown)
            return podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", place);
        l->points = grown;
    }
    l->points[l->length++] = p;
    return json_array_append(l->lines, line) ? podium_fail(PODIUM_ENOMEM, "no memory") : 0;
}

static int32_t read_lines(tuning_log *l, const char *text, size_t length, const char *name)
{
    size_t at = 0;
    for (int number = 1; at < length; number++) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t n = newline ? (size_t)(newline - text) - at : length - at;
        char place[4200];
        json_t *line;
        snprintf(place, sizeof place, "%.4000s:%d", name, number);
        TRY(json_read(&line, text + at, n, place));
        int32_t rc = read_line(l, line, place);
        json_decref(line);
        TRY(rc);
        at += n + 1;
    }
    return 0;
}

int32_t tuning_log_parse(tuning_log *out, const char *text, size_t length, const char *place)
{
    *out = (tuning_log){.lines = json_array()};
    if (!out->lines)
        return podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", place);
    int32_t rc = read_lines(out, text, length, place);
    if (rc)
        tuning_log_release(out);
    return rc;
}

void tuning_log_release(tuning_log *l)
{
    json_decref(l->lines);
    free(l->points);
    *l = (tuning_log){0};
}

/* One plot; nothing where the number never varies. */
static void print_number(text_buffer *t, const tuning_log *l, const char *optimizer,
                         const char *key)
{
    double *x = calloc(2 * l->length + 1, sizeof *x), *y = x + l->length;
    bool *reached = calloc(l->length + 1, sizeof *reached), varies = false;
    size_t n = 0;
    for (size_t i = 0; x && reached && i < l->length; i++) {
        const tuning_point *p = &l->points[i];
        const json_t *v = json_object_get(p->setting, key);
        if (strcmp(p->optimizer, optimizer) || !json_is_number(v) || isnan(p->loss))
            continue;
        x[n] = json_number_value(v);
        y[n] = p->loss;
        reached[n] = p->reached;
        varies = varies || x[n] != x[0];
        n++;
    }
    t->failed = t->failed || !x || !reached;
    if (varies)
        chart_scatter(t, optimizer, key, x, y, reached, n);
    free(x);
    free(reached);
}

static bool named_before(const tuning_log *l, size_t i, const char *key)
{
    for (size_t k = 0; k < i; k++)
        if (!strcmp(l->points[k].optimizer, l->points[i].optimizer) &&
            (!key || json_object_get(l->points[k].setting, key)))
            return true;
    return false;
}

void tuning_log_print(text_buffer *t, const tuning_log *l)
{
    for (size_t i = 0; i < l->length; i++) {
        if (named_before(l, i, NULL))
            continue;
        text_add(t, "<h3>");
        html_text(t, l->points[i].optimizer);
        text_add(t, "</h3>\n<div class=\"plots\">\n");
        for (size_t k = i; k < l->length; k++) {
            const char *key;
            json_t *v;
            if (strcmp(l->points[k].optimizer, l->points[i].optimizer))
                continue;
            json_object_foreach((json_t *)l->points[k].setting, key, v)
            {
                if (json_is_number(v) && !named_before(l, k, key))
                    print_number(t, l, l->points[i].optimizer, key);
            }
        }
        text_add(t, "</div>\n");
    }
}
