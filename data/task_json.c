/* SuperGLUE's JSON lines. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "data/task_internal.h"

enum { LABEL_SIZE = 32 };

/* A label as text, in `number` or borrowed; NULL where the field is absent. */
static int32_t read_label(const json_t *object, const char *place, const char *field,
                          char number[LABEL_SIZE], const char **out)
{
    const json_t *value = json_object_get(object, field);
    *out = json_string_value(value);
    if (json_is_boolean(value))
        *out = json_is_true(value) ? "true" : "false";
    if (json_is_integer(value)) {
        snprintf(number, LABEL_SIZE, "%lld", (long long)json_integer_value(value));
        *out = number;
    }
    return *out || !value
               ? PODIUM_OK
               : podium_fail(PODIUM_EINVAL, "%s: field '%s': expected a label", place, field);
}

/* One example with the label of `object`. */
static int32_t add(task_data *io, const task_format *f, const json_t *object, const char *place,
                   const char *first, const char *second)
{
    char number[LABEL_SIZE];
    const char *label;
    TRY(read_label(object, place, f->label, number, &label));
    int32_t rc = task_add_example(io, f, first, second, label);
    return rc < 0 ? podium_fail_in(rc, "%s", place) : rc;
}

/* The same; the texts are released. */
static int32_t add_made(task_data *io, const task_format *f, const json_t *object,
                        const char *place, text_buffer *first, text_buffer *second)
{
    int32_t rc = first->failed || second->failed
                     ? podium_fail(PODIUM_ENOMEM, "no memory for an example")
                     : add(io, f, object, place, first->data ? first->data : "",
                           second->data ? second->data : "");
    text_release(first);
    text_release(second);
    return rc;
}

static int32_t parse_plain(task_data *io, const task_format *f, const json_t *object,
                           const char *place)
{
    const char *first, *second = NULL;
    TRY(json_read_text(object, place, f->first, &first));
    if (f->second)
        TRY(json_read_text(object, place, f->second, &second));
    return add(io, f, object, place, first, second);
}

static int32_t parse_copa(task_data *io, const task_format *f, const json_t *object,
                          const char *place)
{
    const char *premise, *question, *choice1, *choice2;
    text_buffer first = {0}, second = {0};
    TRY(json_read_text(object, place, "premise", &premise));
    TRY(json_read_text(object, place, "choice1", &choice1));
    TRY(json_read_text(object, place, "choice2", &choice2));
    TRY(json_read_text(object, place, "question", &question));
    bool cause = !strcmp(question, "cause");
    if (!cause && strcmp(question, "effect"))
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'question': expected cause or effect, got '%.40s'", place,
                           question);
    text_print(&first, "%s %s", premise,
               cause ? "What was the cause?" : "What happened as a result?");
    text_print(&second, "0: %s 1: %s", choice1, choice2);
    return add_made(io, f, object, place, &first, &second);
}

static int32_t parse_answers(task_data *io, const task_format *f, const json_t *question,
                             const char *place, const char *passage)
{
    const char *asked, *said;
    json_t *answers, *answer;
    size_t i;
    TRY(json_read_text(question, place, "question", &asked));
    TRY(json_read_array(question, place, "answers", &answers));
    json_array_foreach(answers, i, answer)
    {
        text_buffer first = {0}, second = {0};
        TRY(json_read_text(answer, place, "text", &said));
        text_add(&first, passage);
        text_print(&second, "%s %s", asked, said);
        TRY(add_made(io, f, answer, place, &first, &second));
    }
    return PODIUM_OK;
}

static int32_t parse_multirc(task_data *io, const task_format *f, const json_t *object,
                             const char *place)
{
    json_t *passage, *questions, *question;
    const char *text;
    size_t i;
    TRY(json_read_object(object, place, "passage", &passage));
    TRY(json_read_text(passage, place, "text", &text));
    TRY(json_read_array(passage, place, "questions", &questions));
    json_array_foreach(questions, i, question) TRY(parse_answers(io, f, question, place, text));
    return PODIUM_OK;
}

/* span2_index counts words from 0; the pronoun's may go on, with a comma, say. */
static int32_t parse_wsc(task_data *io, const task_format *f, const json_t *object,
                         const char *place)
{
    const char *text, *noun, *pronoun;
    json_t *target;
    int64_t index;
    text_buffer first = {0}, second = {0};
    TRY(json_read_text(object, place, "text", &text));
    TRY(json_read_object(object, place, "target", &target));
    TRY(json_read_text(target, place, "span1_text", &noun));
    TRY(json_read_text(target, place, "span2_text", &pronoun));
    TRY(json_read_integer(target, place, "span2_index", 0, 1 << 20, &index));
    static const char space[] = " \t\n";
    const char *at = text + strspn(text, space);
    for (int64_t i = 0; i < index; i++) {
        at += strcspn(at, space);
        at += strspn(at, space);
    }
    size_t n = strlen(pronoun);
    if (!n || strncasecmp(at, pronoun, n) != 0)
        return podium_fail(PODIUM_EINVAL, "%s: field 'span2_index': word %lld is not '%.40s'",
                           place, (long long)index, pronoun);
    text_append(&first, text, (size_t)(at - text));
    text_print(&first, "*%.*s*%s", (int)n, at, at + n);
    text_add(&second, noun);
    return add_made(io, f, object, place, &first, &second);
}

int32_t task_json_parse(task_data *io, const task_format *f, const char *line, const char *place)
{
    json_t *object;
    TRY(json_read(&object, line, strlen(line), place));
    int32_t rc = f->layout == TASK_COPA      ? parse_copa(io, f, object, place)
                 : f->layout == TASK_MULTIRC ? parse_multirc(io, f, object, place)
                 : f->layout == TASK_WSC     ? parse_wsc(io, f, object, place)
                                             : parse_plain(io, f, object, place);
    json_decref(object);
    return rc;
}
