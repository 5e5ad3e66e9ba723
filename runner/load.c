/* Opening a submission, describing it to the referee, and unpacking the task and the values the
 * referee sends (which is trusted here; the submission is not ours to trust, but it is in this
 * very process). */
#include "runner/runner.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_HYPERPARAMETERS 256

static void describe_hyperparameter(pack *p, const podium_hyperparameter *h)
{
    pack_put_integer(p, h->struct_size);
    pack_put_integer(p, h->type);
    pack_put_text(p, h->name);
    pack_put_text(p, h->help);
    pack_put_number(p, h->value);
    pack_put_number(p, h->min);
    pack_put_number(p, h->max);
    pack_put_integer(p, h->scale);
    pack_put_integer(p, h->may_be_none);
    int64_t choices = 0;
    while (h->type == PODIUM_CHOICE && h->choices && h->choices[choices])
        choices++;
    pack_put_integer(p, choices);
    for (int64_t i = 0; i < choices; i++)
        pack_put_text(p, h->choices[i]);
    size_t length = h->type == PODIUM_LIST && h->list ? h->list_length : 0;
    pack_put_integer(p, (int64_t)length);
    for (size_t i = 0; i < length && !p->bad; i++)
        pack_put_number(p, h->list[i]);
    pack_put_text(p, h->base);
}

static void describe(pack *p, const podium_submission *s)
{
    pack_put_integer(p, s->abi_major);
    pack_put_integer(p, s->abi_minor);
    pack_put_text(p, s->name);
    pack_put_text(p, s->version);
    pack_put_text(p, s->authors);
    pack_put_text(p, s->url);
    pack_put_integer(p, (int64_t)s->needs);
    pack_put_integer(p, s->batch_size != NULL);
    pack_put_integer(p, s->before_eval != NULL);
    pack_put_integer(p, s->after_eval != NULL);
    pack_put_integer(p, s->create != NULL && s->step != NULL && s->destroy != NULL);
    int64_t n = 0;
    while (s->hyperparameters && s->hyperparameters[n] && n < MAX_HYPERPARAMETERS)
        n++;
    pack_put_integer(p, n);
    for (int64_t i = 0; i < n; i++)
        describe_hyperparameter(p, s->hyperparameters[i]);
}

static const podium_submission *open_so(slot *s, const char *path, char *why, size_t why_size)
{
    s->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!s->handle) {
        const char *text = dlerror();
        snprintf(why, why_size, "cannot open the submission: %s", text ? text : "unknown reason");
        return NULL;
    }
    union {
        void *object;
        const podium_submission *(*function)(uint32_t, uint32_t);
    } entry = {.object = dlsym(s->handle, "podium_get_submission")};
    if (!entry.object) {
        snprintf(why, why_size,
                 "symbol 'podium_get_submission' is missing in '%s': define it and mark it "
                 "PODIUM_EXPORT (with -fvisibility=hidden nothing else is exported)",
                 path);
        return NULL;
    }
    const podium_submission *table = entry.function(PODIUM_ABI_MAJOR, PODIUM_ABI_MINOR);
    if (!table)
        snprintf(why, why_size,
                 "podium_get_submission(%u, %u) returned NULL: the submission refuses this host",
                 PODIUM_ABI_MAJOR, PODIUM_ABI_MINOR);
    return table;
}

/* Opens slot `number` and appends its description.  Errors: PODIUM_EINVAL with the text in `why`.
 */
int32_t load_submission(runner_context *c, int32_t number, const char *path, pack *description,
                        char *why, size_t why_size)
{
    slot *s = &c->slots[number];
    s->base.slot = number;
    bool is_python = strstr(path, ".py:") != NULL;
    if (is_python && (!c->loader || number)) {
        snprintf(why, why_size, "'%s': a base in Python cannot be wrapped, port it to C", path);
        return PODIUM_EINVAL;
    }
    s->table = is_python ? c->loader(path, why, why_size) : open_so(s, path, why, why_size);
    if (!s->table)
        return PODIUM_EINVAL;
    /* Size and version first: nothing beyond them has a meaning when they are wrong. */
    if (s->table->struct_size < sizeof(podium_submission)) {
        snprintf(why, why_size,
                 "wrong struct_size: podium_submission has %u bytes, expected at least %zu: set "
                 ".struct_size = sizeof(podium_submission) and rebuild",
                 s->table->struct_size, sizeof(podium_submission));
        return PODIUM_EINVAL;
    }
    if (s->table->abi_major != PODIUM_ABI_MAJOR || s->table->abi_minor > PODIUM_ABI_MINOR) {
        snprintf(why, why_size,
                 "wrong ABI version %u.%u, this host speaks %u.%u: rebuild with its "
                 "podium/submission.h",
                 s->table->abi_major, s->table->abi_minor, PODIUM_ABI_MAJOR, PODIUM_ABI_MINOR);
        return PODIUM_EINVAL;
    }
    describe(description, s->table);
    if (description->bad) {
        snprintf(why, why_size, "the submission's table is too large to describe");
        return PODIUM_EINVAL;
    }
    return 0;
}

/* Values of slot `number`, in the order of declaration. */
int32_t load_values(runner_context *c, int32_t number, pack *p)
{
    slot *s = &c->slots[number];
    size_t n = (size_t)pack_get_integer(p);
    s->values = calloc(n + 1, sizeof *s->values);
    s->value_pointers = calloc(n + 1, sizeof *s->value_pointers);
    if (!s->values || !s->value_pointers)
        return PODIUM_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        podium_value *v = &s->values[i];
        v->struct_size = sizeof *v;
        v->type = (int32_t)pack_get_integer(p);
        v->number = pack_get_number(p);
        v->integer = pack_get_integer(p);
        int64_t base = pack_get_integer(p);
        v->list_length = (size_t)pack_get_integer(p);
        if (p->bad || v->list_length > p->size / sizeof(double))
            return PODIUM_EPROTOCOL;
        double *list = calloc(v->list_length + 1, sizeof *list);
        if (!list)
            return PODIUM_ENOMEM;
        for (size_t j = 0; j < v->list_length; j++)
            list[j] = pack_get_number(p);
        v->list = list;
        if (v->type == PODIUM_CHOICE)
            v->text = s->table->hyperparameters[i]->choices[v->integer];
        if (v->type == PODIUM_BASE && base >= 0)
            v->base = &c->slots[base].base;
        s->value_pointers[i] = v;
    }
    return p->bad ? PODIUM_EPROTOCOL : 0;
}

/* The task: facts, parameters, and where the vectors lie. */
int32_t load_task(runner_context *c, pack *p)
{
    podium_task *t = &c->task;
    t->struct_size = sizeof *t;
    t->rank = (int32_t)pack_get_integer(p);
    t->world_size = (int32_t)pack_get_integer(p);
    t->dtype = (int32_t)pack_get_integer(p);
    t->step_hint = pack_get_integer(p);
    t->batch_size = pack_get_integer(p);
    t->seed = (uint64_t)pack_get_integer(p);
    c->vector_length = pack_get_integer(p);
    c->stride = (size_t)pack_get_integer(p);
    c->shard_start = pack_get_integer(p);
    c->shard_end = c->shard_start + pack_get_integer(p);
    c->element = t->dtype == PODIUM_F64 ? sizeof(double) : sizeof(float);
    if (c->params) /* a second TASK changes the batch size and the shard only */
        return p->bad ? PODIUM_EPROTOCOL : 0;
    t->num_params = c->control->num_params;
    c->params = calloc(t->num_params + 1, sizeof *c->params);
    c->param_pointers = calloc(t->num_params + 1, sizeof *c->param_pointers);
    c->offsets = calloc(t->num_params + 1, sizeof *c->offsets);
    if (!c->params || !c->param_pointers || !c->offsets)
        return PODIUM_ENOMEM;
    for (size_t i = 0; i < t->num_params; i++) {
        podium_param *q = &c->params[i];
        char *name = malloc(24);
        q->struct_size = sizeof *q;
        q->kind = (int32_t)pack_get_integer(p);
        q->is_output = (int32_t)pack_get_integer(p);
        q->ndim = (int32_t)pack_get_integer(p);
        q->count = pack_get_integer(p);
        c->offsets[i] = pack_get_integer(p);
        if (p->bad || q->ndim < 0 || q->ndim > 8)
            return PODIUM_EPROTOCOL;
        int64_t *shape = calloc((size_t)q->ndim + 1, sizeof *shape);
        if (!name || !shape)
            return PODIUM_ENOMEM;
        for (int32_t d = 0; d < q->ndim; d++)
            shape[d] = pack_get_integer(p);
        q->shape = shape;
        snprintf(name, 24, "p%zu", i);
        q->name = name;
        t->num_elements += q->count;
        c->param_pointers[i] = q;
    }
    t->params = c->param_pointers;
    for (uint16_t i = 0; i < PROTOCOL_MAX_VECTORS; i++)
        c->vectors[i] = (podium_vec){i, c->vectors_map + i * c->stride, c->vector_length};
    c->num_vectors = 2;
    t->x = &c->vectors[0];
    t->g = &c->vectors[1];
    return p->bad ? PODIUM_EPROTOCOL : 0;
}
