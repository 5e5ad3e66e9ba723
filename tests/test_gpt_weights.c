/* A checkpoint under Llama's names fills the model as one under ours does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/safetensors.h"
#include "engine/backend.h"
#include "tests/tap.h"
#include "workloads/gpt_model.h"
#include "workloads/gpt_weights.h"

static const char ours[] = "tests/golden/models/gpt_gqa.safetensors";

static bool renamed(const char *name, const char *want)
{
    char got[160] = "(none)";
    bool known = gpt_published_name(name, got, sizeof got);
    return want ? known && !strcmp(got, want) : !known;
}

/* The parameters of the golden case under Llama's names, every `step`-th from `from` on, and one
 * more under `extra`. */
static int32_t publish(const char *path, size_t from, size_t step, const char *extra)
{
    static char names[64][160];
    safetensor list[64];
    safetensors *s;
    size_t n = 0, seen = 0;
    TRY(safetensors_open(&s, ours));
    for (size_t i = 0; i < safetensors_count(s) && n < 63; i++) {
        const safetensor *t = safetensors_item(s, i);
        if (!gpt_published_name(t->name, names[n], sizeof names[n]) || seen++ % step != from)
            continue;
        list[n] = *t;
        list[n].name = names[n];
        n++;
    }
    if (extra) {
        list[n] = list[0];
        list[n++].name = extra;
    }
    int32_t rc = safetensors_write(path, list, n, NULL);
    safetensors_close(s);
    return rc;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

/* Two files and their index give what one file gave: want [n]. */
static void test_index(const params *p, const double *want, size_t n)
{
    char folder[] = "/tmp/gpt_index_XXXXXX", path[3][64], text[65536] = "{\"weight_map\": {";
    size_t used = strlen(text);
    double *x = calloc(n, sizeof *x);
    if (!x || !mkdtemp(folder))
        return;
    for (int i = 0; i < 2; i++) {
        safetensors *s;
        snprintf(path[i], sizeof path[i], "%s/part-%d.safetensors", folder, i);
        if (publish(path[i], (size_t)i, 2, NULL) < 0 || safetensors_open(&s, path[i]) < 0)
            return;
        for (size_t k = 0; k < safetensors_count(s); k++)
            used += (size_t)snprintf(text + used, sizeof text - used,
                                     "%s\"%s\": \"part-%d.safetensors\"", i || k ? ", " : "",
                                     safetensors_item(s, k)->name, i);
        safetensors_close(s);
    }
    snprintf(text + used, sizeof text - used, "}}");
    snprintf(path[2], sizeof path[2], "%s/model.safetensors.index.json", folder);
    write_text(path[2], text);
    ok(gpt_load_weights(p, path[2], PODIUM_F64, x, NULL) == 0 && !memcmp(x, want, n * sizeof *x),
       "several files with an index are one checkpoint: %s", podium_error());
    write_text(path[2], "{\"weight_map\": {\"model.norm.weight\": \"../part-0.safetensors\"}}");
    ok(gpt_load_weights(p, path[2], PODIUM_F64, x, NULL) == PODIUM_EINVAL &&
           strstr(podium_error(), "model.norm.weight"),
       "a file elsewhere is refused: %s", podium_error());
    write_text(path[2], "{\"weight_map\": {\"nothing\": \"part-0.safetensors\"}}");
    ok(gpt_load_weights(p, path[2], PODIUM_F64, x, NULL) == PODIUM_EINVAL &&
           strstr(podium_error(), "'nothing'"),
       "so is an index of a tensor that is not there: %s", podium_error());
    write_text(path[2], "{\"weight_map\": {}}");
    ok(gpt_load_weights(p, path[2], PODIUM_F64, x, NULL) == PODIUM_EINVAL, "and an empty one: %s",
       podium_error());
    for (int i = 0; i < 3; i++)
        unlink(path[i]);
    rmdir(folder);
    free(x);
}

int main(void)
{
    char theirs[] = "/tmp/gpt_weights_XXXXXX";
    backend *b = NULL;
    params *p = NULL;
    graph *g = NULL;
    workload_model m;
    gpt_config c = {.vocab = 37, .length = 6, .width = 16, .depth = 2, .heads = 4, .key_heads = 2};
    c.head_width = 4;
    c.mlp = 40;
    c.final_norm = true;
    c.rope_theta = 10000;
    c.eps = 1e-5;
    int fd = mkstemp(theirs);
    if (fd < 0 || backend_open(&b, "ref", 1) < 0)
        return tap_skip_all("no temporary file");
    close(fd);
    ok(renamed("blocks.12.attn.out.weight", "model.layers.12.self_attn.o_proj.weight") &&
           renamed("blocks.0.rms2.weight", "model.layers.0.post_attention_layernorm.weight") &&
           renamed("blocks.3.mlp.down.bias", "model.layers.3.mlp.down_proj.bias") &&
           renamed("rms_f.weight", "model.norm.weight"),
       "parameters have the names of published checkpoints");
    ok(renamed("blocks.0.ln1.weight", NULL) && renamed("blocks.x.rms1.weight", NULL),
       "others have none");
    params_create(&p);
    graph_create(&g, &(graph_config){.backend = b, .params = p});
    ok(gpt_build(&c, g, 1, &m) == 0 && publish(theirs, 0, 1, NULL) == 0,
       "model and file are made: %s", podium_error());
    size_t n = (size_t)params_vector_length(p);
    double *x = calloc(n, sizeof *x), *y = calloc(n, sizeof *y);
    float *z = calloc(n, sizeof *z);
    ok(gpt_load_weights(p, ours, PODIUM_F64, x, NULL) == 0 &&
           gpt_load_weights(p, theirs, PODIUM_F64, y, NULL) == 0 && !memcmp(x, y, n * sizeof *x) &&
           x[0] != 0,
       "both files give the same parameters");
    bool same = gpt_load_weights(p, theirs, PODIUM_F32, z, NULL) == 0;
    for (size_t i = 0; i < n; i++)
        same = same && (double)z[i] == x[i];
    ok(same, "and so they are in f32");
    ok(gpt_load_weights(p, "tests/golden/models/gpt_mha_tied.safetensors", PODIUM_F64, x, NULL) <
               0 &&
           strstr(podium_error(), "blocks.0.attn.k.weight"),
       "a model of other shapes is refused with the parameter's name");
    ok(publish(theirs, 0, 1, "model.layers.0.self_attn.rotary_emb.inv_freq") == 0 &&
           gpt_load_weights(p, theirs, PODIUM_F64, x, NULL) == 0,
       "a table of rotary angles is no weight: %s", podium_error());
    ok(publish(theirs, 0, 1, "model.layers.0.self_attn.q_proj.bias") == 0 &&
           gpt_load_weights(p, theirs, PODIUM_F64, x, NULL) < 0 &&
           strstr(podium_error(), "q_proj.bias"),
       "a bias that the model has not is refused: %s", podium_error());
    test_index(p, y, n);
    unlink(theirs);
    free(x);
    free(y);
    free(z);
    graph_destroy(g);
    params_destroy(p);
    backend_close(b);
    return tap_done();
}
