/* Wrappers: a submission drives another one through the same table, on parameters of its choice
 * and with gradients of its making.  Vectors and kept bytes of the base are the host's like all
 * others, under names with the base's number in front. */
#include "runner/runner.h"

#include <stdio.h>

int32_t base_create(const podium_host *h, const podium_base *base, podium_vec *x,
                    int32_t (*gradient)(void *, podium_batch *, uint32_t, podium_eval *), void *arg,
                    void **self)
{
    runner_context *c = &runner_the;
    if (!c->in_submission || !self)
        return PODIUM_EINVAL;
    if (c->command != PROTOCOL_CREATE)
        return h->fail(h, PODIUM_EINVAL, "base_create: only in create");
    if (!base || base->slot < 0 || base->slot >= PROTOCOL_MAX_SLOTS || !c->slots[base->slot].table)
        return h->fail(h, PODIUM_EINVAL, "base_create: no such base submission");
    if (c->num_bases == RUNNER_MAX_BASES)
        return h->fail(h, PODIUM_EINVAL, "base_create: more than 8 bases");
    base_instance *b = &c->bases[c->num_bases];
    const slot *s = &c->slots[base->slot];
    base_instance *parent = h->ctx;
    b->parent = parent;
    b->table = s->table;
    b->task = parent ? parent->task : c->task;
    if (x)
        b->task.x = x;
    b->gradient = gradient;
    b->gradient_arg = arg;
    snprintf(b->prefix, sizeof b->prefix, "base%d.", c->num_bases);
    host_fill(c, &b->host, b);
    c->num_bases++;
    int32_t rc = b->table->create(&b->host, &b->task, s->value_pointers, &b->self);
    *self = b;
    return rc;
}

/* The instance behind `self`, NULL: base_create did not make it. */
static base_instance *find(void *self)
{
    runner_context *c = &runner_the;
    for (int32_t i = 0; i < c->num_bases; i++)
        if (self == &c->bases[i])
            return &c->bases[i];
    return NULL;
}

static int32_t none(const podium_host *h)
{
    return h->fail(h, PODIUM_EINVAL, "a base call with what base_create did not make");
}

int32_t base_step(const podium_host *h, void *self, const podium_step *s)
{
    base_instance *b = find(self);
    return b ? b->table->step(b->self, s) : none(h);
}

int32_t base_before_eval(const podium_host *h, void *self)
{
    base_instance *b = find(self);
    return !b ? none(h) : b->table->before_eval ? b->table->before_eval(b->self) : 0;
}

int32_t base_after_eval(const podium_host *h, void *self)
{
    base_instance *b = find(self);
    return !b ? none(h) : b->table->after_eval ? b->table->after_eval(b->self) : 0;
}

const podium_submission *base_table(const podium_host *h, void *self)
{
    base_instance *b = find(self);
    (void)h;
    return b ? b->table : NULL;
}

void base_destroy_all(runner_context *c)
{
    while (c->num_bases > 0) {
        base_instance *b = &c->bases[--c->num_bases];
        b->table->destroy(b->self);
    }
}
