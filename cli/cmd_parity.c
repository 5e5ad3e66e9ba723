/* podium parity CASE.json...: runs golden cases, each by its schema. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/parity.h"

/* Kinds of cases by their schema. */
static const struct {
    const char *schema;
    int32_t (*run)(const char *path, backend *b, const parity_options *o, bool *passed);
} kinds[] = {
    {"parity-case/1", parity_run_model},
    {"beam-case/1", parity_run_beam},
    {"bleu-case/1", parity_run_bleu},
    {"wordpiece-case/1", parity_run_wordpiece},
};

static int32_t run_case(const char *path, backend *b, const parity_options *o, bool *passed)
{
    char schema[64];
    json_error_t error;
    json_t *json = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!json)
        return podium_fail(PODIUM_EINVAL, "%s:%d: %s", path, error.line, error.text);
    const char *text = json_string_value(json_object_get(json, "schema"));
    snprintf(schema, sizeof schema, "%s", text ? text : "(absent)");
    json_decref(json);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!strcmp(schema, kinds[i].schema))
            return kinds[i].run(path, b, o, passed);
    text_buffer known = {0};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        text_print(&known, "%s%s", i ? ", " : "", kinds[i].schema);
    int32_t rc = podium_fail(PODIUM_EINVAL, "%s: schema '%s' is none that can be run: %s", path,
                             schema, known.data ? known.data : "");
    text_release(&known);
    return rc;
}

/* Reads the option at argv[*i] and its argument; 0 when argv[*i] is no option. */
static int32_t read_option(int argc, char **argv, int *i, parity_options *o)
{
    const char *name = argv[*i];
    if (name[0] != '-')
        return 0;
    if (*i + 1 >= argc)
        return podium_fail(PODIUM_EINVAL, "option '%s' needs an argument", name);
    const char *text = argv[++*i];
    if (!strcmp(name, "--device")) {
        o->device = text;
    } else if (!strcmp(name, "--weights")) {
        o->weights = text;
    } else if (!strcmp(name, "--precision")) {
        if (strcmp(text, "f32") && strcmp(text, "bf16"))
            return podium_fail(PODIUM_EINVAL, "--precision is '%s', expected f32 or bf16", text);
        o->precision = strcmp(text, "f32") ? PODIUM_BF16 : PODIUM_F32;
    } else if (!strcmp(name, "--tolerance")) {
        char *end;
        o->tolerance = strtod(text, &end);
        if (*end || !(o->tolerance > 0))
            return podium_fail(PODIUM_EINVAL, "--tolerance is '%s', expected a positive number",
                               text);
    } else {
        return podium_fail(PODIUM_EINVAL, "unknown option '%s'", name);
    }
    return 1;
}

static int run(int argc, char **argv)
{
    parity_options o = {
        .device = "cpu",
        .precision = PODIUM_F32,
        .tolerance = NAN,
        .weights = getenv("PODIUM_WEIGHTS"),
    };
    int cases = 0;
    for (int i = 1; i < argc; i++) {
        int32_t rc = read_option(argc, argv, &i, &o);
        TRY(rc);
        cases += rc == 0;
    }
    if (!cases)
        return podium_fail(PODIUM_EINVAL, "expected a golden case: podium parity CASE.json...");
    backend *b;
    TRY(backend_open(&b, o.device, 0));
    bool all = true;
    int32_t rc = PODIUM_OK;
    for (int i = 1; i < argc && rc >= 0; i++) {
        bool passed = false;
        if (argv[i][0] == '-') {
            i++;
            continue;
        }
        rc = run_case(argv[i], b, &o, &passed);
        all = all && passed;
    }
    backend_close(b);
    if (rc < 0)
        return rc;
    return all ? EXIT_DONE : EXIT_MEASURED_FAILED;
}

const command command_parity = {
    .name = "parity",
    .summary = "run golden model cases and compare logits, loss and gradients",
    .usage =
        "usage: podium parity CASE.json... [--device ref|cpu|cuda|hip]\n"
        "                     [--precision f32|bf16] [--tolerance X] [--weights DIR]\n\n"
        "Prints the largest relative error of the logits, the loss and each gradient, or how\n"
        "searched sequences, BLEU scores or WordPiece ids differ.\n"
        "  --weights DIR   model.safetensors and tokenizer.json or vocab.txt of the published\n"
        "                  MiniLM, for the cases that need them (default: $PODIUM_WEIGHTS)\n"
        "Exit status 1 when a case is past its tolerance.\n",
    .run = run,
};
