/* Reads a pretraining recipe. */
#include "workloads/pretrain.h"

const char *const pretrain_objectives[] = {"causal", "masked", "contrastive", NULL};

static int32_t read_model(pretrain_recipe *r, const yaml_node *m)
{
    nn_bert_config *b = &r->bert;
    TRY(yaml_integer(m, "width", 8, 4096, &b->width));
    TRY(yaml_integer(m, "depth", 1, 100, &b->depth));
    TRY(yaml_integer(m, "heads", 1, 256, &b->heads));
    TRY(yaml_integer(m, "mlp", 8, 1 << 16, &b->mlp));
    TRY(yaml_integer(m, "positions", 8, 4096, &b->positions));
    TRY(yaml_number(m, "init", 1e-6, 10, &b->init));
    if (b->width % b->heads)
        return yaml_fail(m, "width %lld is no multiple of %lld heads", (long long)b->width,
                         (long long)b->heads);
    return PODIUM_OK;
}

static int32_t read_stage(pretrain_stage *s, const yaml_node *n, int64_t positions)
{
    static const char *const required[] = {"objective", "tokens", "batch",
                                           "steps",     "warmup", "learning_rate"};
    int objective = 0;
    *s = (pretrain_stage){.mask_share = 0.15, .temperature = 0.05};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        TRY(yaml_require(n, required[i]));
    TRY(yaml_choice(n, "objective", pretrain_objectives, &objective));
    s->objective = (pretrain_objective)objective;
    if (s->objective == PRETRAIN_MASKED)
        TRY(yaml_number(n, "mask_share", 0.01, 0.9, &s->mask_share));
    if (s->objective == PRETRAIN_CONTRASTIVE)
        TRY(yaml_number(n, "temperature", 1e-4, 1e6, &s->temperature));
    TRY(yaml_integer(n, "tokens", 8, positions, &s->tokens));
    TRY(yaml_integer(n, "batch", s->objective == PRETRAIN_CONTRASTIVE ? 2 : 1, 65536, &s->batch));
    TRY(yaml_integer(n, "steps", 1, INT64_C(1) << 40, &s->steps));
    TRY(yaml_integer(n, "warmup", 0, s->steps, &s->warmup_steps));
    return yaml_number(n, "learning_rate", 0, 10, &s->learning_rate);
}

/* A network that learns to look at what came before it only stays so. */
static int32_t read_stages(pretrain_recipe *r, const yaml_node *list)
{
    bool causal = false, masked = false;
    if (yaml_node_kind(list) != YAML_LIST || !yaml_length(list) ||
        yaml_length(list) > PRETRAIN_STAGES)
        return yaml_fail(list, "'stages' is not a list of 1 to %d stages", PRETRAIN_STAGES);
    for (size_t i = 0; i < yaml_length(list); i++) {
        pretrain_stage *s = &r->stage[r->stages++];
        TRY(read_stage(s, yaml_item(list, i), r->bert.positions));
        r->steps += s->steps;
        causal = causal || s->objective == PRETRAIN_CAUSAL;
        masked = masked || s->objective == PRETRAIN_MASKED;
    }
    if (causal && masked)
        return yaml_fail(list, "a network is either causal or masked, not one after the other");
    r->bert.causal = causal;
    return PODIUM_OK;
}

static int32_t read_training(pretrain_recipe *r, const yaml_node *root)
{
    TRY(yaml_require(root, "model"));
    TRY(yaml_require(root, "stages"));
    TRY(read_model(r, yaml_get(root, "model")));
    TRY(read_stages(r, yaml_get(root, "stages")));
    TRY(yaml_integer(root, "merges", 0, 65000, &r->merges));
    TRY(yaml_integer(root, "eval_every", 1, INT64_C(1) << 40, &r->eval_every));
    TRY(yaml_integer(root, "save_every", 1, INT64_C(1) << 40, &r->save_every));
    TRY(yaml_number(root, "beta1", 0, 0.9999, &r->beta1));
    TRY(yaml_number(root, "beta2", 0, 0.99999, &r->beta2));
    TRY(yaml_number(root, "weight_decay", 0, 10, &r->weight_decay));
    TRY(yaml_number(root, "clip", 1e-6, 1e6, &r->clip));
    TRY(yaml_integer(root, "seed", 0, INT64_MAX, &r->seed));
    return yaml_finish(root);
}

int32_t pretrain_read(pretrain_recipe *r, const char *path)
{
    yaml_document *d = NULL;
    text_buffer canonical = {0};
    *r = (pretrain_recipe){.bert = {.width = 128,
                                    .depth = 4,
                                    .heads = 4,
                                    .mlp = 512,
                                    .positions = 64,
                                    .act = ACT_GELU_ERF,
                                    .eps = 1e-12,
                                    .init = 0.02},
                           .eval_every = 500,
                           .save_every = 1000,
                           .beta1 = 0.9,
                           .beta2 = 0.98,
                           .weight_decay = 0.01,
                           .clip = 1};
    TRY(yaml_parse_file(&d, path));
    int32_t rc = read_training(r, yaml_root(d));
    yaml_print_canonical(&canonical, yaml_root(d));
    if (!rc && canonical.failed)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for the recipe");
    if (!rc)
        sha256_of(canonical.data, canonical.length, r->sha256);
    text_release(&canonical);
    yaml_destroy(d);
    return rc;
}
