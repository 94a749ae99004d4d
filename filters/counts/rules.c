#include "filters/counts/rules.h"

#include "filters/answers.h"
#include "filters/column_filters.h"
#include "filters/counts/lookup.h"
#include "filters/text/forms.h"
#include "pipeline/base/hash.h"

/* The rule reads a table that tells what is over `over`; where there is none it is unserved. */
static int need_counts(struct chain *chain, struct rule *rule, enum count_kind kind, uint64_t over)
{
    const char *what = count_kind_about(kind)->what;
    if (!chain->plans_counts && !count_lookups_have(chain->lookups, kind))
        return rule_unserved(chain, rule, "needs --counts with a table of 'winnow count --what %s'", what);
    if (!chain->plans_counts && !count_lookups_answer(chain->lookups, kind, over))
        return rule_unserved(chain, rule, "the table of %s tells only what is over a larger bound than %llu", what, (unsigned long long)over);
    rule->counts[rule->count_count++] = (struct rule_count){kind, over};
    return 0;
}

/* ---- corpus.* */

static enum count_kind kind_of(const struct rule *rule)
{
    const struct rule_value *by = rule_value(rule, "by"), *form = rule_value(rule, "form");
    if (by) return by->choice ? COUNT_TEXTS_PER_SHA256 : COUNT_TEXTS_PER_IMAGE; /* url|sha256 */
    if (form) return form->choice ? COUNT_IMAGES_PER_TEXT_FOLDED : COUNT_IMAGES_PER_TEXT; /* text|folded */
    return COUNT_URLS;
}

int corpus_count_prepare(struct chain *chain, struct rule *rule)
{
    if (rule_value(rule, "column")->given) return column_prepare(chain, rule);
    enum count_kind kind = kind_of(rule);
    bool of_text = kind == COUNT_IMAGES_PER_TEXT || kind == COUNT_IMAGES_PER_TEXT_FOLDED;
    if (rule_needs_column(chain, rule, of_text ? STR("text") : kind == COUNT_TEXTS_PER_SHA256 ? STR("sha256") : STR("url")) < 0) return -1;
    return need_counts(chain, rule, kind, (uint64_t)rule->bounds.high.units);
}

static int key_of(enum count_kind kind, struct filter_row *row, const struct rule *rule, struct str *key)
{
    switch (kind) {
    case COUNT_IMAGES_PER_TEXT: return counts_text(text_memo_buffer(row->memo), row->cells[SLOT_TEXT], row->cells[SLOT_TEXT_RAW], key);
    case COUNT_IMAGES_PER_TEXT_FOLDED: return row_form(row, FORM_FOLDED, key);
    default: *key = rule_cell(rule, row, 0); return 0;
    }
}

static int find(const struct rule *rule, struct filter_row *row, enum count_kind kind, struct str key, uint64_t *count)
{
    if (!row->counts && !(row->counts = count_cache_new())) return -1;
    return count_lookups_find(rule->lookups, row->counts, kind, hash_xxh3_128(key, 0), count);
}

int corpus_count_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    if (!rule->count_count) return column_range_decide(rule, row, result);
    struct str key;
    uint64_t count = 0;
    enum count_kind kind = rule->counts[0].kind;
    if (key_of(kind, row, rule, &key) < 0 || (key.n && find(rule, row, kind, key, &count) < 0)) return -1;
    return answer_count(rule, result, count);
}

/* ---- corpus.entity_count */

/* Names become entities in one walk over the rows, and are counted when it is done: a plan has the table where the two walks are at
 * different places. */
static bool plans_entities(const struct chain *chain, const struct rule *rule)
{
    for (size_t i = 0; chain->plans_counts && i < chain->count; i++) {
        const struct rule *r = chain->rules[i];
        if (r->filter->names_entities && rule_is_asked(r) && r->place < rule->place) return true;
    }
    return false;
}

int corpus_entities_prepare(struct chain *chain, struct rule *rule)
{
    if (rule_value(rule, "column")->given) return column_prepare(chain, rule);
    if (chain->plans_counts ? !plans_entities(chain, rule) : !count_lookups_have(chain->lookups, COUNT_ENTITIES))
        return rule_unserved(chain, rule, "needs --counts with a table of 'winnow count --what entities' over what text.hypernyms wrote");
    if (rule_needs_column(chain, rule, STR("entities")) < 0) return -1;
    uint64_t least = (uint64_t)rule->bounds.low.units;
    return need_counts(chain, rule, COUNT_ENTITIES, least ? least - 1 : 0);
}

int corpus_entities_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    if (!rule->count_count) return column_range_decide(rule, row, result);
    struct str entities = rule_cell(rule, row, 0);
    uint64_t least = UINT64_MAX, count;
    while (entities.n) {
        struct str entity = str_cut(&entities, COUNT_ENTITY_SEPARATOR);
        if (!entity.n) continue;
        if (find(rule, row, COUNT_ENTITIES, entity, &count) < 0) return -1;
        if (count < least) least = count;
    }
    return least == UINT64_MAX ? 0 : answer_count(rule, result, least);
}

/* ---- text.vocab */

/* `top`: only so many of the most frequent words, and pairs where they are asked, are known, and those as frequent as the last. */
static int limit_to_top(struct chain *chain, struct rule *rule)
{
    uint64_t top = (uint64_t)rule_value(rule, "top")->number.units, least = 0;
    unsigned kinds = 0;
    for (size_t i = 0; i < rule->count_count; i++) kinds |= 1u << rule->counts[i].kind;
    if (!top || chain->plans_counts) return 0;
    if (count_lookups_rank(chain->lookups, kinds, top, &least) < 0) return -1;
    for (size_t i = 0; i < rule->count_count; i++)
        if (least > rule->counts[i].over) rule->counts[i].over = least - 1;
    return 0;
}

int vocab_prepare_tables(struct chain *chain, struct rule *rule)
{
    uint64_t min_count = (uint64_t)rule_value(rule, "min_count")->number.units, over = min_count ? min_count - 1 : 0;
    unsigned bigrams = rule_value(rule, "bigrams")->choice;
    if (need_counts(chain, rule, COUNT_UNIGRAMS, over) < 0 || rule->unserved) return rule->unserved ? 0 : -1;
    bool small = !chain->plans_counts && count_lookups_total(chain->lookups, COUNT_UNIGRAMS) <= BIGRAMS_FROM_TOKENS;
    if (bigrams == BIGRAMS_YES || (bigrams == BIGRAMS_AUTO && !small)) {
        if (need_counts(chain, rule, COUNT_BIGRAMS, over) < 0) return -1;
        if (rule->unserved) return 0;
    }
    return limit_to_top(chain, rule);
}

int vocab_known(const struct rule *rule, struct filter_row *row, bool bigram, struct str ngram, bool *known)
{
    uint64_t count = 0;
    if (find(rule, row, bigram ? COUNT_BIGRAMS : COUNT_UNIGRAMS, ngram, &count) < 0) return -1;
    *known = count > rule->counts[bigram].over;
    return 0;
}

/* ---- which tables */

void chain_counts_wanted(const struct chain *chain, uint64_t wanted[COUNT_KINDS])
{
    for (int i = 0; i < COUNT_KINDS; i++) wanted[i] = 0;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        for (size_t n = 0; rule_is_asked(rule) && n < rule->count_count; n++) {
            uint64_t *want = &wanted[rule->counts[n].kind], asked = rule->counts[n].over + 1;
            if (!*want || asked < *want) *want = asked;
        }
    }
}
