/* The funnel as one JSON document: schemas/report.schema.json. Numbers are whole; keys stand in a fixed order. */
#include "reports/render.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }
static json_t *text_or_null(const char *text) { return text ? json_string(text) : json_null(); }

static json_t *alone(const struct funnel_rule *rule) { return rule->alone_kind == ALONE_UNKNOWN ? json_null() : number(rule->alone); }

static json_t *rule_json(const struct funnel_rule *rule)
{
    json_t *parameters = rule->parameters ? json_incref(rule->parameters) : json_null();
    json_t *json = json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:b}", "rule", rule->name, "filter", text_or_null(rule->filter),
                             "place", text_or_null(rule->place), "bound", text_or_null(rule->bound), "parameters", parameters,
                             "provenance", text_or_null(rule->provenance), "source", text_or_null(rule->source), "served",
                             !rule->unserved && !rule->done_by, rule->marked ? "marked" : "removed", number(rule->removed), "alone",
                             alone(rule), "alone_sampled", rule->alone_kind == ALONE_SAMPLED);
    if (json && rule->reached) json_object_set_new(json, "reached", number(rule->reached));
    if (json && rule->alone_kind == ALONE_SAMPLED) json_object_set_new(json, "sample", number(rule->sample));
    if (json && rule->unserved) json_object_set_new(json, "reason", json_string(rule->unserved));
    if (json && rule->substitute) json_object_set_new(json, "substitute", json_string(rule->substitute));
    if (json && rule->done_by) json_object_set_new(json, "done_by", json_string(rule->done_by));
    return json;
}

static json_t *rules_json(const struct funnel_step *s)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->rule_count; i++)
        if (json_array_append_new(list, rule_json(&s->rules[i]))) return json_decref(list), NULL;
    return list;
}

static json_t *counts_json(const struct funnel_step *s)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < s->count_count; i++)
        if (json_object_set_new(object, s->counts[i].name, number(s->counts[i].n))) return json_decref(object), NULL;
    return object;
}

static json_t *losses_json(const struct funnel_step *s)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->loss_count; i++) {
        const struct funnel_loss *loss = &s->losses[i];
        if (json_array_append_new(list, json_pack("{s:s,s:o,s:s}", "file", loss->file, "offset", number(loss->offset), "what", loss->what)))
            return json_decref(list), NULL;
    }
    return json_pack("{s:o,s:o}", "total", number(s->losses_total), "list", list);
}

static json_t *step_json(const struct funnel_step *s)
{
    json_t *parameters = s->parameters ? json_incref(s->parameters) : json_object();
    return json_pack("{s:s,s:s,s:o,s:o,s:{s:o,s:o,s:o,s:o},s:{s:o,s:o},s:o,s:o,s:b,s:{s:o,s:o,s:o},s:o,s:o,s:o}", "step", s->name, "stage", s->stage,
                     "behaviour", number(s->behaviour), "parameters", parameters, "tasks", "all", number(s->tasks), "done",
                     number(s->tasks_done), "limited", number(s->tasks_limited), "damaged", number(s->tasks_damaged), "inputs", "files",
                     number(s->inputs), "bytes", number(s->input_bytes), "output_bytes", number(s->output_bytes), "records",
                     number(s->records), "aside", s->aside, "rows", "read", s->reads_rows ? number(s->read) : json_null(), "kept", number(s->kept),
                     "dropped", number(s->dropped), "rules", rules_json(s), "counts", counts_json(s), "losses", losses_json(s));
}

static int add_oddity(void *list, const char *sentence) { return json_array_append_new(list, json_string(sentence)) ? fail_memory() : 0; }

int funnel_json(const struct funnel *f, json_t *rows, struct buf *out)
{
    json_t *steps = json_array(), *oddities = json_array();
    int result = steps && oddities ? funnel_oddities(f, add_oddity, oddities) : fail_memory();
    for (size_t i = 0; i < f->count && result == 0; i++)
        if (json_array_append_new(steps, step_json(&f->list[i]))) result = fail_memory();
    json_t *report = json_pack("{s:s,s:o,s:o,s:o}", "format", "winnow-report-1", "steps", steps, "to_know", oddities, "rows",
                               rows ? rows : json_null());
    char *text = result == 0 && report ? json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    if (result == 0) result = text ? buf_add(out, str_from(text)) : fail_memory();
    if (result == 0) result = buf_byte(out, '\n');
    free(text);
    json_decref(report);
    return result;
}
