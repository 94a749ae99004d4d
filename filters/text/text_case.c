/* Capital letters. Scripts without case are in nobody's way: their letters are neither upper nor lower. */
#include "filters/answers.h"
#include "filters/text/forms.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

int text_first_upper_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str text;
    if (row_form(row, rule->form, &text) < 0) return -1;
    for (size_t at = 0; at < text.n;) {
        size_t from = at;
        unsigned classes = unicode_classes(utf8_next(text, &at));
        if (!(classes & UNICODE_LETTER)) continue;
        return answer_text(result, !(classes & UNICODE_LOWER), str_of(text.p + from, at - from));
    }
    return answer_text(result, false, STR("no letter"));
}

int text_cap_ratio_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    if (row_words(row, rule->form, rule->split, false, &words) < 0) return -1;
    size_t capital = 0;
    for (size_t i = 0; i < words.count; i++) {
        size_t at = 0;
        capital += (unicode_classes(utf8_next(words.list[i], &at)) & UNICODE_UPPER) != 0;
    }
    return answer_share(rule, result, capital, words.count, 0);
}
