/* Rules over parts of speech, all by one tagger a chain (filters/language/tagger.h). */
#include "filters/answers.h"
#include "filters/language/tagger.h"
#include "filters/text/forms.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/fail.h"

static const struct {
    const char *parameter;
    unsigned tag;
    struct str missing;
} classes[] = {{"determiner", TAG_DETERMINER, {"no determiner", 13}},
               {"noun", TAG_NOUN, {"no noun", 7}},
               {"preposition", TAG_PREPOSITION, {"no preposition", 14}}};

struct wanted {
    const struct tagger *tagger;
    unsigned tags; /* of text.has */
};

int text_tags_prepare(struct chain *chain, struct rule *rule)
{
    if (!chain->tagger && !(chain->tagger = tagger_open(rule_value(rule, "tagger")->text))) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    struct wanted *wanted = rule->state = arena_alloc(&chain->arena, sizeof *wanted);
    if (!wanted) return -1;
    *wanted = (struct wanted){chain->tagger, 0};
    if (!rule_value(rule, "noun")) return 0; /* text.noun_ratio: its bound is a number */
    char bound[64] = "";
    for (size_t i = 0, n = 0; i < sizeof classes / sizeof *classes; i++) {
        if (!rule_value(rule, classes[i].parameter)->flag) continue;
        wanted->tags |= classes[i].tag;
        n += (size_t)snprintf(bound + n, sizeof bound - n, "%s%s", n ? ", " : "", classes[i].parameter);
    }
    if (!*bound) return fail_usage("%s: asks for none of determiner, noun, preposition", rule->name);
    return rule_set_bound(chain, rule, "%s", bound);
}

int text_has_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    const uint16_t *tags;
    const struct wanted *wanted = rule->state;
    if (row_tags(row, rule->form, wanted->tagger, &words, &tags) < 0) return -1;
    unsigned present = 0;
    for (size_t i = 0; i < words.count; i++) present |= tags[i];
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (wanted->tags & ~present & classes[i].tag) return answer_text(result, false, classes[i].missing);
    return 0;
}

int text_noun_ratio_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    const uint16_t *tags;
    const struct wanted *wanted = rule->state;
    if (row_tags(row, rule->form, wanted->tagger, &words, &tags) < 0) return -1;
    size_t nouns = 0;
    for (size_t i = 0; i < words.count; i++) nouns += (tags[i] & TAG_NOUN) != 0;
    return answer_share(rule, result, nouns, words.count, 0);
}
