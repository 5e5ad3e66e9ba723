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

/* The parameters of the golden case under Llama's names. */
static int32_t publish(const char *path)
{
    static char names[64][160];
    safetensor list[64];
    safetensors *s;
    size_t n = 0;
    TRY(safetensors_open(&s, ours));
    for (size_t i = 0; i < safetensors_count(s) && n < 64; i++) {
        const safetensor *t = safetensors_item(s, i);
        if (!gpt_published_name(t->name, names[n], sizeof names[n]))
            continue;
        list[n] = *t;
        list[n].name = names[n];
        n++;
    }
    int32_t rc = safetensors_write(path, list, n, NULL);
    safetensors_close(s);
    return rc;
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
    ok(gpt_build(&c, g, 1, &m) == 0 && publish(theirs) == 0, "model and file are made: %s",
       podium_error());
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
    unlink(theirs);
    free(x);
    free(y);
    free(z);
    graph_destroy(g);
    params_destroy(p);
    backend_close(b);
    return tap_done();
}
