/* Verdicts beside records. */
#include "scoring/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/machine.h"
#include "base/text.h"

#define SCHEMA "podium-verify/1"

/* "trial.jsonl" becomes "trial.verify.json". */
static int32_t path_beside(const record *r, char *out, size_t size)
{
    size_t n = strlen(r->path);
    if (n > 6 && !strcmp(r->path + n - 6, ".jsonl"))
        n -= 6;
    int length = snprintf(out, size, "%.*s.verify.json", (int)n, r->path);
    return length < 0 || (size_t)length >= size
               ? podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", r->path)
               : 0;
}

static int32_t read_fields(record *r, const json_t *root, const char *place)
{
    json_t *records;
    const char *schema, *verdict, *text;
    TRY(json_read_text(root, place, "schema", &schema));
    if (strcmp(schema, SCHEMA))
        return podium_fail(PODIUM_EINVAL, "%s: schema '%.40s', expected '%s'", place, schema,
                           SCHEMA);
    TRY(json_read_object(root, place, "records", &records));
    const json_t *one = json_object_get(records, r->sha256);
    r->verdict = RECORD_CHANGED;
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

int32_t verdict_write(const record *r, record_verdict verdict, const char *text,
                      const verdict_origin *origin)
{
    char path[4200], cpu[256];
    TRY(path_beside(r, path, sizeof path));
    machine_cpu_model(cpu, sizeof cpu);
    json_t *root = json_pack("{s:s, s:{s:{s:s, s:s, s:s, s:s, s:s, s:s}}}", "schema", SCHEMA,
                             "records", r->sha256, "verdict", record_verdict_names[verdict], "text",
                             text, "revision", origin->revision, "compiler", origin->compiler,
                             "cpu", cpu, "isa", machine_isa());
    char *out = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    int32_t rc = out ? file_write_atomic(path, out, strlen(out))
                     : podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path);
    free(out);
    json_decref(root);
    return rc;
}
