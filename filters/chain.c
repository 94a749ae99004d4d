/* Rules in order: made, set, left out, compiled. What happens to a row stands in judge.c. */
#include "filters/chain.h"

#include "filters/calibration.h"
#include "filters/counts/lookup.h"
#include "filters/language/identify.h"
#include "filters/language/tagger.h"
#include "pipeline/base/fail.h"

#include <stdarg.h>
#include <stdlib.h>

enum { ARENA_BYTES = 512 << 20 }; /* lists lie in it: one of 600,000 words takes some 30 MiB */

int chain_init(struct chain *chain)
{
    *chain = (struct chain){.count = 0};
    arena_init(&chain->arena, ARENA_BYTES);
    chain->rules = calloc(CHAIN_RULES, sizeof *chain->rules);
    if (!chain->rules) return fail_memory();
    static const char *const first[] = {
        [SLOT_TEXT] = "text", [SLOT_TEXT_RAW] = "text_raw", [SLOT_URL] = "url", [SLOT_URL_RAW] = "url_raw"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) chain->columns[chain->column_count++] = first[i];
    return 0;
}

void chain_free(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        if (rule->state && rule->filter->release) rule->filter->release(rule->state);
    }
    tagger_close(chain->tagger);
    for (size_t i = 0; i < chain->identifier_count; i++) identifier_close(chain->identifiers[i]);
    count_lookups_close(chain->lookups);
    free(chain->rules);
    arena_free(&chain->arena);
    *chain = (struct chain){.count = 0};
}

/* ---- parameters ---- */

static size_t own_parameters(const struct filter *filter)
{
    size_t n = 0;
    while (filter->parameters && filter->parameters[n].name) n++;
    return n;
}

static const struct filter_parameter *parameter_at(const struct filter *filter, size_t i)
{
    size_t own = own_parameters(filter);
    return i < own ? &filter->parameters[i] : filter_parameter_common(i - own);
}

static size_t parameter_find(const struct filter *filter, struct str name)
{
    const struct filter_parameter *p;
    for (size_t i = 0; (p = parameter_at(filter, i)); i++)
        if (str_eq(str_from(p->name), name)) return i;
    return SIZE_MAX;
}

const struct rule_value *rule_value(const struct rule *rule, const char *parameter)
{
    size_t i = parameter_find(rule->filter, str_from(parameter));
    return i == SIZE_MAX ? NULL : &rule->values[i];
}

static int parse_choice(const struct filter_parameter *p, struct str text, unsigned *choice)
{
    struct str rest = str_from(p->choices);
    for (unsigned i = 0; rest.p; i++)
        if (str_eq(str_cut(&rest, '|'), text)) {
            *choice = i;
            return 0;
        }
    return fail_usage("%s is '%.*s': expected one of %s", p->name, STR_ARG(text), p->choices);
}

static bool is_column_name(struct str s)
{
    if (s.n == 0 || s.n > 64 || s.p[0] < 'a' || s.p[0] > 'z') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || ascii_is_digit(s.p[i]) || s.p[i] == '_')) return false;
    return true;
}

static int parse_value(const struct filter_parameter *p, struct str text, struct rule_value *value)
{
    value->given = true;
    value->text = text;
    switch (p->type) {
    case FILTER_COUNT:
        if (decimal_parse(text, &value->number) < 0 || value->number.scale != 1 || value->number.units < 0)
            return fail_usage("%s is '%.*s': expected a whole number", p->name, STR_ARG(text));
        return 0;
    case FILTER_DECIMAL:
        if (decimal_parse(text, &value->number) < 0)
            return fail_usage("%s is '%.*s': expected a decimal number of at most 9 places", p->name, STR_ARG(text));
        return 0;
    case FILTER_FLAG:
        value->flag = str_eq(text, STR("1"));
        if (!value->flag && !str_eq(text, STR("0"))) return fail_usage("%s is '%.*s': expected 0 or 1", p->name, STR_ARG(text));
        return 0;
    case FILTER_CHOICE: return parse_choice(p, text, &value->choice);
    case FILTER_COLUMN:
        if (!is_column_name(text)) return fail_usage("%s is '%.*s': no column can have that name", p->name, STR_ARG(text));
        return 0;
    case FILTER_WORDS:
    case FILTER_TEXT:
    case FILTER_LIST:
        if (text.n == 0) value->given = false; /* `list=` takes a default back */
        return 0;
    }
    return 0;
}

static int unknown_parameter(const struct rule *rule, struct str name)
{
    const struct filter_parameter *p, *near = NULL;
    size_t best = 3;
    for (size_t i = 0; (p = parameter_at(rule->filter, i)); i++) {
        size_t distance = str_distance(name, str_from(p->name));
        if (distance < best) best = distance, near = p;
    }
    return fail_usage("%s: filter %s has no parameter '%.*s'%s%s%s", rule->name, rule->filter->name, STR_ARG(name),
                      near ? "; did you mean '" : "", near ? near->name : "", near ? "'?" : "");
}

int chain_set(struct chain *chain, struct rule *rule, struct str parameter, struct str value)
{
    size_t i = parameter_find(rule->filter, parameter);
    if (i == SIZE_MAX) return unknown_parameter(rule, parameter);
    const char *copy = arena_c_string(&chain->arena, value);
    if (!copy) return -1;
    const struct filter_parameter *p = parameter_at(rule->filter, i);
    struct rule_value parsed = {.given = false};
    if (parse_value(p, str_of(copy, value.n), &parsed) < 0) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    if (str_eq(parameter, STR("at")) && filter_place_find(value, &rule->place) < 0) return -1;
    rule->values[i] = parsed;
    return 0;
}

/* ---- rules ---- */

static bool is_rule_name(struct str name)
{
    if (name.n == 0 || name.n > RULE_NAME_MAX) return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool inside = i && i + 1 < name.n;
        if (!((c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_' || c == '-' || (c == '.' && inside))) return false;
    }
    return true;
}

static int set_defaults(struct chain *chain, struct rule *rule)
{
    const struct filter_parameter *p;
    for (size_t i = 0; (p = parameter_at(rule->filter, i)); i++)
        if (p->initial && chain_set(chain, rule, str_from(p->name), str_from(p->initial)) < 0) return -1;
    return 0;
}

static int unknown_filter(struct str name)
{
    const char *near = filter_nearest(name);
    return fail_usage("no filter '%.*s'%s%s%s", STR_ARG(name), near ? "; did you mean '" : ": see winnow help --filters",
                      near ? near : "", near ? "'?" : "");
}

struct rule *chain_add(struct chain *chain, struct str name, struct str filter_name)
{
    const struct filter *filter = filter_find(filter_name);
    if (!is_rule_name(name))
        return fail_usage("'%.*s' is no rule name: small letters, digits, _ - and . inside", STR_ARG(name)), NULL;
    if (!filter) return unknown_filter(filter_name), NULL;
    if (chain_find(chain, name)) return fail_usage("two rules are named '%.*s'", STR_ARG(name)), NULL;
    if (chain->count == CHAIN_RULES) return fail_usage("more than %d rules", CHAIN_RULES), NULL;
    struct rule *rule = arena_alloc(&chain->arena, sizeof *rule);
    size_t parameters = own_parameters(filter);
    while (parameter_at(filter, parameters)) parameters++;
    struct rule_value *values = arena_alloc(&chain->arena, parameters * sizeof *values);
    const char *own_name = arena_c_string(&chain->arena, name);
    if (!rule || !values || !own_name) return NULL;
    memset(values, 0, parameters * sizeof *values);
    *rule = (struct rule){.filter = filter, .name = own_name, .values = values, .place = filter->place, .provenance = "hand",
                          .source = "", .condition_slot = SIZE_MAX, .bound = ""};
    if (set_defaults(chain, rule) < 0) return NULL;
    chain->rules[chain->count++] = rule;
    return rule;
}

struct rule *chain_find(const struct chain *chain, struct str name)
{
    for (size_t i = 0; i < chain->count; i++)
        if (str_eq(str_from(chain->rules[i]->name), name)) return chain->rules[i];
    return NULL;
}

static int unknown_rule(const struct chain *chain, struct str name)
{
    const char *near = NULL;
    size_t best = 4;
    for (size_t i = 0; i < chain->count; i++) {
        size_t distance = str_distance(name, str_from(chain->rules[i]->name));
        if (distance < best) best = distance, near = chain->rules[i]->name;
    }
    return fail_usage("no rule '%.*s' here%s%s%s", STR_ARG(name), near ? "; did you mean '" : "", near ? near : "",
                      near ? "'?" : "");
}

int chain_assign(struct chain *chain, struct str assignment)
{
    struct str value = assignment, left = str_cut(&value, '=');
    size_t dot = left.n;
    while (dot && left.p[dot - 1] != '.') dot--;
    if (!value.p || dot < 2) return fail_usage("'%.*s': expected RULE.PARAMETER=VALUE", STR_ARG(assignment));
    struct str name = str_of(left.p, dot - 1);
    struct rule *rule = chain_find(chain, name);
    if (!rule) return unknown_rule(chain, name);
    if (chain_set(chain, rule, str_from_at(left, dot), value) < 0) return -1;
    rule->values[parameter_find(rule->filter, str_from_at(left, dot))].by_hand = true;
    return 0;
}

int chain_leave_out(struct chain *chain, struct str name)
{
    bool found = false;
    for (size_t i = 0; i < chain->count; i++) {
        struct str own = str_from(chain->rules[i]->name);
        bool of_group = own.n > name.n && own.p[name.n] == '.' && str_starts(own, name);
        if (!of_group && !str_eq(own, name)) continue;
        chain->rules[i]->left_out = found = true;
    }
    return found ? 0 : unknown_rule(chain, name);
}

int chain_select(struct chain *chain, enum filter_place place)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->rules[i]->file && chain->rules[i]->place != place) chain->rules[i]->left_out = true;
    return 0;
}

/* ---- compiling ---- */

size_t chain_column(struct chain *chain, struct str name)
{
    for (size_t i = 0; i < chain->column_count; i++)
        if (str_eq(str_from(chain->columns[i]), name)) return i;
    if (chain->column_count == CHAIN_COLUMNS) return fail_usage("the rules read more than %d columns", CHAIN_COLUMNS), SIZE_MAX;
    const char *copy = arena_c_string(&chain->arena, name);
    if (!copy) return SIZE_MAX;
    chain->columns[chain->column_count] = copy;
    return chain->column_count++;
}

int chain_substitute(struct chain *chain, const char *name)
{
    if (!is_column_name(str_from(name))) return fail_usage("--allow-substitute %s: no model can have that name", name);
    if (chain->substitute_count == CHAIN_SUBSTITUTES) return fail_usage("more than %d substitutes", CHAIN_SUBSTITUTES);
    chain->substitutes[chain->substitute_count++] = name;
    return 0;
}

/* What stands before the model's name in the column of a score, "_" included: "sim_", "zs_laion_nsfw_"; 0 in other columns. */
static size_t score_prefix(struct str column)
{
    static const struct str families[] = {{"sim_", 4}, {"p_", 2}, {"zs_", 3}};
    size_t n = column.n;
    while (n && column.p[n - 1] != '_') n--;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (str_starts(column, families[i])) return n;
    return 0;
}

static int note_substitute(struct chain *chain, struct rule *rule, const char *stand_in, struct str column)
{
    rule->substitute = rule->substitute
                           ? arena_printf(&chain->arena, "%s, %s for %.*s", rule->substitute, stand_in, STR_ARG(column))
                           : arena_printf(&chain->arena, "%s for %.*s", stand_in, STR_ARG(column));
    return rule->substitute ? 0 : -1;
}

/* The model whose score will be read in place of the column `name`; NULL: none is allowed or needed. */
static const char *stand_in_of(const struct chain *chain, struct str name)
{
    size_t prefix = score_prefix(name);
    if (!prefix || !chain->has_column || chain->has_column(chain->has_context, name)) return NULL;
    for (size_t i = 0; i < chain->substitute_count; i++) {
        char column[160]; /* two names of 64 characters at most */
        snprintf(column, sizeof column, "%.*s%s", (int)prefix, name.p, chain->substitutes[i]);
        if (chain->has_column(chain->has_context, str_from(column))) return chain->substitutes[i];
    }
    return NULL;
}

size_t rule_column(struct chain *chain, struct rule *rule, struct str name)
{
    const char *model = stand_in_of(chain, name);
    if (!model) return chain_column(chain, name);
    const char *stand_in = arena_printf(&chain->arena, "%.*s%s", (int)score_prefix(name), name.p, model);
    if (!stand_in || note_substitute(chain, rule, stand_in, name) < 0) return SIZE_MAX;
    return chain_column(chain, str_from(stand_in));
}

int rule_needs_column(struct chain *chain, struct rule *rule, struct str name)
{
    if (rule->slot_count == RULE_COLUMNS) return fail_usage("%s: reads more than %d columns", rule->name, RULE_COLUMNS);
    size_t slot = rule_column(chain, rule, name);
    if (slot == SIZE_MAX) return -1;
    rule->slots[rule->slot_count++] = slot;
    return 0;
}

int rule_unserved(struct chain *chain, struct rule *rule, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    rule->unserved = arena_c_string(&chain->arena, str_from(text));
    return rule->unserved ? 0 : -1;
}

static int prepare_bounds(struct chain *chain, struct rule *rule)
{
    const struct rule_value *low = rule_value(rule, "min"), *high = rule_value(rule, "max"), *strict = rule_value(rule, "strict");
    struct bounds *b = &rule->bounds;
    *b = (struct bounds){.strict = strict && strict->flag};
    if (low && low->given) b->has_low = true, b->low = low->number;
    if (high && high->given) b->has_high = true, b->high = high->number;
    if (b->has_low && b->has_high && (__int128)b->low.units * b->high.scale > (__int128)b->high.units * b->low.scale)
        return fail_usage("%s: min %.*s is above max %.*s", rule->name, STR_ARG(low->text), STR_ARG(high->text));
    char text[160] = "";
    const char *equal = b->strict ? "" : "=";
    if (b->has_low && b->has_high && !b->strict) snprintf(text, sizeof text, "%.*s..%.*s", STR_ARG(low->text), STR_ARG(high->text));
    else if (b->has_low && b->has_high) snprintf(text, sizeof text, ">%.*s <%.*s", STR_ARG(low->text), STR_ARG(high->text));
    else if (b->has_low) snprintf(text, sizeof text, ">%s%.*s", equal, STR_ARG(low->text));
    else if (b->has_high) snprintf(text, sizeof text, "<%s%.*s", equal, STR_ARG(high->text));
    else if (low || high) return fail_usage("%s: filter %s needs min= or max=", rule->name, rule->filter->name);
    rule->bound = arena_c_string(&chain->arena, str_from(text));
    return rule->bound ? 0 : -1;
}

static int prepare_condition(struct chain *chain, struct rule *rule)
{
    struct str values = rule_value(rule, "if")->text;
    if (values.n == 0) return 0;
    struct str column = str_cut(&values, ':');
    if (!values.p || !is_column_name(column))
        return fail_usage("%s: if=%.*s: expected COLUMN:VALUE|VALUE", rule->name, STR_ARG(column));
    rule->condition_values = values;
    rule->condition_slot = rule_column(chain, rule, column);
    return rule->condition_slot == SIZE_MAX ? -1 : 0;
}

static int prepare_rule(struct chain *chain, struct rule *rule)
{
    const struct filter *filter = rule->filter;
    if (!filter->decide) {
        rule->unserved = filter->unserved;
        return filter->prepare ? filter->prepare(chain, rule) : 0;
    }
    const struct rule_value *form = rule_value(rule, "form"), *split = rule_value(rule, "split"), *of = rule_value(rule, "of");
    if (form) rule->form = (enum text_form)form->choice;
    if (split) rule->split = (enum word_split)split->choice;
    if (of) rule->raw_url = of->choice == 1;
    rule->slot_count = rule->count_count = 0;
    rule->lookups = chain->lookups;
    for (size_t i = 0; i < sizeof filter->columns / sizeof *filter->columns && filter->columns[i]; i++)
        if (rule_needs_column(chain, rule, str_from(filter->columns[i])) < 0) return -1;
    if (prepare_bounds(chain, rule) < 0 || prepare_condition(chain, rule) < 0) return -1;
    if (filter->bound) rule->bound = filter->bound;
    return filter->prepare ? filter->prepare(chain, rule) : 0;
}

static int check_columns(struct chain *chain, struct rule *rule, bool (*has)(const void *, struct str), const void *context)
{
    for (size_t i = 0; i < rule->slot_count + 1 && !rule->unserved; i++) {
        size_t slot = i < rule->slot_count ? rule->slots[i] : rule->condition_slot;
        if (slot == SIZE_MAX || has(context, str_from(chain->columns[slot]))) continue;
        if (chain->tells_language && strcmp(chain->columns[slot], FILTER_LANGUAGE_COLUMN) == 0) continue;
        if (rule_unserved(chain, rule, "the rows have no column %s", chain->columns[slot]) < 0) return -1;
    }
    return 0;
}

/* ---- the built-in model for another: its similarities are on a scale of their own ---- */

static const char *const scaled_values[] = {"min", "max", "t"};
enum { SCALED_VALUES = sizeof scaled_values / sizeof *scaled_values };

/* A bound that a preset wrote for another model; one set by hand is meant for the numbers that are there. */
static struct rule_value *bound_of_preset(const struct rule *rule, size_t i)
{
    const struct rule_value *v = rule_value(rule, scaled_values[i]);
    return rule->file && v && v->given && v->text.n && !v->by_hand ? &rule->values[v - rule->values] : NULL;
}

static int set_carried(struct chain *chain, struct rule *rule, struct rule_value *v, struct str model)
{
    struct calibrated c;
    struct str was = v->carried_from.n ? v->carried_from : v->text;
    if (calibration_carry(model, (double)v->number.units / (double)v->number.scale, STR("builtin"), &c) < 0) return 0;
    const char *text = arena_printf(&chain->arena, "%.3f", c.bound), *note = rule->carried ? rule->carried : "";
    if (!text || decimal_parse(str_from(text), &v->number) < 0) return -1;
    v->text = str_from(text);
    v->carried_from = was;
    rule->carried = arena_printf(&chain->arena, "%s, bound %.*s of %.*s -> %s of builtin, equal pass rate %.1f %%", note, STR_ARG(was),
                                 STR_ARG(model), text, 100 * c.kept);
    return rule->carried ? 0 : -1;
}

/* Where builtin will stand in for the similarity that a preset's rule reads, the rule's bounds become those of equal pass rate. */
static int carry_bounds(struct chain *chain, struct rule *rule)
{
    const struct rule_value *column = rule_value(rule, "column"), *plus = rule_value(rule, "plus");
    rule->carried = NULL;
    if (!column || !column->given || (plus && plus->given) || !str_starts(column->text, STR("sim_"))) return 0;
    for (size_t i = 0; i < SCALED_VALUES; i++) {
        struct rule_value *v = bound_of_preset(rule, i);
        if (!v) continue;
        if (v->carried_from.n) { /* prepared before, perhaps for other rows */
            v->text = v->carried_from;
            if (decimal_parse(v->text, &v->number) < 0) return -1;
            v->carried_from = STR_ABSENT;
        }
        const char *stand_in = stand_in_of(chain, column->text);
        if (!stand_in || strcmp(stand_in, "builtin") != 0) continue;
        if (set_carried(chain, rule, v, str_from_at(column->text, score_prefix(column->text))) < 0) return -1;
    }
    return 0;
}

/* Classes and shares of the pool need no scale. */
static int check_scale(struct chain *chain, struct rule *rule)
{
    const struct rule_value *column = rule_value(rule, "column");
    bool of_labels = column && str_starts(column->text, STR("zs_"));
    if (of_labels || !rule->substitute || !strstr(rule->substitute, "_builtin for ")) return 0;
    for (size_t i = 0; i < SCALED_VALUES; i++) {
        const struct rule_value *v = bound_of_preset(rule, i);
        if (!v || v->carried_from.n) continue;
        return fail_usage("%s: %s=%.*s is meant for another model, the built-in one's numbers are on another scale, and no share of pairs "
                          "that this bound keeps is published by which to carry it over: give a bound of its own, --set %s.%s=...; take "
                          "the one that keeps as many matched pairs as the rule's own model keeps ('winnow model eval MODEL PAIRS --curve "
                          "FILE' of both models, same pairs)",
                          rule->name, scaled_values[i], STR_ARG(v->text), rule->name, scaled_values[i]);
    }
    if (!rule->carried) return 0;
    rule->substitute = arena_printf(&chain->arena, "%s%s", rule->substitute, rule->carried);
    return rule->substitute ? 0 : -1;
}

int chain_prepare(struct chain *chain, bool (*has_column)(const void *context, struct str name), const void *context)
{
    chain->has_column = has_column;
    chain->has_context = context;
    chain->tells_language = false;
    for (size_t i = 0; i < chain->count; i++) {
        struct rule *rule = chain->rules[i];
        if (rule->left_out) continue;
        rule->substitute = NULL;
        if (carry_bounds(chain, rule) < 0 || prepare_rule(chain, rule) < 0 || check_scale(chain, rule) < 0) return -1;
        if (has_column && !rule->unserved && check_columns(chain, rule, has_column, context) < 0) return -1;
        struct str needs = rule_value(rule, "needs")->text;
        if (rule->unserved && needs.n && rule_unserved(chain, rule, "%s (%.*s)", rule->unserved, STR_ARG(needs)) < 0) return -1;
    }
    return 0;
}

size_t chain_unserved(const struct chain *chain, struct buf *lines)
{
    size_t count = 0;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        if (rule->left_out || !rule->unserved) continue;
        count++;
        buf_printf(lines, "%s (%s): %s\n", rule->name, rule->filter->name, rule->unserved);
    }
    return count;
}
