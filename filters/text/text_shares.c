/* Shares of a text that are of one kind: words in a list, special characters, punctuation marks; and its polarity. */
#include "filters/answers.h"
#include "filters/text/forms.h"
#include "filters/text/measure.h"
#include "filters/text/phrases.h"
#include "filters/text/special.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <math.h>

int text_word_share_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, true, &entries) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE");
    rule->state = phrases_new(entries.items, NULL, entries.count);
    return rule->state ? 0 : -1;
}

int text_word_share_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    if (row_words(row, rule->form, rule->split, true, &words) < 0) return -1;
    size_t listed = 0;
    for (size_t i = 0; i < words.count; i++) listed += phrases_value(rule->state, words.list[i], NULL);
    return answer_share(rule, result, listed, words.count, 0);
}

int text_special_ratio_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str text;
    if (row_form(row, rule->form, &text) < 0) return -1;
    size_t special = 0, all = 0;
    for (size_t at = 0; at < text.n; all++) special += text_is_special(utf8_next(text, &at));
    return answer_share(rule, result, special, all, 0);
}

static bool is_mark(uint32_t c) { return c == ',' || c == ';' || c == ':' || c == '?' || c == '!' || c == '.'; }

/* Marks among the items of the regular expression [\w']+|[,;:?!.]; texts of few items have a share of 1. */
int text_punct_ratio_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str text;
    if (row_form(row, rule->form, &text) < 0) return -1;
    size_t marks = 0, items = 0;
    bool in_word = false;
    for (size_t at = 0; at < text.n;) {
        uint32_t c = utf8_next(text, &at);
        bool word = c == '\'' || c == '_' || (unicode_classes(c) & (UNICODE_LETTER | UNICODE_DIGIT));
        items += (word && !in_word) || is_mark(c);
        marks += is_mark(c);
        in_word = word;
    }
    uint64_t fewest = (uint64_t)rule_value(rule, "min_items")->number.units;
    if (items && items < fewest) return answer_share(rule, result, 1, 1, 1);
    return answer_share(rule, result, marks, items, 0);
}

/* ---- polarity: the sum of the words' valences v, brought into -1..1 as v / sqrt(v² + 15) (VADER's normalisation, without
 * its rules for negation and emphasis). A word that the list has twice counts as it stands last, as there. */

enum { VALENCE_MOST = 1000 };
struct sentiment {
    struct phrases *words; /* the value is the entry's number; of equal words the largest */
    const double *valences;
};

void text_sentiment_release(void *state) { phrases_free(((struct sentiment *)state)->words); }

int text_sentiment_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, true, &entries) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE: words with their valence behind a tab");
    uint64_t *numbers = arena_alloc(&chain->arena, entries.count * sizeof *numbers);
    struct sentiment *s = arena_alloc(&chain->arena, sizeof *s);
    if (!numbers || !s) return -1;
    for (size_t i = 0; i < entries.count; i++) {
        if (!(fabs(entries.numbers[i]) <= VALENCE_MOST)) return fail_usage("%s: '%.*s' has a valence beyond %d", rule->name, STR_ARG(entries.items[i]), VALENCE_MOST);
        numbers[i] = i;
    }
    *s = (struct sentiment){phrases_new(entries.items, numbers, entries.count), entries.numbers};
    rule->state = s->words ? s : NULL;
    return rule->state ? 0 : -1;
}

int text_sentiment_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    if (row_words(row, rule->form, rule->split, true, &words) < 0) return -1;
    const struct sentiment *s = rule->state;
    double sum = 0;
    for (size_t i = 0; i < words.count; i++) {
        uint64_t entry;
        if (phrases_value(s->words, words.list[i], &entry)) sum += s->valences[entry];
    }
    return answer_number(rule, result, sum / sqrt(sum * sum + 15));
}
