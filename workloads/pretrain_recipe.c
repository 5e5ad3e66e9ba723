/* Reads a pretraining recipe. */
#include "workloads/pretrain.h"

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

static int32_t read_training(pretrain_recipe *r, const yaml_node *root)
{
    static const char *const objectives[] = {"causal", "masked", NULL};
    static const char *const required[] = {"model", "objective", "tokens",       "batch",
                                           "steps", "warmup",    "learning_rate"};
    int objective = 0;
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        TRY(yaml_require(root, required[i]));
    TRY(yaml_choice(root, "objective", objectives, &objective));
    r->objective = objective ? PRETRAIN_MASKED : PRETRAIN_CAUSAL;
    TRY(yaml_number(root, "mask_share", 0.01, 0.9, &r->mask_share));
    TRY(yaml_integer(root, "merges", 0, 65000, &r->merges));
    TRY(yaml_integer(root, "tokens", 8, r->bert.positions, &r->tokens));
    TRY(yaml_integer(root, "batch", 1, 65536, &r->batch));
    TRY(yaml_integer(root, "steps", 1, INT64_C(1) << 40, &r->steps));
    TRY(yaml_integer(root, "warmup", 0, r->steps, &r->warmup_steps));
    TRY(yaml_integer(root, "eval_every", 1, INT64_C(1) << 40, &r->eval_every));
    TRY(yaml_integer(root, "save_every", 1, INT64_C(1) << 40, &r->save_every));
    TRY(yaml_number(root, "learning_rate", 0, 10, &r->learning_rate));
    TRY(yaml_number(root, "beta1", 0, 0.9999, &r->beta1));
    TRY(yaml_number(root, "beta2", 0, 0.99999, &r->beta2));
    TRY(yaml_number(root, "weight_decay", 0, 10, &r->weight_decay));
    TRY(yaml_number(root, "clip", 1e-6, 1e6, &r->clip));
    return yaml_integer(root, "seed", 0, INT64_MAX, &r->seed);
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
                           .mask_share = 0.15,
                           .eval_every = 500,
                           .save_every = 1000,
                           .beta1 = 0.9,
                           .beta2 = 0.98,
                           .weight_decay = 0.01,
                           .clip = 1};
    TRY(yaml_parse_file(&d, path));
    const yaml_node *root = yaml_root(d);
    int32_t rc = read_model(r, yaml_get(root, "model"));
    if (!rc)
        rc = read_training(r, root);
    if (!rc)
        rc = yaml_finish(root);
    yaml_print_canonical(&canonical, root);
    if (!rc && canonical.failed)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for the recipe");
    if (!rc)
        sha256_of(canonical.data, canonical.length, r->sha256);
    r->bert.causal = r->objective == PRETRAIN_CAUSAL;
    text_release(&canonical);
    yaml_destroy(d);
    return rc;
}
