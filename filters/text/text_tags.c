/* Rules over parts of speech, all by one tagger a chain (filters/language/tagger.h). */
#include "filters/answers.h"
#include "filters/language/tagger.h"
#include "filters/text/forms.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/fail.h"

static const struct {
    const char *parameter;
    enum tag tag;
} classes[] = {{"determiner", TAG_DETERMINER}, {"noun", TAG_NOUN}, {"preposition", TAG_PREPOSITION}};

int text_tags_prepare(struct chain *chain, struct rule *rule)
{
    if (!chain->tagger && !(chain->tagger = tagger_open(rule_value(rule, "tagger")->text))) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    rule->state = chain->tagger;
    if (!rule_value(rule, "noun")) return 0; /* text.noun_ratio: its bound is min and max */
    char bound[64] = "";
    for (size_t i = 0, n = 0; i < sizeof classes / sizeof *classes; i++)
        if (rule_value(rule, classes[i].parameter)->flag)
            n += (size_t)snprintf(bound + n, sizeof bound - n, "%s%s", n ? ", " : "", classes[i].parameter);
    if (!*bound) return fail_usage("%s: asks for none of determiner, noun, preposition", rule->name);
    return rule_set_bound(chain, rule, "%s", bound);
}

int text_has_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    const uint16_t *tags;
    if (row_tags(row, rule->form, rule->state, &words, &tags) < 0) return -1;
    unsigned present = 0;
    for (size_t i = 0; i < words.count; i++) present |= tags[i];
    static const char *const missing[] = {"no determiner", "no noun", "no preposition"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (rule_value(rule, classes[i].parameter)->flag && !(present & classes[i].tag))
            return answer_text(result, false, str_from(missing[i]));
    return 0;
}

int text_noun_ratio_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    const uint16_t *tags;
    if (row_tags(row, rule->form, rule->state, &words, &tags) < 0) return -1;
    size_t nouns = 0;
    for (size_t i = 0; i < words.count; i++) nouns += (tags[i] & TAG_NOUN) != 0;
    return answer_share(rule, result, nouns, words.count, 0);
}
