/* How long a text is, in characters and in words; and the forms in which other people count. */
#include "filters/answers.h"
#include "filters/text/forms.h"
#include "filters/text/measure.h"
#include "filters/text/text_filters.h"

int text_chars_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str text;
    if (row_form(row, rule->form, &text) < 0) return -1;
    return answer_count(rule, result, measure_code_points(text));
}

int text_words_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    size_t words;
    if (row_word_count(row, rule->form, rule->split, &words) < 0) return -1;
    return answer_count(rule, result, words);
}

int text_clean_prepare(struct chain *chain, struct rule *rule)
{
    return rule_set_bound(chain, rule, "%s", rule_state_value(rule, "write")->flag ? "written" : "counted only");
}

int text_clean_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str text;
    if (row_form(row, rule->form, &text) < 0) return -1;
    if (((const struct rule_value *)rule->state)->flag && !str_eq(text, row->cells[SLOT_TEXT])) filter_row_set_text(row, text);
    result->kind = MEASURED_COUNT;
    result->part = measure_code_points(text);
    return 0;
}
