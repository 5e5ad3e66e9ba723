/* Frozen times: written from boards, read back for others. */
#include "scoring/reference_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define SCHEMA "podium-reference/1"
#define PLACE "reference set"

static const char *rule_name(score_rule rule)
{
    return rule == SCORE_MIN_TIME ? "minimum-time" : "reference";
}

int32_t reference_set_read(json_t **out, const char *path)
{
    const char *schema;
    json_t *tables;
    TRY(json_read_file(out, path));
    int32_t rc = json_read_text(*out, path, "schema", &schema);
    if (!rc && strcmp(schema, SCHEMA))
        rc = podium_fail(PODIUM_EINVAL, "%s: schema '%.40s', expected '%s'", path, schema, SCHEMA);
    if (!rc)
        rc = json_read_array(*out, path, "tables", &tables);
    if (rc) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

static int32_t find_table(const json_t *set, const board *b, json_t **out)
{
    json_t *tables, *table;
    const char *title;
    size_t i;
    text_buffer known = {0};
    TRY(json_read_array(set, PLACE, "tables", &tables));
    *out = NULL;
    json_array_foreach(tables, i, table)
    {
        int32_t rc = json_read_text(table, PLACE, "table", &title);
        if (rc) {
            text_release(&known);
            return rc;
        }
        text_print(&known, "%s'%s'", i ? ", " : "", title);
        if (!strcmp(title, b->title))
            *out = table;
    }
    int32_t rc = 0;
    if (!*out)
        rc = podium_fail(PODIUM_EINVAL, PLACE ": no table '%s'; it has %s", b->title,
                         known.data ? known.data : "none");
    text_release(&known);
    return rc;
}

static const record *first_record(const board *b, size_t workload)
{
    for (size_t i = 0; i < b->num_records; i++)
        if ((size_t)b->workload_of[i] == workload)
            return b->records[i];
    return NULL;
}

static int32_t read_time(const json_t *workloads, const board *b, size_t w, record_clock clock,
                         double *out)
{
    const char *data_id, *fingerprint, *name = b->workloads[w];
    const record *r = first_record(b, w);
    json_t *entry, *times, *time;
    if (!json_object_get(workloads, name))
        return podium_fail(PODIUM_EINVAL,
                           PLACE ": workload '%s' is not in it, so no score can be given there",
                           name);
    TRY(json_read_object(workloads, PLACE, name, &entry));
    TRY(json_read_text(entry, PLACE, "data_id", &data_id));
    TRY(json_read_text(entry, PLACE, "fingerprint", &fingerprint));
    if (r && strcmp(r->data_id, data_id))
        return podium_fail(PODIUM_EINVAL, PLACE ": workload '%s' had other data: '%s', not '%s'",
                           name, data_id, r->data_id);
    if (r && strcmp(r->fingerprint, fingerprint))
        return podium_fail(PODIUM_EINVAL, PLACE ": workload '%s' was another version of it", name);
    TRY(json_read_object(entry, PLACE, "times", &times));
    TRY(json_read_object(times, PLACE, record_clock_names[clock], &time));
    TRY(json_read_number(time, PLACE, "time", out));
    if (isinf(*out))
        *out = NAN; /* nobody reached it */
    if (!isnan(*out) && !(*out > 0))
        return podium_fail(PODIUM_EINVAL, PLACE ": workload '%s': no time: %g", name, *out);
    return 0;
}

int32_t reference_set_times(const json_t *set, const board *b, record_clock clock, score_rule rule,
                            double *times)
{
    const char *frozen_rule;
    json_t *table, *workloads;
    TRY(json_read_text(set, PLACE, "rule", &frozen_rule));
    if (strcmp(frozen_rule, rule_name(rule)))
        return podium_fail(PODIUM_EINVAL, PLACE ": its times are by rule '%s', not '%s'",
                           frozen_rule, rule_name(rule));
    TRY(find_table(set, b, &table));
    TRY(json_read_object(table, PLACE, "workloads", &workloads));
    for (size_t w = 0; w < b->num_workloads; w++)
        TRY(read_time(workloads, b, w, clock, &times[w]));
    return 0;
}

static json_t *fastest_json(const board *b, size_t w, record_clock clock)
{
    size_t best = 0, W = b->num_workloads;
    const double *time = b->by_clock[clock].time;
    for (size_t s = 1; s < b->num_submissions; s++)
        if (!(time[s * W + w] >= time[best * W + w]))
            best = s;
    json_t *o = json_object();
    double t = time[best * W + w];
    json_object_set_new(o, "time", json_from_number(isnan(t) ? INFINITY : t));
    json_object_set_new(o, "submission", isfinite(t) ? json_string(b->names[best]) : json_null());
    return o;
}

int32_t reference_set_print(const board_list *boards, char **out)
{
    json_t *root = json_object(), *tables = json_array();
    for (size_t i = 0; i < boards->length; i++) {
        const board *b = &boards->items[i];
        json_t *table = json_object(), *workloads = json_object();
        for (size_t w = 0; w < b->num_workloads; w++) {
            const record *r = first_record(b, w);
            json_t *entry = json_object(), *times = json_object();
            for (int c = 0; c < CLOCK_COUNT; c++)
                json_object_set_new(times, record_clock_names[c],
                                    fastest_json(b, w, (record_clock)c));
            json_object_set_new(entry, "data_id", json_string(r ? r->data_id : ""));
            json_object_set_new(entry, "fingerprint", json_string(r ? r->fingerprint : ""));
            json_object_set_new(entry, "times", times);
            json_object_set_new(workloads, b->workloads[w], entry);
        }
        json_object_set_new(table, "table", json_string(b->title));
        json_object_set_new(table, "workloads", workloads);
        json_array_append_new(tables, table);
    }
    json_object_set_new(root, "schema", json_string(SCHEMA));
    json_object_set_new(root, "rule", json_string(rule_name(boards->rule)));
    json_object_set_new(root, "tables", tables);
    *out = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(root);
    return *out ? 0 : podium_fail(PODIUM_ENOMEM, "cannot allocate the reference set");
}
