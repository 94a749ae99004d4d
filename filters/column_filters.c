#include "filters/column_filters.h"

#include "filters/answers.h"

int column_prepare(struct chain *chain, struct rule *rule)
{
    const struct rule_value *column = rule_value(rule, "column");
    if (!column->given || !column->text.n) return rule_unserved(chain, rule, "needs column=NAME");
    return rule_needs_column(chain, rule, column->text);
}

int score_choose_text_prepare(struct chain *chain, struct rule *rule)
{
    if (column_prepare(chain, rule) < 0) return -1;
    return rule->unserved ? 0 : rule_needs_column(chain, rule, STR("text_choice"));
}

int score_range_prepare(struct chain *chain, struct rule *rule)
{
    const struct rule_value *plus = rule_value(rule, "plus");
    if (column_prepare(chain, rule) < 0) return -1;
    return plus->given && !rule->unserved ? rule_needs_column(chain, rule, plus->text) : 0;
}

int score_range_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    double number, more;
    if (rule->slot_count < 2) return column_range_decide(rule, row, result);
    if (str_to_double(rule_cell(rule, row, 0), &number) < 0 || str_to_double(rule_cell(rule, row, 1), &more) < 0)
        return answer_text(result, false, STR("absent"));
    return answer_number(rule, result, number + more);
}

/* Whole numbers are compared as such, the rest as doubles. */
int column_range_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str cell = rule_cell(rule, row, 0);
    uint64_t whole;
    double number;
    if (rule_cell_u64(rule, row, 0, &whole) == 0) return answer_count(rule, result, whole);
    if (str_to_double(cell, &number) == 0) return answer_number(rule, result, number);
    const struct rule_value *absent = rule_value(rule, "absent");
    return answer_text(result, !cell.n && absent && absent->choice, cell.n ? cell : STR("absent"));
}

static bool is_among(struct str value, struct str words)
{
    for (struct str rest = words; rest.p;)
        if (str_eq(str_cut(&rest, ','), value)) return true;
    return false;
}

int column_label_prepare(struct chain *chain, struct rule *rule)
{
    struct str allow = rule_value(rule, "allow")->text, deny = rule_value(rule, "deny")->text;
    if (column_prepare(chain, rule) < 0) return -1;
    if (allow.n) return rule_set_bound(chain, rule, "one of %.*s", STR_ARG(allow));
    return rule_set_bound(chain, rule, deny.n ? "none of %.*s" : "%.*s", STR_ARG(deny));
}

int column_label_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str label = rule_cell(rule, row, 0), allow = rule_value(rule, "allow")->text, deny = rule_value(rule, "deny")->text;
    bool keep = (!allow.n || is_among(label, allow)) && (!deny.n || !is_among(label, deny));
    return answer_text(result, keep, label.n ? label : STR("absent"));
}

int corpus_first_prepare(struct chain *chain, struct rule *rule)
{
    return rule_unserved(chain, rule, "run winnow dedup --by %.*s instead", STR_ARG(rule_value(rule, "key")->text));
}
