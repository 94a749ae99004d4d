#include "filters/filter_report.h"

#include "filters/language/identify.h"
#include "filters/language/tagger.h"
#include "filters/preset.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"

#include <stdlib.h>

int filter_totals_init(struct filter_totals *t, size_t rules)
{
    t->rules = calloc(rules + 1, sizeof *t->rules);
    t->rule_count = rules;
    return t->rules ? 0 : fail_memory();
}

void filter_totals_free(struct filter_totals *t)
{
    free(t->rules);
    t->rules = NULL;
}

void filter_totals_clear(struct filter_totals *t)
{
    memset(t->rules, 0, (t->rule_count + 1) * sizeof *t->rules);
    t->rows = 0;
}

void filter_totals_add(struct filter_totals *t, const struct filter_totals *more)
{
    t->rows += more->rows;
    for (size_t i = 0; i < t->rule_count; i++) {
        t->rules[i].asked += more->rules[i].asked;
        t->rules[i].removed += more->rules[i].removed;
        t->rules[i].found += more->rules[i].found;
        t->rules[i].found_in += more->rules[i].found_in;
        t->rules[i].behind_asked += more->rules[i].behind_asked;
        t->rules[i].behind_failed += more->rules[i].behind_failed;
    }
}

static int count_rule(struct stage_item *item, const char *kind, const struct rule *rule, uint64_t n)
{
    char name[RULE_NAME_MAX + 32];
    snprintf(name, sizeof name, "%s.%s", kind, rule->name);
    return stage_count(item, name, n);
}

int filter_totals_count(struct stage_item *item, const struct filter_totals *t, const struct chain *chain, bool mark)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        const struct rule_counts *c = &t->rules[i];
        if (!rule_is_asked(rule)) continue;
        bool exact = rule->filter->cost == FILTER_CHEAP;
        if (count_rule(item, "reached", rule, c->asked) < 0) return -1;
        if (exact && count_rule(item, "alone", rule, c->removed + c->behind_failed) < 0) return -1;
        if (!exact && count_rule(item, "behind", rule, c->behind_failed) < 0) return -1;
        if (!exact && count_rule(item, "behind_of", rule, c->behind_asked) < 0) return -1;
        bool finds = rule->filter->finds;
        if (finds && (count_rule(item, "found", rule, c->found) < 0 || count_rule(item, "found_in", rule, c->found_in) < 0)) return -1;
        if (mark && count_rule(item, "marked", rule, c->removed) < 0) return -1;
    }
    return 0;
}

void filter_totals_print(const struct filter_totals *t, const struct chain *chain)
{
    int wide = 4;
    for (size_t i = 0; i < chain->count; i++)
        if (rule_is_asked(chain->rules[i]) && (int)strlen(chain->rules[i]->name) > wide) wide = (int)strlen(chain->rules[i]->name);
    bool any = false;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        const struct rule_counts *c = &t->rules[i];
        if (!rule_is_asked(rule)) continue;
        if (!any) log_line("%-*s %12s %12s %12s", wide, "rule", "reached", "removed", "alone");
        any = true;
        char alone[32] = "-"; /* a costly rule, and no row in the sample */
        uint64_t behind = t->rows - c->asked;
        bool exact = rule->filter->cost == FILTER_CHEAP || !behind;
        if (exact)
            snprintf(alone, sizeof alone, "%llu", (unsigned long long)(c->removed + c->behind_failed));
        else if (c->behind_asked)
            snprintf(alone, sizeof alone, "%.0f",
                     (double)c->removed + (double)c->behind_failed / (double)c->behind_asked * (double)behind);
        log_line("%-*s %12llu %12llu %s%11s", wide, rule->name, (unsigned long long)c->asked, (unsigned long long)c->removed,
                 exact ? " " : "≈", alone);
        if (rule->filter->finds) log_line("%-*s found %llu in %llu rows", wide, "", (unsigned long long)c->found, (unsigned long long)c->found_in);
    }
}

/* ---- what a chain is, for manifests */

static const struct filter_parameter *parameter_at(const struct filter *filter, size_t i)
{
    size_t own = 0;
    while (filter->parameters && filter->parameters[own].name) own++;
    return i < own ? &filter->parameters[i] : filter_parameter_common(i - own);
}

/* A list enters by its content, not by its name. */
static int add_value(struct buf *out, const struct rule *rule, const struct filter_parameter *p, const struct rule_value *value)
{
    if (p->type != FILTER_LIST) return buf_add(out, value->text);
    char path[PRESET_PATH_MAX], hex[33];
    uint64_t size;
    struct hash128 hash;
    if (preset_find_list(value->text, rule->file, path) < 0 || file_content_hash(path, &size, &hash) < 0) return -1;
    hash128_hex(hash, hex);
    return buf_printf(out, "xxh3_128:%s", hex);
}

static int describe(struct buf *out, const struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        if (!rule_is_asked(rule)) continue;
        if (buf_printf(out, "%s\t%s", rule->name, rule->filter->name) < 0) return -1;
        const struct filter_parameter *p;
        for (size_t k = 0; (p = parameter_at(rule->filter, k)); k++) {
            if (!rule->values[k].given) continue;
            if (buf_printf(out, "\t%s=", p->name) < 0 || add_value(out, rule, p, &rule->values[k]) < 0) return -1;
        }
        if (rule->substitute && buf_printf(out, "\tsubstitute=%s", rule->substitute) < 0) return -1;
        if (buf_byte(out, '\n') < 0) return -1;
    }
    for (size_t i = 0; i < chain->identifier_count; i++)
        if (buf_printf(out, "language\t%s\n", identifier_digest(chain->identifiers[i])) < 0) return -1;
    return chain->tagger ? buf_printf(out, "tagger\t%s\n", tagger_digest(chain->tagger)) : 0;
}

int filter_chain_parameter(const struct chain *chain, json_t *parameters)
{
    struct buf text;
    buf_init(&text, 16 << 20);
    char hex[33];
    int result = describe(&text, chain);
    if (result == 0) {
        hash128_hex(hash_xxh3_128(buf_str(&text), 0), hex);
        result = json_object_set_new(parameters, "chain", json_sprintf("xxh3_128:%s", hex)) ? fail_memory() : 0;
    }
    buf_free(&text);
    return result;
}

static json_t *json_of_text(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }

static json_t *json_of_rule(const struct rule *rule)
{
    json_t *parameters = json_object();
    const struct filter_parameter *p;
    for (size_t k = 0; (p = parameter_at(rule->filter, k)); k++)
        if (rule->values[k].given) json_object_set_new(parameters, p->name, json_of_text(rule->values[k].text));
    json_t *json = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "name", rule->name, "filter", rule->filter->name, "place",
                             filter_place_name(rule->place), "bound", rule->bound, "provenance", rule->provenance, "source",
                             rule->source, "parameters", parameters);
    if (json && rule->substitute) json_object_set_new(json, "substitute", json_string(rule->substitute));
    if (json && rule->unserved) json_object_set_new(json, "unserved", json_string(rule->unserved));
    if (json && rule->filter->done_by) json_object_set_new(json, "done_by", json_string(rule->filter->done_by));
    if (json && rule->filter->cost == FILTER_COSTLY) json_object_set_new(json, "sampled", json_true());
    return json;
}

int filter_chain_manifest(const struct chain *chain, json_t *manifest)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < chain->count; i++) {
        json_t *rule = chain->rules[i]->left_out ? NULL : json_of_rule(chain->rules[i]);
        if (chain->rules[i]->left_out) continue;
        if (!rule || json_array_append_new(list, rule)) {
            json_decref(list);
            return fail_memory();
        }
    }
    return !list || json_object_set_new(manifest, "filters", list) ? fail_memory() : 0;
}
