/* Verdicts beside records. */
#include "scoring/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/machine.h"
#include "base/text.h"
#include "scoring/pack.h"

#define SCHEMA "podium-verify/1"

/* "trial.jsonl" becomes "trial.verify.json"; of a record in a pack, "PACK.verify.json". */
static int32_t path_beside(const record *r, char *out, size_t size)
{
    const char *file = r->pack ? r->pack : r->path;
    size_t n = strlen(file);
    if (n > 6 && !strcmp(file + n - 6, ".jsonl"))
        n -= 6;
    int length = snprintf(out, size, "%.*s.verify.json", (int)n, file);
    return length < 0 || (size_t)length >= size
               ? podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", r->path)
               : 0;
}

/* Is `one` of what lies where `r` lies?  A pack has one file for all its records. */
static bool same_place(const record *r, const json_t *one)
{
    const char *place = json_string_value(json_object_get(one, "place"));
    return !r->pack || (place && !strcmp(place, pack_place(r)));
}

static int32_t read_records(const json_t *root, const char *place, json_t **records)
{
    const char *schema;
    TRY(json_read_text(root, place, "schema", &schema));
    if (strcmp(schema, SCHEMA))
        return podium_fail(PODIUM_EINVAL, "%s: schema '%.40s', expected '%s'", place, schema,
                           SCHEMA);
    return json_read_object(root, place, "records", records);
}

static int32_t read_fields(record *r, const json_t *root, const char *place)
{
    json_t *records, *other;
    const char *verdict, *text, *sha;
    TRY(read_records(root, place, &records));
    const json_t *one = json_object_get(records, r->sha256);
    if (!r->pack)
        r->verdict = RECORD_CHANGED;
    json_object_foreach(records, sha, other) if (same_place(r, other)) r->verdict = RECORD_CHANGED;
    if (!one)
        return 0;
    TRY(json_read_text(one, place, "verdict", &verdict));
    TRY(json_read_text(one, place, "text", &text));
    r->verdict = RECORD_UNVERIFIED;
    for (int v = RECORD_EXACT; v <= RECORD_DIFFERS; v++)
        if (!strcmp(verdict, record_verdict_names[v]))
            r->verdict = (record_verdict)v;
    if (r->verdict == RECORD_UNVERIFIED)
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'verdict': expected exact, statistical or differs", place);
    r->verdict_text = strdup(text);
    return r->verdict_text ? 0 : podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", place);
}

int32_t verdict_read(record *r)
{
    char path[4200];
    json_t *root = NULL;
    TRY(path_beside(r, path, sizeof path));
    if (!file_exists(path))
        return 0;
    TRY(json_read_file(&root, path));
    int32_t rc = read_fields(r, root, path);
    json_decref(root);
    return rc;
}

/* The verdicts that a pack's file holds on its other records; a record of its own has none. */
static int32_t read_others(const record *r, const char *path, json_t **out)
{
    json_t *root, *records, *one;
    const char *sha;
    void *next;
    *out = json_object();
    if (!*out)
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path);
    if (!r->pack || !file_exists(path))
        return 0;
    TRY(json_read_file(&root, path));
    int32_t rc = read_records(root, path, &records);
    if (!rc && json_object_update(*out, records))
        rc = podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path);
    json_decref(root);
    json_object_foreach_safe(*out, next, sha, one) if (same_place(r, one))
        json_object_del(*out, sha);
    return rc;
}

/* What goes into the file on one record; NULL: no memory. */
static json_t *entry(const record *r, record_verdict verdict, const char *text,
                     const verdict_origin *origin)
{
    char cpu[256];
    machine_cpu_model(cpu, sizeof cpu);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "verdict",
                     record_verdict_names[verdict], "text", text, "revision", origin->revision,
                     "compiler", origin->compiler, "cpu", cpu, "isa", machine_isa(), "place",
                     pack_place(r));
}

int32_t verdict_write(const record *r, record_verdict verdict, const char *text,
                      const verdict_origin *origin)
{
    char path[4200];
    json_t *records = NULL;
    TRY(path_beside(r, path, sizeof path));
    int32_t rc = read_others(r, path, &records);
    json_t *root = rc || json_object_set_new(records, r->sha256, entry(r, verdict, text, origin))
                       ? NULL
                       : json_pack("{s:s, s:O}", "schema", SCHEMA, "records", records);
    char *out = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    if (!rc)
        rc = out ? file_write_atomic(path, out, strlen(out))
                 : podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path);
    free(out);
    json_decref(root);
    json_decref(records);
    return rc;
}
