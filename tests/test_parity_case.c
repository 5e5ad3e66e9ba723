/* The reader of golden model cases: real ones are read, each wrong field is refused by its name. */
#include "harness/parity_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"

static const char good[] =
    "{\"schema\": \"parity-case/1\", \"model\": \"vit\", \"config\": {}, \"tensors\": "
    "\"a.safetensors\","
    " \"inputs\": [\"images\"], \"expected\": {\"loss\": \"l\", \"gradients\": {\"w\": \"g\"}},"
    " \"gradient_floor\": 1e-3, \"tolerance\": {\"f64\": 1e-9}}";

/* The good case with `key` set to the JSON value `value` (NULL: left out). */
static void refused(const char *key, const char *value, const char *expect)
{
    json_t *root = json_loads(good, 0, NULL), *out = NULL;
    if (value)
        json_object_set_new(root, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(root, key);
    char *text = json_dumps(root, 0);
    int32_t rc = parity_case_parse(&out, text, strlen(text), "some-case");
    ok(rc == PODIUM_EINVAL && !out && strstr(podium_error(), expect) &&
           strstr(podium_error(), "some-case"),
       "refused: %s", rc ? podium_error() : text);
    json_decref(out);
    json_decref(root);
    free(text);
}

int main(void)
{
    static const char *const cases[] = {"vit_glu", "vit_gap_smoothing_weights"};
    json_t *root;
    char path[128];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "tests/golden/models/%s.json", cases[i]);
        ok(parity_case_read(&root, path) == 0, "'%s' is read", cases[i]);
        json_decref(root);
    }
    ok(parity_case_parse(&root, good, strlen(good), "good") == 0, "a small case is read");
    json_decref(root);
    refused("schema", "\"parity-case/2\"", "schema is 'parity-case/2'");
    refused("schema", NULL, "schema is '(absent)'");
    refused("model", "3", "field 'model'");
    refused("config", "[]", "field 'config'");
    refused("tensors", "\"../a\"", "field 'tensors'");
    refused("tensors", "\"a/b\"", "field 'tensors'");
    refused("tensors", NULL, "field 'tensors'");
    refused("inputs", NULL, "field 'inputs'");
    refused("inputs", "{\"a\": 1}", "field 'inputs'");
    refused("inputs", "[\"a\", 1]", "field 'inputs'");
    refused("inputs", "[\"a\", \"b\", \"a\"]", "'a' is there twice");
    refused("parameters", "[\"\"]", "field 'parameters'");
    refused("frozen", "\"a\"", "field 'frozen'");
    refused("expected", "[]", "field 'expected'");
    refused("expected", "{\"loss\": 3}", "field 'expected.loss'");
    refused("expected", "{\"gradients\": []}", "field 'expected.gradients'");
    refused("expected", "{\"gradients\": {\"w\": null}}", "field 'expected.gradients.w'");
    refused("expected", "{\"intermediates\": {\"w\": 1}}", "field 'expected.intermediates.w'");
    refused("gradient_floor", "-1", "field 'gradient_floor'");
    refused("gradient_floor", "\"a\"", "field 'gradient_floor'");
    refused("tolerance", "1", "field 'tolerance'");
    refused("tolerance", "{\"f32\": 0}", "field 'tolerance.f32'");
    ok(parity_case_parse(&root, "{", 1, "some-case") == PODIUM_EINVAL && !root, "%s",
       podium_error());
    ok(parity_case_read(&root, "/nonexistent") == PODIUM_EIO, "%s", podium_error());
    return tap_done();
}
