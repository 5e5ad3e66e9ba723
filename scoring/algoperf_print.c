/* Scores of AlgoPerf's logs as text, JSON, CSV and Markdown. */
#include "scoring/algoperf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "scoring/table_text.h"

#define MOST_LEFT_OUT 20 /* lines in the text */

static int32_t finish(text_buffer *t, char **out)
{
    if (t->failed || !t->data) {
        text_release(t);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the table");
    }
    *out = t->data;
    return 0;
}

static const char *rule_name(const algoperf_table *t)
{
    return t->rule == SCORE_MIN_TIME ? "minimum-time" : "reference";
}

/* Why no interval stands beside the scores; NULL: it does. */
static const char *no_interval(const algoperf_table *t)
{
    return t->rules->preset->studies < SCORE_LEAST_STUDIES
               ? "no interval: fewer than 10 studies to resample"
               : NULL;
}

static void print_notes(text_buffer *b, const algoperf_table *t)
{
    if (no_interval(t))
        text_print(b, "%s\n", no_interval(t));
    if (t->order_dependent)
        text_print(b,
                   "%zu studies have trials that meet the target at the same evaluation: their "
                   "times, and so\nthe scores, hang on the order in which the trials are listed "
                   "(%s)\n",
                   t->order_dependent,
                   t->rules->trial_order ? "the preset's trial_order" : "by number");
    if (t->logs->num_left_out)
        text_add(b, "\nleft out, or not as the ruleset has it:\n");
    /* The last ones count whole workloads; those before them are single trials. */
    size_t first = t->logs->num_left_out > MOST_LEFT_OUT ? t->logs->num_left_out - MOST_LEFT_OUT
                                                         : 0;
    if (first)
        text_print(b, "  (%zu more: --format json has all)\n", first);
    for (size_t i = first; i < t->logs->num_left_out; i++) {
        text_add(b, "  ");
        plain_text(b, t->logs->left_out[i], 0);
        text_add(b, "\n");
    }
}

int32_t algoperf_print_text(const algoperf_table *t, char **out)
{
    text_buffer b = {0};
    size_t B = t->problem.num_base;
    text_print(&b, "%s, rule %s; ratios of time to target to the fastest\n\n%4s  %-22s %7s %7s",
               t->rules->preset->description, rule_name(t), "rank", "submission", "score", "exact");
    if (t->speedup)
        text_print(&b, " %9s", "less time");
    for (size_t w = 0; w < B; w++)
        text_print(&b, " %12.12s", t->rules->workloads[w].name);
    for (size_t k = 0; k < t->problem.num_submissions; k++) {
        size_t s = t->result.order[k];
        text_print(&b, "\n%4zu  ", t->result.rank[s]);
        plain_text(&b, t->logs->submissions[s], 22);
        text_print(&b, " %7.4f %7.4f", t->result.score[s], t->result.exact[s]);
        if (t->speedup && isfinite(t->speedup[s]))
            text_print(&b, " %7.1f %%", 100 * (1 - t->speedup[s]));
        else if (t->speedup)
            text_print(&b, " %9s", "-");
        for (size_t w = 0; w < B; w++) {
            text_add(&b, " ");
            table_number(&b, t->result.ratio[s * B + w], 12);
        }
    }
    text_add(&b, "\n\n");
    if (t->speedup) {
        text_add(&b, "less time: than ");
        plain_text(&b, t->against, 0);
        text_add(&b, ", geometric mean, a missed target at its budget\n");
    }
    print_notes(&b, t);
    return finish(&b, out);
}

static json_t *hyperparameters_of(const algoperf_trial *trial)
{
    text_buffer path = {0};
    json_t *values = NULL;
    text_print(&path, "%s/hparams.json", trial->folder);
    if (!path.failed && file_exists(path.data) && json_read_file(&values, path.data))
        values = json_string(podium_error());
    text_release(&path);
    return values ? values : json_null();
}

/* The logs' trial that a scored trial came from. */
static const algoperf_trial *source_of(const algoperf_table *t, const score_trial *want)
{
    for (size_t i = 0; i < t->logs->num_trials; i++) {
        const algoperf_trial *a = &t->logs->trials[i];
        if (a->submission == want->submission && a->workload == want->workload &&
            a->study == want->study && a->hit.index == want->hit_index &&
            a->hit.time == want->hit_time)
            return a;
    }
    return NULL;
}

/* What stands for each study of a cell. */
static json_t *studies_json(const algoperf_table *t, size_t cell, size_t *reached)
{
    json_t *list = json_array();
    *reached = 0;
    for (size_t k = 0; k < t->num_studies; k++) {
        const score_study *study = &t->studies[k];
        if (study->cell != cell)
            continue;
        json_t *one = json_object();
        const algoperf_trial *a = isfinite(study->time) ? source_of(t, &t->trials[study->trial])
                                                        : NULL;
        json_object_set_new(one, "study", json_string(t->logs->studies[study->study]));
        json_object_set_new(one, "seconds", json_from_number(study->time));
        if (a) {
            ++*reached;
            json_object_set_new(one, "trial", json_integer(a->number));
            json_object_set_new(one, "evaluation", json_integer(a->hit.index));
            json_object_set_new(one, "hyperparameters", hyperparameters_of(a));
        }
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *cell_json(const algoperf_table *t, size_t s, size_t w)
{
    size_t B = t->problem.num_base, W = B + t->problem.num_held_out, reached;
    json_t *cell = json_object(), *studies = studies_json(t, s * W + w, &reached);
    json_object_set_new(cell, "seconds", json_from_number(t->result.time[s * W + w]));
    if (w < B)
        json_object_set_new(cell, "ratio", json_from_number(t->result.ratio[s * B + w]));
    else
        json_object_set_new(cell, "held_out_of",
                            json_string(t->rules->workloads[t->base_of[w - B]].name));
    json_object_set_new(cell, "reached", json_integer((json_int_t)reached));
    json_object_set_new(cell, "studies", studies);
    return cell;
}

static json_t *submission_json(const algoperf_table *t, size_t s)
{
    json_t *one = json_object(), *workloads = json_object();
    for (size_t w = 0; w < t->problem.num_base + t->problem.num_held_out; w++)
        json_object_set_new(workloads, t->rules->workloads[w].name, cell_json(t, s, w));
    json_t *name = json_string(t->logs->submissions[s]);
    json_object_set_new(one, "name", name ? name : json_string("(not utf-8)"));
    json_object_set_new(one, "score", json_from_number(t->result.score[s]));
    json_object_set_new(one, "score_exact", json_from_number(t->result.exact[s]));
    json_object_set_new(one, "interval",
                        isnan(t->low[s]) ? json_null()
                                         : json_pack("[f, f]", t->low[s], t->high[s]));
    json_object_set_new(one, "rank", json_integer((json_int_t)t->result.rank[s]));
    if (t->speedup)
        json_object_set_new(one, "time_ratio", json_from_number(t->speedup[s]));
    json_object_set_new(one, "workloads", workloads);
    return one;
}

int32_t algoperf_print_json(const algoperf_table *t, char **out)
{
    json_t *root = json_object(), *submissions = json_array(), *left = json_array();
    for (size_t k = 0; k < t->problem.num_submissions; k++)
        json_array_append_new(submissions, submission_json(t, t->result.order[k]));
    for (size_t i = 0; i < t->logs->num_left_out; i++)
        json_array_append_new(left, json_string(t->logs->left_out[i]));
    json_object_set_new(root, "submissions", submissions);
    json_object_set_new(root, "preset", json_string(t->rules->preset->name));
    json_object_set_new(root, "ruleset", json_string(t->rules->preset->ruleset));
    json_object_set_new(root, "rule", json_string(rule_name(t)));
    if (no_interval(t))
        json_object_set_new(root, "interval_reason", json_string(no_interval(t)));
    if (t->against)
        json_object_set_new(root, "against", json_string(t->against));
    json_object_set_new(root, "order_dependent_studies",
                        json_integer((json_int_t)t->order_dependent));
    json_object_set_new(root, "left_out", left);
    *out = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(root);
    return *out ? 0 : podium_fail(PODIUM_ENOMEM, "cannot allocate the JSON table");
}

int32_t algoperf_print_csv(const algoperf_table *t, char **out)
{
    text_buffer b = {0};
    size_t B = t->problem.num_base, W = B + t->problem.num_held_out;
    text_add(&b, "rank,submission,score,score_exact,workload,seconds,ratio\n");
    for (size_t k = 0; k < t->problem.num_submissions * W; k++) {
        size_t s = t->result.order[k / W], w = k % W;
        text_print(&b, "%zu,", t->result.rank[s]);
        csv_text(&b, t->logs->submissions[s]);
        text_print(&b, ",%.6f,%.6f,%s,%.6f,", t->result.score[s], t->result.exact[s],
                   t->rules->workloads[w].name, t->result.time[s * W + w]);
        if (w < B)
            text_print(&b, "%.6f", t->result.ratio[s * B + w]);
        text_add(&b, "\n");
    }
    return finish(&b, out);
}

int32_t algoperf_print_markdown(const algoperf_table *t, char **out)
{
    text_buffer b = {0};
    size_t B = t->problem.num_base;
    text_print(&b, "%s, rule %s:\n\n| rank | submission | score |", t->rules->preset->description,
               rule_name(t));
    for (size_t w = 0; w < B; w++) {
        text_add(&b, " ");
        markdown_text(&b, t->rules->workloads[w].name);
        text_add(&b, " |");
    }
    text_add(&b, "\n|---|---|---|");
    for (size_t w = 0; w < B; w++)
        text_add(&b, "---|");
    for (size_t k = 0; k < t->problem.num_submissions; k++) {
        size_t s = t->result.order[k];
        text_print(&b, "\n| %zu | ", t->result.rank[s]);
        markdown_text(&b, t->logs->submissions[s]);
        text_print(&b, " | %.4f |", t->result.score[s]);
        for (size_t w = 0; w < B; w++) {
            text_add(&b, " ");
            table_number(&b, t->result.ratio[s * B + w], 0);
            text_add(&b, " |");
        }
    }
    text_add(&b, "\n");
    return finish(&b, out);
}
