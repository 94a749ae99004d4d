/* Rules about names and personal data: <PERSON>, hypernyms, masks. All but the count of personal data rewrite the text. */
#include "filters/answers.h"
#include "filters/language/hypernyms.h"
#include "filters/language/pii.h"
#include "filters/language/tagger.h"
#include "filters/preset.h"
#include "filters/text/forms.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/fail.h"
#include "pipeline/rows/batch.h"

#include <stdlib.h>

/* The chain's tagger, which must be the one that knows names. *english is NULL where another was chosen: the rule is unserved. */
static int open_english(struct chain *chain, struct rule *rule, const struct english **english)
{
    if (!chain->tagger && !(chain->tagger = tagger_open(STR("english")))) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    *english = tagger_english(chain->tagger);
    return *english ? 0 : rule_unserved(chain, rule, "needs the tagger 'english', and the chain has another");
}

static int keep_text(struct filter_row *row, const struct buf *made)
{
    struct str text = made->n ? arena_copy(&row->arena, buf_str(made)) : STR("");
    if (!text.p) return -1;
    filter_row_set_text(row, text);
    return 0;
}

static int answer_changes(struct filter_result *result, size_t count)
{
    result->kind = MEASURED_COUNT;
    result->part = count;
    result->whole = 1;
    return 0;
}

/* ---- text.person_names */

int text_person_names_prepare(struct chain *chain, struct rule *rule)
{
    const struct english *english;
    if (open_english(chain, rule, &english) < 0) return -1;
    if (rule->unserved) return 0;
    rule->state = chain->tagger;
    return rule_set_bound(chain, rule, "replaced");
}

static int mask_persons(struct buf *out, struct str text, const struct english_token *tokens, size_t count, size_t *found)
{
    uint32_t written = 0;
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].entity != ENTITY_B_PER) continue;
        size_t end = i + 1;
        while (end < count && tokens[end].entity == ENTITY_I_PER) end++;
        if (buf_add(out, str_of(text.p + written, tokens[i].start - written)) < 0 || buf_add(out, STR("<PERSON>")) < 0) return -1;
        written = tokens[end - 1].end;
        i = end - 1;
        ++*found;
    }
    return *found ? buf_add(out, str_from_at(text, written)) : 0;
}

int text_person_names_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct tagger *tagger = rule->state;
    struct tagger_work *work = row_tagger_work(row, tagger);
    const struct english_token *tokens;
    size_t count, found = 0;
    struct str text;
    if (!work || row_form(row, FORM_TEXT, &text) < 0) return -1;
    if (english_tag(tagger_english(tagger), tagger_english_work(work), text, ENGLISH_ENTITIES, &tokens, &count) < 0) return -1;
    struct buf *out = text_memo_buffer(row->memo);
    if (mask_persons(out, text, tokens, count, &found) < 0 || (found && keep_text(row, out) < 0)) return -1;
    return answer_changes(result, found);
}

/* ---- text.hypernyms */

struct hypernyms {
    const struct tagger *tagger;
    struct entity_table *table;
    uint64_t least; /* words that must be left; 0: any */
};

void text_hypernyms_release(void *state)
{
    struct hypernyms *h = state;
    entity_table_free(h->table);
    free(h);
}

static struct entity_table *read_table(const struct rule *rule, struct str name)
{
    char path[PRESET_PATH_MAX];
    struct buf bytes;
    buf_init(&bytes, ENTITY_TABLE_BYTES_MOST);
    struct entity_table *table = NULL;
    if (preset_find_list(name, rule->file, path) == 0 && buf_read_file(&bytes, path) == 0) table = entity_table_read(buf_str(&bytes), path);
    buf_free(&bytes);
    return table;
}

int text_hypernyms_prepare(struct chain *chain, struct rule *rule)
{
    const struct rule_value *table = rule_value(rule, "table"), *least = rule_value(rule, "least");
    const struct english *english;
    if (!table->given) return rule_unserved(chain, rule, "needs table=FILE: names, a tab, what they are; the text stays as it is");
    if (open_english(chain, rule, &english) < 0) return -1;
    if (rule->unserved) return 0;
    struct hypernyms *h = calloc(1, sizeof *h);
    if (!h) return fail_memory();
    rule->state = h;
    h->tagger = chain->tagger;
    h->table = read_table(rule, table->text);
    if (!h->table) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    h->least = least->given ? (uint64_t)least->number.units : 0;
    return h->least ? rule_set_bound(chain, rule, ">=%llu", (unsigned long long)h->least) : rule_set_bound(chain, rule, "replaced");
}

int text_hypernyms_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct hypernyms *h = rule->state;
    struct tagger_work *work = row_tagger_work(row, h->tagger);
    struct str text;
    struct buf entities;
    size_t replaced;
    if (!work || row_form(row, FORM_TEXT, &text) < 0) return -1;
    struct buf *out = text_memo_buffer(row->memo);
    buf_init(&entities, CELL_BYTES_MAX);
    int applied = hypernyms_apply(h->table, tagger_english(h->tagger), tagger_english_work(work), text, out, &entities, &replaced);
    if (applied == 0) row->entities = entities.n ? arena_copy(&row->arena, buf_str(&entities)) : STR("");
    buf_free(&entities);
    if (applied < 0 || !row->entities.p) return -1;
    if (!str_eq(text, buf_str(out)) && keep_text(row, out) < 0) return -1;
    size_t words = 0;
    if (h->least && row_word_count(row, FORM_TEXT, SPLIT_NLP, &words) < 0) return -1;
    if (words >= h->least) return answer_changes(result, replaced);
    result->answer = FILTER_DROP;
    return answer_changes(result, words);
}

/* ---- text.pii */

struct pii_rule {
    bool kinds[PII_KINDS];
    bool mask, limited;
    uint64_t most;
};

int text_pii_prepare(struct chain *chain, struct rule *rule)
{
    struct pii_rule *p = arena_alloc(&chain->arena, sizeof *p);
    if (!p) return -1;
    *p = (struct pii_rule){.mask = rule_value(rule, "mask")->flag};
    for (struct str rest = rule_value(rule, "kinds")->text; rest.n;) {
        struct str name = str_trim(str_cut(&rest, ','));
        size_t kind = 0;
        while (kind < PII_KINDS && !str_eq_nocase(name, str_from(pii_names[kind]))) kind++;
        if (kind == PII_KINDS) return fail_usage("%s: no kind '%.*s': email, iban, card, ssn, id, ipv4 and phone are", rule->name, STR_ARG(name));
        p->kinds[kind] = true;
    }
    rule->state = p;
    const struct rule_value *most = rule_value(rule, "most");
    p->limited = most->given;
    p->most = most->given ? (uint64_t)most->number.units : 0;
    if (most->given) return rule_set_bound(chain, rule, "<=%llu", (unsigned long long)p->most);
    return rule_set_bound(chain, rule, p->mask ? "masked" : "counted");
}

int text_pii_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct pii_rule *p = rule->state;
    struct str text;
    if (row_form(row, p->mask ? FORM_TEXT : rule->form, &text) < 0) return -1;
    struct pii_span *spans = arena_alloc(&row->arena, pii_spans_most(text) * sizeof *spans);
    if (!spans) return -1;
    size_t count = pii_find(text, spans, pii_spans_most(text)), kept = 0;
    for (size_t i = 0; i < count; i++)
        if (p->kinds[spans[i].kind]) spans[kept++] = spans[i];
    if (p->mask && kept) {
        struct buf *out = text_memo_buffer(row->memo);
        if (pii_mask(out, text, spans, kept) < 0 || keep_text(row, out) < 0) return -1;
    }
    if (p->limited && kept > p->most) result->answer = FILTER_DROP;
    return answer_changes(result, kept);
}
