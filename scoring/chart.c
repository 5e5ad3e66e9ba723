/* Validation curves as inline SVG.  Hand-made because it is one kind of chart of a hundred lines,
 * and gnuplot would be a dependency of everyone who races; colours come from the page's style
 * sheet, so the chart follows light and dark. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/site.h"

enum { WIDTH = 720, HEIGHT = 360, LEFT = 56, RIGHT = 12, TOP = 12, BOTTOM = 44 };

static const char *const axis_labels[] = {"reference steps", "wall seconds", "steps", "model FLOPs",
                                          "gradient evaluations"};

typedef struct axes {
    double x_max, y_min, y_max, x_min;
} axes;

static double place_x(const axes *a, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (x - a->x_min) / (a->x_max - a->x_min);
}

static double place_y(const axes *a, double y)
{
    double clipped = fmin(fmax(y, a->y_min), a->y_max);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (clipped - a->y_min) / (a->y_max - a->y_min);
}

static double metric_of(const record *r, const record_evaluation *e)
{
    return r->target_grows ? e->quality : e->loss;
}

/* 1, 2 or 5 times a power of ten, at most `parts` steps to `range`. */
static double tick_step(double range, int parts)
{
    double raw = range / parts, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

/* The starting value is the worst of a run: the axis ends there, diverged runs leave the chart. */
static bool measure(const board *b, size_t workload, record_clock clock, axes *a)
{
    *a = (axes){.y_min = INFINITY, .y_max = -INFINITY};
    for (size_t i = 0; i < b->num_records; i++) {
        const record *r = b->records[i];
        if ((size_t)b->workload_of[i] != workload || r->num_evaluations == 0)
            continue;
        double start = metric_of(r, &r->evaluations[0]);
        a->y_min = fmin(a->y_min, r->target);
        a->y_max = fmax(a->y_max, r->target);
        for (size_t k = 0; k < r->num_evaluations; k++) {
            double x = r->evaluations[k].clock[clock], y = metric_of(r, &r->evaluations[k]);
            if (isfinite(x))
                a->x_max = fmax(a->x_max, x);
            if (isfinite(y)) {
                a->y_min = fmin(a->y_min, y);
                a->y_max = fmax(a->y_max, isfinite(start) ? fmin(y, fmax(start, r->target)) : y);
            }
        }
    }
    double margin = 0.04 * (a->y_max - a->y_min);
    a->y_min -= margin;
    a->y_max += margin;
    return a->x_max > 0 && a->y_max > a->y_min;
}

static void draw_axes(text_buffer *t, const axes *a, const char *x_label, const char *y_label)
{
    double step = tick_step(a->x_max - a->x_min, 7), end = a->x_max + 1e-4 * (a->x_max - a->x_min);
    for (double x = ceil(a->x_min / step) * step; x <= end; x += step)
        text_print(t,
                   "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                   "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                   place_x(a, x), place_x(a, x), TOP, HEIGHT - BOTTOM, place_x(a, x),
                   HEIGHT - BOTTOM + 16, fabs(x) < step * 1e-6 ? 0 : x);
    step = tick_step(a->y_max - a->y_min, 6);
    for (double y = ceil(a->y_min / step) * step; y <= a->y_max; y += step)
        text_print(t,
                   "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                   "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                   LEFT, WIDTH - RIGHT, place_y(a, y), place_y(a, y), LEFT - 6, place_y(a, y) + 4,
                   fabs(y) < step * 1e-6 ? 0 : y);
    text_print(t, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (WIDTH + LEFT) / 2,
               HEIGHT - 8);
    html_text(t, x_label);
    text_add(t, "</text>\n");
    text_print(t,
               "<text x=\"14\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 14 %d)\">%s"
               "</text>\n",
               HEIGHT / 2, HEIGHT / 2, y_label);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *x, size_t n)
{
    qsort(x, n, sizeof *x, compare_doubles);
    return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

/* The median curve of a submission: evaluations come at fixed counts of examples, so the k-th of
 * every trial are of the same moment.  It ends where fewer than half of the trials go on. */
static void draw_median(text_buffer *t, const axes *a, const board *b, size_t s, size_t workload,
                        record_clock clock)
{
    double *x = calloc(2 * b->num_records + 1, sizeof *x), *y = x + b->num_records;
    size_t trials = 0;
    for (size_t i = 0; x && i < b->num_records; i++)
        trials += (size_t)b->submission_of[i] == s && (size_t)b->workload_of[i] == workload;
    if (!x || trials < 2) {
        t->failed = t->failed || !x;
        free(x);
        return;
    }
    text_print(t, "<polyline class=\"c%zu median\" points=\"", s % 8);
    for (size_t k = 0;; k++) {
        size_t n = 0;
        for (size_t i = 0; i < b->num_records; i++) {
            const record *r = b->records[i];
            if ((size_t)b->submission_of[i] != s || (size_t)b->workload_of[i] != workload ||
                k >= r->num_evaluations)
                continue;
            x[n] = r->evaluations[k].clock[clock];
            y[n] = metric_of(r, &r->evaluations[k]);
            n += isfinite(x[n]) && isfinite(y[n]);
        }
        if (2 * n < trials || !n)
            break;
        double mx = middle(x, n), my = middle(y, n);
        text_print(t, "%.1f,%.1f ", place_x(a, mx), place_y(a, my));
    }
    text_add(t, "\"><title>");
    html_text(t, b->names[s]);
    text_add(t, ", median</title></polyline>\n");
    free(x);
}

static void draw_trial(text_buffer *t, const axes *a, const board *b, size_t i, record_clock clock)
{
    const record *r = b->records[i];
    text_print(t, "<polyline class=\"c%d trial\" points=\"", b->submission_of[i] % 8);
    for (size_t k = 0; k < r->num_evaluations; k++) {
        double x = r->evaluations[k].clock[clock], y = metric_of(r, &r->evaluations[k]);
        if (isfinite(x) && isfinite(y))
            text_print(t, "%.1f,%.1f ", place_x(a, x), place_y(a, y));
    }
    text_add(t, "\"><title>");
    html_text(t, r->submission);
    text_print(t, ", study %lld trial %lld</title></polyline>\n", (long long)r->study,
               (long long)r->trial);
    int64_t hit = r->valid ? record_hit(r) : -1;
    if (hit >= 0)
        text_print(t, "<circle class=\"c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
                   b->submission_of[i] % 8, place_x(a, r->evaluations[hit].clock[clock]),
                   place_y(a, metric_of(r, &r->evaluations[hit])));
}

static void draw_legend(text_buffer *t, const board *b)
{
    text_add(t, "<p class=\"legend\">");
    for (size_t s = 0; s < b->num_submissions; s++) {
        text_print(t, "<span><i class=\"c%zu\"></i>", s % 8);
        html_text(t, b->names[s]);
        text_add(t, "</span> ");
    }
    text_add(t, "</p>\n");
}

void chart_curves(text_buffer *t, const board *b, size_t workload, record_clock clock)
{
    axes a;
    const record *first = NULL;
    for (size_t i = 0; i < b->num_records && !first; i++)
        if ((size_t)b->workload_of[i] == workload)
            first = b->records[i];
    if (!first || !measure(b, workload, clock, &a)) {
        text_add(t, "<p>No curve: no evaluation with a finite metric.</p>\n");
        return;
    }
    text_print(t, "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Validation curves of ", WIDTH,
               HEIGHT);
    html_text(t, b->workloads[workload]);
    text_add(t, "</title>\n");
    draw_axes(t, &a, axis_labels[clock],
              !first->target_grows                 ? "validation loss"
              : strcmp(first->metric, "bleu") == 0 ? "validation BLEU"
                                                   : "validation accuracy");
    for (size_t i = 0; i < b->num_records; i++)
        if ((size_t)b->workload_of[i] == workload)
            draw_trial(t, &a, b, i, clock);
    for (size_t s = 0; s < b->num_submissions; s++)
        draw_median(t, &a, b, s, workload, clock);
    text_print(t,
               "<line class=\"target\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
               "<text class=\"goal\" x=\"%d\" y=\"%.1f\">target %g</text>\n</svg>\n",
               LEFT, WIDTH - RIGHT, place_y(&a, first->target), place_y(&a, first->target),
               LEFT + 6, place_y(&a, first->target) - 5, first->target);
    draw_legend(t, b);
}

void chart_profile(text_buffer *t, const board *b)
{
    axes a = {.x_min = 1, .x_max = SCORE_TAU_MAX, .y_min = 0, .y_max = 1.02};
    text_print(t, "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Performance profiles</title>\n",
               WIDTH, HEIGHT);
    draw_axes(t, &a, "within this many times the fastest", "share of the workloads");
    for (size_t s = 0; s < b->num_submissions; s++) {
        const double *rho = b->result.rho + s * SCORE_POINTS;
        text_print(t, "<polyline class=\"c%zu\" points=\"%.1f,%.1f", s % 8,
                   place_x(&a, score_tau(0)), place_y(&a, rho[0]));
        for (int i = 1; i < SCORE_POINTS; i++)
            text_print(t, " %.1f,%.1f %.1f,%.1f", place_x(&a, score_tau(i)),
                       place_y(&a, rho[i - 1]), place_x(&a, score_tau(i)), place_y(&a, rho[i]));
        text_add(t, "\"><title>");
        html_text(t, b->names[s]);
        text_add(t, "</title></polyline>\n");
    }
    text_add(t, "</svg>\n");
    draw_legend(t, b);
}

void chart_scatter(text_buffer *t, const char *optimizer, const char *name, const double *x,
                   const double *y, const bool *reached, size_t n)
{
    axes a = {.x_min = INFINITY, .x_max = -INFINITY, .y_min = INFINITY, .y_max = -INFINITY};
    char label[300];
    for (size_t i = 0; i < n; i++) {
        a.x_min = fmin(a.x_min, x[i]);
        a.x_max = fmax(a.x_max, x[i]);
        a.y_min = fmin(a.y_min, y[i]);
        a.y_max = fmax(a.y_max, y[i]);
    }
    bool logarithm = a.x_min > 0 && a.x_max > 20 * a.x_min;
    if (logarithm) {
        a.x_min = log10(a.x_min);
        a.x_max = log10(a.x_max);
    }
    double width = a.x_max - a.x_min, height = a.y_max - a.y_min;
    if (!(width > 1e-9 * fabs(a.x_max)) || !isfinite(width) || !isfinite(height))
        return;
    height = height > 1e-9 * fabs(a.y_max) ? height : fabs(a.y_max) + 1;
    a.x_min -= 0.03 * width;
    a.x_max += 0.03 * width;
    a.y_min -= 0.05 * height;
    a.y_max += 0.05 * height;
    snprintf(label, sizeof label, "%s%.200s", logarithm ? "log10 of " : "", name);
    text_print(t, "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Lowest loss of ", WIDTH, HEIGHT);
    html_text(t, optimizer);
    text_add(t, " against ");
    html_text(t, name);
    text_add(t, "</title>\n");
    draw_axes(t, &a, label, ""); /* small: the text beside it says what the height is */
    for (size_t i = 0; i < n; i++)
        text_print(t, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
                   reached[i] ? "c0" : "missed", place_x(&a, logarithm ? log10(x[i]) : x[i]),
                   place_y(&a, y[i]));
    text_add(t, "</svg>\n");
}

void chart_bars(text_buffer *t, const board *b, size_t workload, record_clock clock,
                size_t first_page)
{
    enum { ROW = 26, LABEL = 180, NUMBER = 90 };
    int height = ROW * (int)b->num_submissions + 4;
    double longest = 0;
    for (size_t s = 0; s < b->num_submissions; s++) {
        double x = b->result.time[s * b->num_workloads + workload];
        longest = isfinite(x) ? fmax(longest, x) : longest;
    }
    text_print(t, "<svg viewBox=\"0 0 %d %d\" role=\"group\"><title>Time to target in %s on ",
               WIDTH, height, axis_labels[clock]);
    html_text(t, b->workloads[workload]);
    text_add(t, "</title>\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        double x = b->result.time[s * b->num_workloads + workload];
        double width = isfinite(x) && longest > 0 ? (WIDTH - LABEL - NUMBER) * x / longest : 0;
        int y = ROW * (int)k + 4;
        text_print(t, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LABEL - 8, y + 15);
        html_text_cut(t, b->names[s], 24);
        text_print(t,
                   "</text><rect class=\"c%zu\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"20\"/>",
                   s % 8, LABEL, y, width);
        bool raced = b->cells[s * b->num_workloads + workload].trials > 0;
        if (raced)
            text_print(t, "<a href=\"submissions/%zu.html#w%zu\">", first_page + s, workload);
        text_print(t, "<text x=\"%.1f\" y=\"%d\">", LABEL + width + 6, y + 15);
        if (isfinite(x))
            text_print(t, "%.1f</text>", x);
        else
            text_add(t, raced ? "not reached</text>" : "not raced</text>");
        text_add(t, raced ? "</a>\n" : "\n");
    }
    text_add(t, "</svg>\n");
}
