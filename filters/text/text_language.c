/* The rule about a text's language: by a column that another program made, or by a model. */
#include "filters/answers.h"
#include "filters/column_filters.h"
#include "filters/language/identify.h"
#include "filters/text/forms.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/fail.h"

struct language_rule {
    bool by_column, tells;  /* tells: without languages the rule drops nothing, and writes what it found */
    const struct identifier *model;
    size_t index;   /* of it among the chain's */
    bool lower;     /* lower-cased texts are asked about, as OBELICS does */
    bool has_least;
    struct str languages; /* labels that are kept, parted by commas; empty: all */
    struct str named;     /* when it tells: of these alone the label, of others "other", of no sure answer "none"; empty: any label */
    size_t told;          /* slot of the column that it writes */
};

static bool is_among(struct str value, struct str words)
{
    for (struct str rest = words; rest.p;)
        if (str_eq(str_cut(&rest, ','), value)) return true;
    return false;
}

static int open_model(struct chain *chain, struct str path, struct language_rule *state)
{
    for (state->index = 0; state->index < chain->identifier_count; state->index++)
        if (str_eq(str_from(chain->identifier_paths[state->index]), path)) break;
    if (state->index == chain->identifier_count) {
        if (chain->identifier_count == CHAIN_IDENTIFIERS) return fail_usage("more than %d models of languages", CHAIN_IDENTIFIERS);
        const char *copy = arena_c_string(&chain->arena, path.p ? path : STR(""));
        struct identifier *model = copy ? identifier_open(path) : NULL;
        if (!model) return -1;
        chain->identifier_paths[chain->identifier_count] = copy;
        chain->identifiers[chain->identifier_count++] = model;
    }
    state->model = chain->identifiers[state->index];
    return 0;
}

static int check_labels(const struct language_rule *state)
{
    for (struct str rest = state->languages; rest.n;) {
        struct str label = str_cut(&rest, ',');
        if (!str_eq(label, STR("unsure")) && !identifier_has_label(state->model, label))
            return fail_usage("the model has no language '%.*s'", STR_ARG(label));
    }
    return 0;
}

static int prepare_column(struct chain *chain, struct rule *rule)
{
    const struct rule_value *p_column = rule_value(rule, "p_column"), *min_p = rule_value(rule, "min_p");
    if (column_prepare(chain, rule) < 0) return -1;
    if (rule->unserved) return 0;
    if (min_p->given && !p_column->given) return rule_unserved(chain, rule, "min_p= needs p_column=NAME");
    return p_column->given ? rule_needs_column(chain, rule, p_column->text) : 0;
}

/* winnow's own model stands in for a named one where that is allowed by its name alone. */
static int prepare_model(struct chain *chain, struct rule *rule, struct language_rule *state)
{
    const struct rule_value *path = rule_value(rule, "model"), *needs = rule_value(rule, "needs");
    bool allowed = !needs->given;
    for (size_t i = 0; i < chain->substitute_count && !path->given && !allowed; i++)
        if (str_eq(str_from(chain->substitutes[i]), STR(IDENTIFIER_OWN_NAME))) {
            allowed = true;
            rule->substitute = arena_printf(&chain->arena, IDENTIFIER_OWN_NAME " for %.*s", STR_ARG(needs->text));
            if (!rule->substitute) return -1;
        }
    if (!path->given && !allowed)
        return rule_unserved(chain, rule, "needs model=FILE or column=NAME, or --allow-substitute " IDENTIFIER_OWN_NAME);
    if (open_model(chain, path->given ? path->text : STR(""), state) < 0 || check_labels(state) < 0) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    return 0;
}

/* Rules behind this one, and stages behind this filter, find what it told in a column. */
static int prepare_telling(struct chain *chain, struct rule *rule, struct language_rule *state)
{
    state->named = rule_value(rule, "named")->text;
    state->told = chain_column(chain, STR(FILTER_LANGUAGE_COLUMN));
    if (state->told == SIZE_MAX) return -1;
    chain->tells_language = state->tells = true;
    if (!state->named.n) return rule_set_bound(chain, rule, "all, told");
    return rule_set_bound(chain, rule, "all, told: %.*s, other, none", STR_ARG(state->named));
}

int text_language_prepare(struct chain *chain, struct rule *rule)
{
    const struct rule_value *min_p = rule_value(rule, "min_p");
    struct language_rule *state = arena_alloc(&chain->arena, sizeof *state);
    if (!state) return -1;
    *state = (struct language_rule){.by_column = rule_value(rule, "column")->given, .lower = rule_value(rule, "lower")->flag,
                                    .has_least = min_p->given, .languages = rule_value(rule, "lang")->text};
    rule->state = state;
    if ((state->by_column ? prepare_column(chain, rule) : prepare_model(chain, rule, state)) < 0) return -1;
    if (rule->unserved) return 0;
    rule->bounds = (struct bounds){.has_low = min_p->given, .low = min_p->number};
    struct str lang = state->languages;
    if (!lang.n) return prepare_telling(chain, rule, state);
    return rule_set_bound(chain, rule, min_p->given ? "%.*s with p>=%.*s" : "%.*s", STR_ARG(lang), STR_ARG(min_p->text));
}

static int ask_model(const struct rule *rule, struct filter_row *row, struct identified *found)
{
    const struct language_rule *state = rule->state;
    struct str text;
    struct identifier_work *work = row_identifier_work(row, state->model, state->index);
    if (!work || (state->lower ? row_lower(row, rule->form, &text) : row_form(row, rule->form, &text)) < 0) return -1;
    return identifier_ask(state->model, work, text, 1, found);
}

/* "zh-Latn" is a language, and how it is written: LAION asks for the first alone. */
static struct str told_label(const struct language_rule *state, struct str label, bool likely)
{
    if (!state->named.n) return label;
    struct str rest = label, language = str_cut(&rest, '-');
    if (!label.n || !likely || str_eq(label, STR("unsure")) || str_eq(label, STR("none"))) return STR("none");
    return is_among(language, state->named) ? language : STR("other");
}

int text_language_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct language_rule *state = rule->state;
    struct identified found = {.label = STR_ABSENT};
    bool likely = !state->has_least;
    double p;
    if (state->by_column) {
        found.label = rule_cell(rule, row, 0);
        if (!likely) likely = str_to_double(rule_cell(rule, row, 1), &p) == 0 && bounds_hold_number(&rule->bounds, p);
    } else {
        if (ask_model(rule, row, &found) < 0) return -1;
        if (!likely) likely = bounds_hold_number(&rule->bounds, (double)found.p);
    }
    if (state->tells) {
        struct str told = told_label(state, found.label, likely);
        row->cells[state->told] = row->language = told.p ? told : STR("");
        return answer_text(result, true, told);
    }
    bool keep = is_among(found.label, state->languages) && likely;
    return answer_text(result, keep, found.label.n ? found.label : STR("none"));
}
