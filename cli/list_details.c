/* What the workloads are, a row a size and variant: counted from the yaml (harness/outline.h), the
 * data's id where they are prepared or a record names it, the fastest baseline's time from records.
 */
#include "cli/list_details.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/home.h"
#include "base/json.h"
#include "base/text.h"
#include "harness/outline.h"
#include "harness/preparation.h"
#include "scoring/record.h"

typedef struct row {
    const workload_entry *entry;
    const char *size, *variant; /* variant NULL: the workload itself */
    workload_config config;
    outline outline;
    char data_id[192]; /* "" when neither data nor a record are here */
    /* The fastest baseline: median seconds to the target over its trials, those that miss it
     * counted as for ever. */
    const record *baseline; /* one of its records, borrowed; NULL: none reached it */
    double seconds;
    size_t trials;
} row;

typedef struct listing {
    details_format format;
    record_list records;
    const char *data_given;
    char data_dir[3072];
    char last_id[192]; /* of the data of the size listed last: its variants read the same */
    json_t *json;      /* an array */
} listing;

/* --- records ------------------------------------------------------------------------------- */

static bool is_of(const record *r, const row *x)
{
    return !strcmp(r->workload, x->entry->name) && !strcmp(r->size, x->size) &&
           !strcmp(r->held_out, x->variant ? x->variant : "") && !*r->unranked && r->end &&
           !strcmp(r->fingerprint, x->config.fingerprint) && !json_object_get(r->header, "search");
}

static bool is_like(const record *a, const record *b)
{
    return !strcmp(a->submission, b->submission) && !strcmp(a->cpu, b->cpu) &&
           !strcmp(a->isa, b->isa) && !strcmp(a->device, b->device) &&
           !strcmp(a->precision, b->precision) && a->threads == b->threads &&
           !strcmp(a->ruleset, b->ruleset) && !strcmp(a->data_id, b->data_id);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double time_of(const record *r)
{
    int64_t hit = r->valid ? record_hit(r) : -1;
    return hit < 0 ? INFINITY : r->evaluations[hit].clock[CLOCK_WALL];
}

/* Median over the trials that are like record `first`. */
static double median_like(const listing *l, const row *x, const record *first, double *times,
                          size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < l->records.length; i++)
        if (is_of(l->records.items[i], x) && is_like(l->records.items[i], first))
            times[(*n)++] = time_of(l->records.items[i]);
    qsort(times, *n, sizeof *times, compare_doubles);
    return times[*n / 2]; /* the upper one of an even number: finite when most reached */
}

static int32_t find_baseline(const listing *l, row *x)
{
    double *times = calloc(l->records.length + 1, sizeof *times);
    if (!times)
        return podium_fail(PODIUM_ENOMEM, "no memory for the times of records");
    x->seconds = INFINITY;
    for (size_t i = 0; i < l->records.length; i++) {
        const record *r = l->records.items[i];
        size_t n;
        if (!is_of(r, x))
            continue;
        if (!x->data_id[0])
            snprintf(x->data_id, sizeof x->data_id, "%s", r->data_id);
        double seconds = median_like(l, x, r, times, &n);
        if (seconds < x->seconds) {
            x->seconds = seconds;
            x->baseline = r;
            x->trials = n;
        }
    }
    free(times);
    return 0;
}

/* --- data ---------------------------------------------------------------------------------- */

/* The id of data that are prepared.  The full sizes' are hashed only by who trains on them: their
 * files take minutes to read. */
static int32_t find_data(const listing *l, row *x)
{
    const workload *w = x->entry->workload;
    workload_task *t = NULL;
    preparation p;
    data_key no_key = {0};
    if (x->variant || !strcmp(x->size, "full"))
        return 0;
    int32_t rc = preparation_init(&p, x->entry, x->size, l->data_given);
    bool done = !rc && preparation_is_done(&p);
    preparation_release(&p);
    if (rc || !done)
        return rc;
    TRY(workload_open(&t, w, x->config.model, x->config.data, l->data_dir, &no_key));
    snprintf(x->data_id, sizeof x->data_id, "%s", w->data_id(t));
    workload_close(w, t);
    return 0;
}

/* --- printing ------------------------------------------------------------------------------ */

static const char *data_set(const row *x)
{
    const char *set = "-";
    (void)yaml_string(x->config.data, "set", &set);
    return set;
}

static void print_kinds(const row *x, text_buffer *t)
{
    for (int k = 0; k < x->outline.num_kinds; k++)
        text_print(t, "%s%s %" PRId64, k ? ", " : "", x->outline.kinds[k].name,
                   x->outline.kinds[k].elements);
}

static void print_baseline(const row *x, text_buffer *t)
{
    const record *r = x->baseline;
    if (!r) {
        text_add(t, "none measured");
        return;
    }
    text_print(t, "%s %.1f s, median of %zu (%s, %s, %" PRId64 " thread%s, %s)", r->submission,
               x->seconds, x->trials, r->cpu, r->isa, r->threads, r->threads == 1 ? "" : "s",
               r->precision);
}

static void print_text(const row *x)
{
    const outline *o = &x->outline;
    text_buffer kinds = {0}, baseline = {0};
    print_kinds(x, &kinds);
    print_baseline(x, &baseline);
    printf("%s %s%s%s\n", x->entry->name, x->size, x->variant ? " " : "",
           x->variant ? x->variant : "");
    printf("  parameters  %" PRId64 " trained, %" PRId64 " frozen: %s\n", o->trainable, o->frozen,
           kinds.data ? kinds.data : "");
    printf("  step        %.4g GFLOP, %.1f MiB without the optimizer's state, batch %" PRId64 "\n",
           o->flops / 1e9, o->step_bytes / (1 << 20), x->config.batch);
    printf("  data        %s\n", x->data_id[0] ? x->data_id : data_set(x));
    printf("  target      %s %g, budget %g reference steps\n", x->config.metric, x->config.target,
           x->config.budget_steps);
    printf("  baseline    %s\n", baseline.data ? baseline.data : "");
    text_release(&kinds);
    text_release(&baseline);
}

/* "debian-text:3f2a91c0": enough to tell ids apart. */
static void print_short_id(const row *x, text_buffer *t)
{
    const char *colon = strrchr(x->data_id, ':');
    if (colon)
        text_print(t, "%.*s:%.8s", (int)(colon - x->data_id), x->data_id, colon + 1);
    else
        text_print(t, "%s", data_set(x));
}

static void print_markdown(const row *x)
{
    const outline *o = &x->outline;
    text_buffer kinds = {0}, baseline = {0}, id = {0};
    print_kinds(x, &kinds);
    print_baseline(x, &baseline);
    print_short_id(x, &id);
    printf("| %s | %s%s%s | %" PRId64 " | %" PRId64 " | %s | %" PRId64
           " | %.4g | %.1f | %s %g | %g "
           "| %s | %s |\n",
           x->entry->name, x->size, x->variant ? ", " : "", x->variant ? x->variant : "",
           o->trainable, o->frozen, kinds.data ? kinds.data : "", x->config.batch, o->flops / 1e9,
           o->step_bytes / (1 << 20), x->config.metric, x->config.target, x->config.budget_steps,
           id.data ? id.data : "", baseline.data ? baseline.data : "");
    text_release(&kinds);
    text_release(&baseline);
    text_release(&id);
}

static json_t *baseline_json(const row *x)
{
    const record *r = x->baseline;
    return !r ? json_null()
              : json_pack("{s:s, s:f, s:I, s:s, s:s, s:I, s:s, s:s}", "submission", r->submission,
                          "seconds", x->seconds, "trials", (json_int_t)x->trials, "cpu", r->cpu,
                          "isa", r->isa, "threads", (json_int_t)r->threads, "device", r->device,
                          "precision", r->precision);
}

static int32_t add_json(listing *l, const row *x)
{
    const outline *o = &x->outline;
    json_t *kinds = json_object();
    for (int k = 0; k < o->num_kinds; k++)
        json_object_set_new(kinds, o->kinds[k].name, json_integer(o->kinds[k].elements));
    json_t *j = json_pack(
        "{s:s, s:s, s:o, s:I, s:I, s:o, s:I, s:f, s:f, s:s, s:o, s:{s:s, s:f}, s:f, s:o}",
        "workload", x->entry->name, "size", x->size, "held_out",
        x->variant ? json_string(x->variant) : json_null(), "trainable", (json_int_t)o->trainable,
        "frozen", (json_int_t)o->frozen, "kinds", kinds, "batch", (json_int_t)x->config.batch,
        "step_flops", o->flops, "step_bytes", o->step_bytes, "data", data_set(x), "data_id",
        x->data_id[0] ? json_string(x->data_id) : json_null(), "target", "metric", x->config.metric,
        "value", x->config.target, "budget_steps", x->config.budget_steps, "baseline",
        baseline_json(x));
    return j && !json_array_append_new(l->json, j)
               ? 0
               : podium_fail(PODIUM_ENOMEM, "no memory for the list");
}

/* --- rows ---------------------------------------------------------------------------------- */

static int32_t fill(listing *l, row *x)
{
    TRY(outline_init(&x->outline, &x->config));
    if (x->variant)
        snprintf(x->data_id, sizeof x->data_id, "%s", l->last_id);
    TRY(find_data(l, x));
    TRY(find_baseline(l, x));
    snprintf(l->last_id, sizeof l->last_id, "%s", x->data_id);
    return 0;
}

static int32_t list_row(listing *l, const workload_entry *e, const char *size, const char *variant)
{
    row x = {.entry = e, .size = size, .variant = variant};
    TRY(workload_config_init(&x.config, e, size, variant));
    int32_t rc = fill(l, &x);
    if (rc)
        podium_fail_in(rc, "%s %s", e->name, size);
    else if (l->format == DETAILS_JSON)
        rc = add_json(l, &x);
    else if (l->format == DETAILS_MARKDOWN)
        print_markdown(&x);
    else
        print_text(&x);
    workload_config_release(&x.config);
    return rc;
}

static int32_t list_workload(listing *l, const workload_entry *e)
{
    yaml_document *d;
    TRY(yaml_parse(&d, e->yaml, strlen(e->yaml), e->name));
    const yaml_node *sizes = yaml_get(yaml_root(d), "sizes");
    const yaml_node *variants = yaml_get(yaml_root(d), "held_out");
    int32_t rc = 0;
    for (size_t i = 0; !rc && i < yaml_length(sizes); i++) {
        const char *size = yaml_key(sizes, i);
        if (!strncmp(size, "test", 4)) /* it ranks nothing */
            continue;
        rc = list_row(l, e, size, NULL);
        for (size_t v = 0; !rc && variants && v < yaml_length(variants); v++)
            if (yaml_get(yaml_get(yaml_item(variants, v), "sizes"), size))
                rc = list_row(l, e, size, yaml_key(variants, v));
    }
    yaml_destroy(d);
    return rc;
}

/* No folder of results, or none in it, is no failure: then nothing was measured. */
static int32_t read_records(listing *l, const char *given)
{
    char home[3072], path[4096];
    if (given)
        return record_list_read(&l->records, given);
    if (home_find("results", home, sizeof home))
        return 0;
    TRY(path_join(path, sizeof path, home, "results"));
    (void)record_list_read(&l->records, path);
    return 0;
}

int32_t list_details(details_format format, const char *results, const char *data)
{
    listing l = {.format = format, .data_given = data};
    TRY(home_data(data, l.data_dir, sizeof l.data_dir));
    int32_t rc = read_records(&l, results);
    if (format == DETAILS_JSON)
        l.json = json_array();
    if (!rc && format == DETAILS_MARKDOWN)
        printf(
            "| workload | size | trained | frozen | by kind | batch | GFLOP a step | MiB a step | "
            "target | budget | data | fastest baseline |\n"
            "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (const workload_entry *e = workload_registry; !rc && e->name; e++)
        if (e->workload->open)
            rc = list_workload(&l, e);
    if (!rc && l.json) {
        json_dumpf(l.json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
        putchar('\n');
    }
    json_decref(l.json);
    record_list_release(&l.records);
    return rc;
}
