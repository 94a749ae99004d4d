/* The command `index`, the sums of index_steps.c as rows of the index: stages, rules, counts, losses, inputs, shards. */
#include "pipeline/base/fail.h"
#include "shard/index_private.h"

#include <stdio.h>
#include <stdlib.h>

static int compare_texts(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The keys of an object, sorted: the order in which tasks brought them must not show. */
static int sorted_keys(json_t *object, struct texts *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (texts_add(keys, key) < 0) return -1;
    }
    if (keys->count) qsort(keys->list, keys->count, sizeof *keys->list, compare_texts);
    return 0;
}

static uint64_t count_of(const struct index_step *step, const char *kind, const char *rule, bool *known)
{
    char name[512];
    snprintf(name, sizeof name, "%s.%s", kind, rule);
    json_t *value = json_object_get(step->counts, name);
    *known = value != NULL;
    json_int_t n = json_integer_value(value);
    return n > 0 ? (uint64_t)n : 0;
}

/* What a rule would have removed by itself: counted for cheap rules; for costly ones estimated from the hundredth of the rows
 * that were judged though an earlier rule had dropped them: removed + behind / behind_of · (rows − reached), rounded. */
static void set_alone(const struct index_step *step, struct index_rule *rule, const char *name, bool costly)
{
    bool known, judged, reached_known;
    if (!costly) { /* manifests leave counts of 0 out */
        rule->alone = count_of(step, "alone", name, &known);
        rule->alone_known = rule->served;
        return;
    }
    uint64_t behind_of = count_of(step, "behind_of", name, &judged);
    uint64_t behind = count_of(step, "behind", name, &judged), reached = count_of(step, "reached", name, &reached_known);
    if (!reached_known || reached > step->read) return;
    if (reached == step->read) { /* nothing was dropped before it */
        rule->alone = rule->removed;
        rule->alone_known = true;
    } else if (behind_of) {
        unsigned __int128 scaled = (unsigned __int128)behind * (step->read - reached) + behind_of / 2;
        rule->alone = rule->removed + (uint64_t)(scaled / behind_of);
        rule->alone_known = rule->alone_sampled = true;
    }
}

static struct str text_at(json_t *object, const char *key) { return str_from(json_string_value(json_object_get(object, key))); }

static int write_filter(const struct index_step *step, struct index_rule *rule, json_t *filter, struct index_builder *b)
{
    const char *name = json_string_value(json_object_get(filter, "name"));
    char *parameters = json_dumps(json_object_get(filter, "parameters"), JSON_SORT_KEYS | JSON_COMPACT);
    char done_by[128] = "";
    const char *doer = json_string_value(json_object_get(filter, "done_by"));
    json_int_t removed = json_integer_value(json_object_get(step->rules, name ? name : ""));
    rule->rule = str_from(name ? name : "");
    rule->filter = text_at(filter, "filter");
    rule->parameters = str_from(parameters);
    rule->provenance = text_at(filter, "provenance");
    rule->source = text_at(filter, "source");
    rule->reason = text_at(filter, "unserved");
    rule->substitute = text_at(filter, "substitute");
    rule->removed = removed > 0 ? (uint64_t)removed : 0;
    if (doer) {
        snprintf(done_by, sizeof done_by, "done by '%s'", doer);
        rule->reason = str_from(done_by);
    }
    rule->served = !rule->reason.p;
    set_alone(step, rule, name ? name : "", json_is_true(json_object_get(filter, "sampled")));
    int result = index_builder_rule(b, rule);
    free(parameters);
    return result;
}

static bool is_filter(const struct index_step *step, const char *name)
{
    size_t i;
    json_t *filter;
    json_array_foreach(step->filters, i, filter) {
        const char *other = json_string_value(json_object_get(filter, "name"));
        if (other && strcmp(other, name) == 0) return true;
    }
    return false;
}

static int write_rules(const struct index_step *step, uint64_t number, struct index_builder *b)
{
    uint64_t position = 0;
    size_t i;
    json_t *filter;
    json_array_foreach(step->filters, i, filter) {
        struct index_rule rule = {.step = number, .position = ++position};
        if (write_filter(step, &rule, filter, b) < 0) return -1;
    }
    struct texts names = {0};
    int result = sorted_keys(step->rules, &names);
    for (i = 0; i < names.count && result == 0; i++) {
        if (is_filter(step, names.list[i])) continue;
        struct index_rule rule = {.step = number, .position = ++position, .rule = str_from(names.list[i]), .served = true};
        rule.removed = rule.alone = (uint64_t)json_integer_value(json_object_get(step->rules, names.list[i]));
        rule.alone_known = true; /* duplicates, how fetching ended: each row meets one such rule */
        result = index_builder_rule(b, &rule);
    }
    texts_free(&names);
    return result;
}

static int write_counts(const struct index_step *step, uint64_t number, struct index_builder *b)
{
    const struct {
        const char *name;
        uint64_t value;
    } always[] = {{"losses", step->losses_total}, {"records", step->records}, {"rows_dropped", step->dropped},
                  {"rows_read", step->read},      {"rows_written", step->written}};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (index_builder_count(b, number, str_from(always[i].name), always[i].value) < 0) return -1;
    struct texts names = {0};
    int result = sorted_keys(step->counts, &names);
    for (size_t i = 0; i < names.count && result == 0; i++) {
        json_int_t n = json_integer_value(json_object_get(step->counts, names.list[i]));
        bool taken = false;
        for (size_t k = 0; k < sizeof always / sizeof *always; k++) taken |= strcmp(names.list[i], always[k].name) == 0;
        if (!taken) result = index_builder_count(b, number, str_from(names.list[i]), n > 0 ? (uint64_t)n : 0);
    }
    texts_free(&names);
    return result;
}

/* A manifest keeps the whole line, "FILE: UNIT N: reason"; the index its parts. */
static int write_loss(json_t *loss, uint64_t number, struct index_builder *b)
{
    struct str file = text_at(loss, "file"), what = text_at(loss, "what"), unit = STR("offset");
    json_int_t at = json_integer_value(json_object_get(loss, "offset"));
    if (!file.p || !what.p) return 0;
    if (str_starts(what, file) && str_starts(str_from_at(what, file.n), STR(": "))) {
        struct str rest = str_from_at(what, file.n + 2), word = str_cut(&rest, ' '), value = str_cut(&rest, ':');
        uint64_t n;
        if (rest.p && str_to_u64(value, &n) == 0) {
            unit = word;
            what = str_trim(rest);
        }
    }
    return index_builder_loss(b, number, file, unit, at > 0 ? (uint64_t)at : 0, what);
}

static int write_step(const struct index_step *step, uint64_t number, struct index_builder *b)
{
    char *parameters = json_dumps(step->parameters, JSON_SORT_KEYS | JSON_COMPACT);
    struct index_stage stage = {
        .step = number,
        .behaviour = step->behaviour,
        .name = str_from(step->name),
        .stage = str_from(step->stage),
        .parameters = parameters ? str_from(parameters) : STR("{}"),
    };
    int result = index_builder_stage(b, &stage);
    free(parameters);
    if (result == 0) result = write_rules(step, number, b);
    if (result == 0) result = write_counts(step, number, b);
    size_t i;
    json_t *loss;
    json_array_foreach(step->losses, i, loss) {
        if (result == 0) result = write_loss(loss, number, b);
    }
    return result;
}

int index_run_write(const struct index_run *run, struct index_builder *b)
{
    for (size_t i = 0; i < run->step_count; i++)
        if (write_step(&run->steps[i], i + 1, b) < 0) return -1;
    for (size_t i = 0; i < run->input_count; i++) {
        const struct index_input *input = &run->inputs[i];
        if (index_builder_input(b, input->src_file, str_from(input->name), input->size, str_from(input->hash)) < 0) return -1;
    }
    for (size_t i = 0; i < run->shard_count; i++)
        if (index_builder_shard(b, &run->shards[i]) < 0) return -1;
    return 0;
}
