/* DataComp's text-based filter: a word whose first synset is listed. */
#include "filters/answers.h"
#include "filters/language/synsets.h"
#include "filters/preset.h"
#include "filters/text/forms.h"
#include "filters/text/text_filters.h"

void text_synset_release(void *state) { synsets_close(state); }

int text_synset_prepare(struct chain *chain, struct rule *rule)
{
    const struct rule_value *list = rule_value(rule, "list"), *folder = rule_value(rule, "wordnet");
    char path[PRESET_PATH_MAX];
    if (!list->given || !list->text.n) return rule_unserved(chain, rule, "needs list=FILE, a synset a line");
    const char *wordnet = arena_c_string(&chain->arena, folder->text);
    if (!wordnet || preset_find_list(list->text, rule->file, path) < 0 || !(rule->state = synsets_open(wordnet, path))) return -1;
    return rule_set_bound(chain, rule, "a word of a listed synset");
}

int text_synset_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    if (row_words(row, rule->form, rule->split, true, &words) < 0) return -1;
    for (size_t i = 0; i < words.count; i++)
        if (synsets_has(rule->state, words.list[i])) return answer_text(result, true, words.list[i]);
    return answer_text(result, false, STR("none"));
}
