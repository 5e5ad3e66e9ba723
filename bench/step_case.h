/* The models whose training steps are timed: the workloads' own, with the sizes of their yaml. */
#ifndef BENCH_STEP_CASE_H
#define BENCH_STEP_CASE_H

#include <jansson.h>
#include "harness/workload_config.h"
#include "workloads/compacter_model.h"
#include "workloads/gpt_model.h"
#include "workloads/transformer_model.h"
#include "workloads/vit_model.h"
#include "workloads/widenet_model.h"

typedef struct step_case step_case;

typedef struct step_kind {
    const char *workload;
    /* NULL: vit's two sizes without a yaml. */
    int32_t (*read)(step_case *c, const yaml_node *model);
    int32_t (*build)(const step_case *c, graph *g, workload_model *out);
    int32_t (*fill)(const step_case *c, graph *g, const workload_model *m);
    json_t *(*describe)(const step_case *c); /* what a peer needs to build the same model */
} step_kind;

struct step_case {
    const step_kind *kind;
    workload_config config; /* of its yaml, which model maps point into */
    int64_t batch;
    union {
        vit_config vit;
        widenet_config widenet;
        transformer_config transformer;
        compacter_config compacter;
        gpt_config gpt;
    } model;
};

extern const char *const step_case_names[]; /* WORKLOAD-SIZE, ends with NULL */

/* Errors: PODIUM_EINVAL an unknown name, or a size that its yaml does not have. */
int32_t step_case_open(step_case *c, const char *name);
void step_case_close(step_case *c);

#endif
