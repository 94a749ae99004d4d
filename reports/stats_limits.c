/* The chains of a run, built anew from what its manifests say of them: one a filter step, with the rules that compare numbers,
 * and those that change the text before others read it. */
#include "reports/stats_limits.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>

struct limits_step {
    size_t step;
    struct chain chain;
    struct filter_row *row;
    struct limit **of_rule;         /* by rule of the chain; NULL: it only changes the text */
    size_t columns[CHAIN_COLUMNS];  /* slot → column of the current file; SIZE_MAX where it has none */
};

/* ---- opening */

static bool has_parameter(const struct filter *filter, const char *name)
{
    for (const struct filter_parameter *p = filter->parameters; p && p->name; p++)
        if (strcmp(p->name, name) == 0) return true;
    return false;
}

static bool compares_number(const struct filter *filter) { return has_parameter(filter, "min") || has_parameter(filter, "max"); }

static struct rule *add_rule(struct chain *chain, const struct funnel_rule *of)
{
    struct rule *rule = chain_add(chain, str_from(of->name), str_from(of->filter));
    const char *name;
    json_t *value;
    if (!rule) return NULL;
    json_object_foreach(of->parameters, name, value)
        if (chain_set(chain, rule, str_from(name), str_of(json_string_value(value), json_string_length(value))) < 0) return NULL;
    return rule;
}

/* The models whose scores were allowed to stand in for those that rules name. */
static int allow_substitutes(struct chain *chain, const struct funnel_step *step)
{
    const char *const names = step->parameters ? manifest_text(step->parameters, "allow-substitute") : NULL;
    for (struct str rest = str_from(names ? names : ""); rest.n;) {
        const char *name = arena_c_string(&chain->arena, str_cut(&rest, ','));
        if (!name || chain_substitute(chain, name) < 0) return -1;
    }
    return 0;
}

/* The rows of a step lacked a column where a rule says "A for B[, C for D]" of it. */
static bool step_has_column(const void *context, struct str column)
{
    const struct funnel_step *step = context;
    for (size_t i = 0; i < step->rule_count; i++)
        for (struct str rest = str_from(step->rules[i].substitute ? step->rules[i].substitute : ""); rest.n;) {
            struct str pair = str_cut(&rest, ',');
            size_t at = str_find(pair, STR(" for "));
            if (at != SIZE_MAX && str_eq(str_from_at(pair, at + 5), column)) return false;
        }
    return true;
}

/* Whether a rule can be asked on this machine: its list may be gone since the run. */
static bool can_be_asked(const struct funnel_step *step, const struct funnel_rule *of)
{
    struct chain chain = {0};
    bool can = chain_init(&chain) == 0 && allow_substitutes(&chain, step) == 0 && add_rule(&chain, of) &&
               chain_prepare(&chain, step_has_column, step) == 0 && rule_is_asked(chain.rules[0]);
    chain_free(&chain);
    return can;
}

static unsigned level_of(const struct filter *filter, uint64_t rows)
{
    unsigned level = 0;
    while (filter->cost == FILTER_COSTLY && rows >> level > COSTLY_ROWS) level++;
    return level;
}

static void describe(struct limit *l, const struct rule *rule, const struct chain *chain)
{
    l->asked = rule;
    for (size_t i = 0; has_parameter(rule->filter, "column") && i < rule->slot_count && i < 2; i++) l->columns[i] = chain->columns[rule->slots[i]];
    l->what = rule->filter->what;
    l->unit = "";
    for (const struct filter_parameter *p = rule->filter->parameters; p && p->name; p++) {
        if (strcmp(p->name, "min") != 0 && strcmp(p->name, "max") != 0) continue;
        l->unit = p->unit;
        l->integer = p->type == FILTER_COUNT;
    }
    l->inside.room = l->outside.room = LIMIT_EXAMPLES;
}

/* The rules of one step: into its chain, and into the list. */
static int open_step(struct limits *l, struct limits_step *own, const struct funnel_step *step, size_t at, uint64_t rows)
{
    own->step = at;
    if (chain_init(&own->chain) < 0 || allow_substitutes(&own->chain, step) < 0 || !(own->of_rule = calloc(step->rule_count + 1, sizeof *own->of_rule))) return -1;
    for (size_t i = 0; i < step->rule_count; i++) {
        const struct funnel_rule *of = &step->rules[i];
        const struct filter *filter = of->filter ? filter_find(str_from(of->filter)) : NULL;
        if (!filter || !filter->decide || of->unserved || of->done_by) continue;
        bool number = compares_number(filter);
        if (!number && !filter->changes_text) continue;
        if (!can_be_asked(step, of)) {
            l->unasked += number;
            continue;
        }
        if (!add_rule(&own->chain, of)) return -1;
        if (!number) continue;
        own->of_rule[own->chain.count - 1] = &l->list[l->count];
        l->list[l->count++] = (struct limit){.step = at, .rule = of, .level = level_of(filter, rows)};
    }
    if (!own->chain.count) return 0;
    if (chain_prepare(&own->chain, step_has_column, step) < 0 || !(own->row = filter_row_new(&own->chain))) return -1;
    for (size_t i = 0; i < own->chain.count; i++)
        if (own->of_rule[i]) describe(own->of_rule[i], own->chain.rules[i], &own->chain);
    return 0;
}

static int add_options(struct limits *l)
{
    struct published *published = l->count ? published_open() : NULL;
    if (l->count && !published) return -1;
    for (size_t i = 0; i < l->count; i++) limit_options(&l->list[i], published);
    published_close(published);
    return 0;
}

int limits_open(struct limits *l, const struct funnel *f, uint64_t rows)
{
    *l = (struct limits){0};
    size_t rules = 0;
    for (size_t i = 0; i < f->count; i++) rules += f->list[i].rule_count;
    l->list = calloc(rules + 1, sizeof *l->list);
    l->steps = calloc(f->count + 1, sizeof *l->steps);
    if (!l->list || !l->steps) return fail_memory();
    for (size_t i = 0; i < f->count; i++) {
        if (!f->list[i].rule_count) continue;
        struct limits_step *own = &l->steps[l->step_count++];
        if (open_step(l, own, &f->list[i], i, rows) < 0) return -1;
        if (own->chain.count) continue;
        chain_free(&own->chain);
        free(own->of_rule);
        l->step_count--;
        *own = (struct limits_step){0};
    }
    return add_options(l);
}

void limits_close(struct limits *l)
{
    for (size_t i = 0; l->list && i < l->count; i++) {
        bins_free(&l->list[i].bins);
        examples_free(&l->list[i].inside);
        examples_free(&l->list[i].outside);
    }
    for (size_t i = 0; l->steps && i < l->step_count; i++) {
        filter_row_free(l->steps[i].row);
        chain_free(&l->steps[i].chain);
        free(l->steps[i].of_rule);
    }
    free(l->list);
    free(l->steps);
    *l = (struct limits){0};
}

int limits_columns(struct limits *l, const struct columns *columns)
{
    for (size_t i = 0; i < l->step_count; i++)
        for (size_t slot = 0; slot < l->steps[i].chain.column_count; slot++)
            l->steps[i].columns[slot] = columns_find(columns, str_from(l->steps[i].chain.columns[slot]));
    return 0;
}

/* ---- a row */

/* As in chain_judge: a rule with if= lets rows pass whose column has another value. */
static bool condition_holds(const struct rule *rule, const struct filter_row *row)
{
    if (rule->condition_slot == SIZE_MAX) return true;
    for (struct str rest = rule->condition_values; rest.p;)
        if (str_eq(str_cut(&rest, '|'), row->cells[rule->condition_slot])) return true;
    return false;
}

static bool number_of(const struct filter_result *result, double *value)
{
    switch (result->kind) {
    case MEASURED_COUNT: *value = (double)result->part; return true;
    case MEASURED_SHARE: *value = (double)result->part / (double)result->whole; return true;
    case MEASURED_NUMBER: *value = result->number; return isfinite(result->number);
    case MEASURED_TEXT:
    case MEASURED_NOTHING: break;
    }
    return false;
}

static enum limit_class class_of(const struct limit *l, const struct limits_row *r, bool passes)
{
    bool kept = r->end == SIZE_MAX;
    if (passes) return kept ? LIMIT_KEPT : LIMIT_PASSED;
    if (kept && l->rule->marked) return LIMIT_MARKED;
    return r->end == l->step && !r->also.n && str_eq(r->rule, str_from(l->rule->name)) ? LIMIT_ONLY : LIMIT_FAILED;
}

/* What is known of the row: it failed this rule, it passed it, or an earlier rule of the step took it first. */
static bool agrees(const struct limit *l, const struct limits_row *r, bool passes)
{
    if (l->rule->marked) return true;
    if (r->end != l->step) return passes;
    return !str_eq(r->rule, str_from(l->rule->name)) || !passes;
}

static bool option_holds(const struct bounds *b, const struct filter_result *result)
{
    if (result->kind == MEASURED_NUMBER) return bounds_hold_number(b, result->number);
    return bounds_hold(b, result->part, result->kind == MEASURED_SHARE ? result->whole : 1);
}

static void try_options(struct limit *l, const struct filter_result *result, enum limit_class class)
{
    for (size_t i = 0; i < l->option_count; i++) {
        struct limit_option *o = &l->options[i];
        if (!option_holds(&o->bounds, result)) continue;
        o->passes++;
        o->kept += class == LIMIT_KEPT || class == LIMIT_MARKED;
        o->only += class == LIMIT_ONLY;
    }
}

static double distance_of(const struct bounds *b, double value)
{
    double d = INFINITY;
    if (b->has_low) d = fabs(value - decimal_value(b->low));
    if (b->has_high) d = fmin(d, fabs(value - decimal_value(b->high)));
    return d;
}

static int take_example(struct limit *l, const struct limits_row *r, double value, bool passes, struct arena *scratch)
{
    bool kept = r->end == SIZE_MAX;
    if (passes ? !kept : r->end != l->step || !str_eq(r->rule, str_from(l->rule->name))) return 0;
    struct example *x = examples_offer(passes ? &l->inside : &l->outside, distance_of(&l->asked->bounds, value), r->hash, r->same);
    if (!x) return 0;
    x->step = r->end;
    x->value = value;
    x->unsafe = r->unsafe;
    return example_fill(x, r->at, r->row, scratch);
}

static int ask(struct limits_step *s, size_t i, const struct limits_row *r, struct arena *scratch)
{
    const struct rule *rule = s->chain.rules[i];
    struct limit *l = s->of_rule[i];
    if (l && r->hash & ((UINT64_C(1) << l->level) - 1)) return 0;
    if (!condition_holds(rule, s->row)) return 0;
    struct filter_result result = {.answer = FILTER_KEEP};
    if (rule->filter->decide(rule, s->row, &result) < 0) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    if (!l) return 0;
    bool passes = result.answer == FILTER_KEEP;
    double value;
    l->disagree += !agrees(l, r, passes);
    if (!number_of(&result, &value)) return l->without++, 0;
    l->rows++;
    enum limit_class class = class_of(l, r, passes);
    try_options(l, &result, class);
    if (bins_add(&l->bins, value, class) < 0) return -1;
    return take_example(l, r, value, passes, scratch);
}

int limits_row(struct limits *l, const struct limits_row *r, struct arena *scratch)
{
    for (size_t i = 0; i < l->step_count; i++) {
        struct limits_step *s = &l->steps[i];
        if (s->step > r->end) break;
        filter_row_begin(s->row);
        for (size_t slot = 0; slot < s->chain.column_count; slot++) {
            size_t column = s->columns[slot];
            s->row->cells[slot] = column == SIZE_MAX ? STR_ABSENT : row_text(r->row, column, scratch);
        }
        for (size_t k = 0; k < s->chain.count; k++)
            if (ask(s, k, r, scratch) < 0) return -1;
    }
    return 0;
}
