/* The vit workload end to end without the harness: mini trains on the glyphs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "tests/tap.h"
#include "workloads/workload.h"

static double mean_loss(const workload_entry *vit, workload_task *t, graph *g,
                        const workload_model *m)
{
    workload_batch b;
    workload_metrics sum = {0};
    double *logits = malloc(sizeof(double) * (size_t)graph_count(g, m->logits));
    double *each = malloc(sizeof(double) * (size_t)m->batch);
    graph_settings settings = {0};
    for (int64_t at = 0; at < m->batch * 2; at += m->batch) {
        vit->workload->eval_batch(t, SPLIT_VALID, at, m->batch, &b);
        graph_set_input_f32(g, m->inputs[0], b.data[0]);
        graph_set_input(g, m->inputs[1], b.data[1]);
        graph_set_input_f32(g, m->inputs[2], b.data[2]);
        graph_run(g, GRAPH_FORWARD, &settings);
        graph_read(g, m->logits, logits, graph_count(g, m->logits));
        graph_read(g, m->per_example, each, m->batch);
        vit->workload->score(t, &b, m->batch, logits, each, &sum);
    }
    free(logits);
    free(each);
    return sum.loss / (double)sum.count;
}

int main(void)
{
    const workload_entry *vit = workload_find("vit");
    yaml_document *doc = NULL;
    workload_task *t = NULL;
    backend *b = NULL;
    if (!ok(vit && yaml_parse(&doc, vit->yaml, strlen(vit->yaml), "vit.yaml") == 0, "vit is there"))
        return tap_done();
    const yaml_node *mini = yaml_get(yaml_get(yaml_root(doc), "sizes"), "mini");
    data_key key = {.enabled = true, .words = {1, 2}};
    if (!ok(workload_open(&t, vit->workload, yaml_get(mini, "model"), yaml_get(mini, "data"),
                          "data", &key) == 0 &&
                backend_open(&b, "cpu", 2) == 0,
            "mini opens: %s", podium_error()))
        return tap_done();
    params *p = NULL;
    graph *g = NULL;
    workload_model m;
    params_create(&p);
    graph_create(&g, &(graph_config){.backend = b, .params = p, .training = true});
    ok(vit->workload->build(t, g, 256, &m) == 0 && graph_backward(g, m.loss) == 0 &&
           graph_plan(g) == 0,
       "it builds: %s", podium_error());
    ok(params_trainable_elements(p) == 179822, "with the parameters of its size");
    size_t n = (size_t)params_vector_length(p);
    float *x = aligned_alloc(64, n * 4 + 64), *grad = aligned_alloc(64, n * 4 + 64);
    params_initialise(p, 3, PODIUM_F32, x, NULL);
    graph_bind(g, x, NULL, grad);
    close_to(mean_loss(vit, t, g, &m), log(62), 1e-4, "a zero head starts at log 62");
    graph_settings settings = {0};
    workload_batch batch;
    double first = 0, loss = 0;
    for (int64_t s = 0; s < 15; s++) {
        vit->workload->train_batch(t, 9, s, 256, 0, 256, &batch);
        graph_set_input_f32(g, m.inputs[0], batch.data[0]);
        graph_set_input(g, m.inputs[1], batch.data[1]);
        graph_set_input_f32(g, m.inputs[2], batch.data[2]);
        graph_run(g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings);
        graph_read(g, m.loss, &loss, 1);
        first = s ? first : loss;
        for (size_t i = 0; i < n; i++)
            x[i] -= 0.05f * grad[i];
    }
    ok(loss < first - 0.5, "fifteen steps of SGD lower the training loss: %.3f to %.3f", first,
       loss);
    graph_destroy(g);
    params_destroy(p);
    backend_close(b);
    workload_close(vit->workload, t);
    yaml_destroy(doc);
    free(x);
    free(grad);
    return tap_done();
}
