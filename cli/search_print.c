/* What a search shows: the forecast, tables of candidates. */
#include "cli/search.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

int32_t search_point_json(const search *s, size_t point, json_t **out)
{
    text_buffer t = {0};
    int32_t rc = search_space_print(&s->rules.space, s->order[point], &t);
    if (!rc && t.failed)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for a point");
    if (!rc)
        rc = json_read(out, t.data, t.length, "point");
    text_release(&t);
    return rc;
}

int32_t search_print_values(const search *s, size_t point)
{
    json_t *values = NULL, *field;
    const char *name, *space = "";
    TRY(search_point_json(s, point, &values));
    json_object_foreach(values, name, field)
    {
        printf("%s%s ", space, name);
        space = ", ";
        if (json_is_number(field))
            printf("%.4g", json_number_value(field));
        else if (json_is_string(field))
            printf("%s", json_string_value(field));
        else
            json_dumpf(field, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    json_decref(values);
    return 0;
}

static void print_duration(double seconds)
{
    if (seconds >= 3600)
        printf("%.1f h", seconds / 3600);
    else if (seconds >= 60)
        printf("%.1f min", seconds / 60);
    else
        printf("%.1f s", seconds);
}

void search_print_forecast(const search *s, size_t left[], size_t trials)
{
    double seconds = 0;
    for (size_t w = 0; w < s->common.num_workloads; w++) {
        const forecast *f = &s->forecast[w];
        double most = (double)left[w] * f->budget_steps * f->step_seconds;
        seconds += most;
        if (s->common.quiet && !s->dry_run)
            continue;
        printf("%s-%s: %zu trials of at most %.0f reference steps of %.4g s: at most ",
               s->common.workloads[w]->name, s->common.suite, left[w], f->budget_steps,
               f->step_seconds);
        print_duration(most);
        printf("\n");
    }
    if (s->common.quiet && !s->dry_run)
        return;
    printf("%s %s: %" PRId64 " points, the best %" PRId64 " again on %" PRId64
           " fresh seeds; %zu of %zu trials to run, at most ",
           s->command, s->submission.name, s->points, s->best, s->seeds, trials, s->planned);
    print_duration(seconds);
    printf(" (%.2g h) and evaluations\n", seconds / 3600);
    for (size_t p = 0; s->dry_run && p < (size_t)s->points; p++) {
        printf("  point %d: ", s->order[p]);
        if (search_print_values(s, p))
            return;
        printf("\n");
    }
    fflush(stdout);
}

/* Geometric mean of what a point's trials took on a clock; NaN: none reached. */
static double mean_time(const search *s, size_t point, bool fresh, record_clock clock)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < s->num_runs; i++) {
        const search_run *r = &s->runs[i];
        double time = record_time(r->record, clock);
        if (r->point == point && (r->study > 0) == fresh && isfinite(time)) {
            sum += log(time);
            n++;
        }
    }
    return n ? exp(sum / (double)n) : NAN;
}

static void print_cell(double x)
{
    if (isnan(x))
        printf(" %10s", "-");
    else
        printf(" %10.4g", x);
}

static void print_row(const search *s, size_t point, bool fresh)
{
    const candidate *c = &s->ranked[point];
    const record *r = NULL;
    for (size_t i = 0; i < s->num_runs && !r; i++)
        r = s->runs[i].point == point ? s->runs[i].record : NULL;
    printf("  %5d %4zu/%-4zu", s->order[point], c->trials - c->missed, c->trials);
    if (s->common.num_workloads == 1) {
        print_cell(mean_time(s, point, fresh, CLOCK_STEPS));
        print_cell(mean_time(s, point, fresh, CLOCK_CALIBRATED));
        print_cell(r && r->target_grows ? -c->metric : c->metric);
    } else {
        print_cell(c->worst);
        print_cell(c->mean);
        for (size_t w = 0; w < s->common.num_workloads; w++)
            print_cell(c->time[w]);
    }
    printf("  ");
}

int32_t search_print_table(const search *s, bool fresh)
{
    printf("  %5s %9s", "point", "reached");
    if (s->common.num_workloads == 1)
        printf(" %10s %10s %10s", "steps", "calibrated", "metric");
    else
        printf(" %10s %10s", "worst", "mean");
    for (size_t w = 0; s->common.num_workloads > 1 && w < s->common.num_workloads; w++)
        printf(" %10.10s", s->common.workloads[w]->name);
    printf("  values\n");
    for (size_t i = 0; i < (size_t)s->points; i++) {
        size_t point = s->ranking[i];
        if (!s->ranked[point].trials)
            continue;
        print_row(s, point, fresh);
        TRY(search_print_values(s, point));
        printf("\n");
    }
    return 0;
}
