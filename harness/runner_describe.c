/* Reads what a runner says about a submission's table into checked copies.  The bytes come from a
 * process that runs a stranger's code: every count is bounded, every text terminated. */
#include "harness/runner_internal.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#define MAX_HYPERPARAMETERS 256
#define MAX_CHOICES 64
#define MAX_LIST 4096

static void *own(runner_slot *s, size_t count, size_t size)
{
    void *p = calloc(count + 1, size);
    void **owned = p ? realloc(s->owned, ((size_t)s->num_owned + 1) * sizeof *owned) : NULL;
    if (!owned) {
        free(p);
        return NULL;
    }
    s->owned = owned;
    s->owned[s->num_owned++] = p;
    return p;
}

static bool is_identifier(const char *s)
{
    if (!s || !(isalpha((unsigned char)*s) || *s == '_') || strlen(s) > 64)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

/* Default within its own range and type. */
static int32_t check_default(const podium_hyperparameter *h, int32_t choices)
{
    if (h->type < PODIUM_NUMBER || h->type > PODIUM_BASE)
        return podium_fail(PODIUM_EINVAL, "hyperparameter '%s': unknown type %d", h->name, h->type);
    if (h->type == PODIUM_CHOICE &&
        (choices < 1 || !(h->value >= 0 && h->value < choices) || h->value != floor(h->value)))
        return podium_fail(PODIUM_EINVAL,
                           "hyperparameter '%s': default %g is not the number of one of its %d "
                           "choices",
                           h->name, h->value, choices);
    if (h->type == PODIUM_FLAG && h->value != 0 && h->value != 1)
        return podium_fail(PODIUM_EINVAL,
                           "hyperparameter '%s': default %g of a flag, expected 0 "
                           "or 1",
                           h->name, h->value);
    if (h->type != PODIUM_NUMBER && h->type != PODIUM_INTEGER)
        return 0;
    if (!(h->min <= h->max))
        return podium_fail(PODIUM_EINVAL, "hyperparameter '%s': min %g is above max %g", h->name,
                           h->min, h->max);
    if (isnan(h->value))
        return h->may_be_none ? 0
                              : podium_fail(PODIUM_EINVAL,
                                            "hyperparameter '%s': default is none (NaN) but "
                                            "may_be_none is 0",
                                            h->name);
    if (!(h->value >= h->min && h->value <= h->max))
        return podium_fail(PODIUM_EINVAL,
                           "hyperparameter '%s': default %g lies outside its range [%g, %g]",
                           h->name, h->value, h->min, h->max);
    if (h->type == PODIUM_INTEGER && h->value != floor(h->value))
        return podium_fail(PODIUM_EINVAL, "hyperparameter '%s': default %g is no integer", h->name,
                           h->value);
    if (h->scale == PODIUM_LOG && h->min < 0)
        return podium_fail(PODIUM_EINVAL,
                           "hyperparameter '%s': log scale needs a range of positive numbers",
                           h->name);
    return 0;
}

static int32_t read_hyperparameter(runner_slot *s, pack *p, podium_hyperparameter *h)
{
    int64_t size = pack_get_integer(p);
    h->struct_size = sizeof *h;
    h->type = (int32_t)pack_get_integer(p);
    h->name = pack_get_text(p);
    h->help = pack_get_text(p);
    h->value = pack_get_number(p);
    h->min = pack_get_number(p);
    h->max = pack_get_number(p);
    h->scale = (int32_t)pack_get_integer(p);
    h->may_be_none = (int32_t)pack_get_integer(p);
    int64_t choices = pack_get_integer(p);
    if (p->bad || choices < 0 || choices > MAX_CHOICES)
        return podium_fail(PODIUM_EINVAL, "a hyperparameter's description is damaged");
    if (size < (int64_t)sizeof *h)
        return podium_fail(PODIUM_EINVAL,
                           "hyperparameter '%s': wrong struct_size %lld, expected at least %zu",
                           h->name ? h->name : "?", (long long)size, sizeof *h);
    if (!is_identifier(h->name))
        return podium_fail(PODIUM_EINVAL,
                           "hyperparameter name '%s' is not an identifier of at "
                           "most 64 letters, digits and _",
                           h->name ? h->name : "");
    const char **texts = own(s, (size_t)choices, sizeof *texts);
    for (int64_t i = 0; texts && i < choices; i++)
        texts[i] = pack_get_text(p);
    h->choices = texts;
    int64_t length = pack_get_integer(p);
    if (p->bad || length < 0 || length > MAX_LIST)
        return podium_fail(PODIUM_EINVAL, "hyperparameter '%s': list longer than %d", h->name,
                           MAX_LIST);
    double *list = own(s, (size_t)length, sizeof *list);
    for (int64_t i = 0; list && i < length; i++)
        list[i] = pack_get_number(p);
    h->list = list;
    h->list_length = (size_t)length;
    h->base = pack_get_text(p);
    if (!texts || !list)
        return podium_fail(PODIUM_ENOMEM, "no memory for a hyperparameter");
    for (int64_t i = 0; i < choices; i++)
        if (!texts[i])
            return podium_fail(PODIUM_EINVAL, "hyperparameter '%s': a choice is missing", h->name);
    if (p->bad)
        return podium_fail(PODIUM_EINVAL, "hyperparameter '%s': description is damaged", h->name);
    return check_default(h, (int32_t)choices);
}

static const char *text_or_empty(const char *s)
{
    return s ? s : "";
}

static int32_t read_table(runner_slot *s, pack *p)
{
    runner_submission *t = &s->submission;
    t->abi_major = (int32_t)pack_get_integer(p);
    t->abi_minor = (int32_t)pack_get_integer(p);
    t->name = text_or_empty(pack_get_text(p));
    t->version = text_or_empty(pack_get_text(p));
    t->authors = text_or_empty(pack_get_text(p));
    t->url = text_or_empty(pack_get_text(p));
    t->needs = (uint64_t)pack_get_integer(p);
    t->has_batch_size = pack_get_integer(p) != 0;
    t->has_before_eval = pack_get_integer(p) != 0;
    t->has_after_eval = pack_get_integer(p) != 0;
    bool has_required = pack_get_integer(p) != 0;
    int64_t n = pack_get_integer(p);
    if (p->bad || n < 0 || n > MAX_HYPERPARAMETERS)
        return podium_fail(PODIUM_EINVAL, "the submission's description is damaged");
    if (!*t->name)
        return podium_fail(PODIUM_EINVAL, "the submission's table has no name");
    if (!has_required)
        return podium_fail(PODIUM_EINVAL, "the submission's table lacks create, step or destroy: "
                                          "all three are required");
    if (t->has_before_eval != t->has_after_eval)
        return podium_fail(PODIUM_EINVAL, "before_eval and after_eval are a pair: give both or "
                                          "neither");
    s->declared = calloc((size_t)n + 1, sizeof *s->declared);
    s->pointers = calloc((size_t)n + 1, sizeof *s->pointers);
    if (!s->declared || !s->pointers)
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld hyperparameters", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        TRY(read_hyperparameter(s, p, &s->declared[i]));
        for (int64_t j = 0; j < i; j++)
            if (!strcmp(s->declared[j].name, s->declared[i].name))
                return podium_fail(PODIUM_EINVAL, "hyperparameter '%s' is declared twice",
                                   s->declared[i].name);
        s->pointers[i] = &s->declared[i];
    }
    t->hyperparameters = s->pointers;
    t->num_hyperparameters = (int32_t)n;
    return 0;
}

int32_t runner_describe(runner_slot *slot, const uint8_t *bytes, size_t length)
{
    slot->bytes = malloc(length + 1);
    if (!slot->bytes)
        return podium_fail(PODIUM_ENOMEM, "no memory for a description of %zu bytes", length);
    if (length)
        memcpy(slot->bytes, bytes, length);
    pack p = {.data = slot->bytes, .size = length};
    int32_t rc = read_table(slot, &p);
    slot->loaded = rc == 0;
    return rc;
}

void runner_slot_release(runner_slot *slot)
{
    for (int32_t i = 0; i < slot->num_owned; i++)
        free(slot->owned[i]);
    free(slot->owned);
    free(slot->declared);
    free((void *)slot->pointers);
    free(slot->bytes);
    *slot = (runner_slot){0};
}
