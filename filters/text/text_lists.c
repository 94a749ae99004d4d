/* Rules that hold a text against a list: words that must not occur, words that must be known, boilerplate at the ends,
 * regular expressions. */
#include "filters/answers.h"
#include "filters/counts/rules.h"
#include "filters/text/boilerplate.h"
#include "filters/text/forms.h"
#include "filters/text/patterns.h"
#include "filters/text/phrases.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

/* ---- text.blocklist ---- */

enum match { MATCH_TOKEN, MATCH_PADDED, MATCH_SUBSTRING }; /* the order of the parameter's choices */
struct blocklist {
    enum match match;
    bool lower;
    struct phrases *phrases, *exceptions;               /* of whole words; no exceptions: NULL */
    struct substrings *substrings, *substring_exceptions; /* of MATCH_SUBSTRING */
};

void text_blocklist_release(void *state)
{
    struct blocklist *b = state;
    phrases_free(b->phrases);
    phrases_free(b->exceptions);
    substrings_free(b->substrings);
    substrings_free(b->substring_exceptions);
    free(b);
}

static int prepare_lists(struct blocklist *b, const struct entries *entries, const struct entries *exceptions)
{
    if (b->match == MATCH_SUBSTRING) {
        b->substrings = substrings_new(entries->items, entries->count);
        if (exceptions->count) b->substring_exceptions = substrings_new(exceptions->items, exceptions->count);
        return b->substrings && (b->substring_exceptions || !exceptions->count) ? 0 : -1;
    }
    b->phrases = phrases_new(entries->items, NULL, entries->count);
    if (exceptions->count) b->exceptions = phrases_new(exceptions->items, NULL, exceptions->count);
    return b->phrases && (b->exceptions || !exceptions->count) ? 0 : -1;
}

int text_blocklist_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries, exceptions;
    bool lower = !rule_value(rule, "case")->flag;
    if (rule_entries(chain, rule, lower, &entries) < 0 || rule_exceptions(chain, rule, lower, &exceptions) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE or words=");
    struct blocklist *b = calloc(1, sizeof *b);
    if (!b) return fail_memory();
    rule->state = b;
    b->match = (enum match)rule_value(rule, "match")->choice;
    b->lower = lower;
    return prepare_lists(b, &entries, &exceptions) < 0 ? -1 : rule_set_bound(chain, rule, "no hit");
}

/* Words with one space between, as one text, since an entry may have several words. */
static int joined_words(struct filter_row *row, const struct rule *rule, bool lower, struct words *words)
{
    if (row_words(row, rule->form, SPLIT_NLP, lower, words) < 0) return -1;
    size_t bytes = 0;
    for (size_t i = 0; i < words->count; i++) bytes += words->list[i].n + 1;
    char *p = arena_alloc(&row->arena, bytes + 1);
    struct str *list = arena_alloc(&row->arena, (words->count + 1) * sizeof *list);
    if (!p || !list) return -1;
    for (size_t i = 0; i < words->count; i++) {
        list[i] = str_of(memcpy(p, words->list[i].p, words->list[i].n), words->list[i].n);
        p += list[i].n;
        *p++ = ' ';
    }
    words->list = list;
    return 0;
}

/* The pieces between single spaces, empty ones too: " entry " occurs in " text " exactly when a run of them is the entry. */
static int padded_pieces(struct filter_row *row, struct str text, struct words *words)
{
    size_t count = 1, i = 0;
    for (size_t at = 0; at < text.n; at++) count += text.p[at] == ' ';
    struct str *list = arena_alloc(&row->arena, count * sizeof *list);
    if (!list) return -1;
    for (struct str rest = text; rest.p && i < count;) list[i++] = str_cut(&rest, ' ');
    *words = (struct words){list, i};
    return 0;
}

enum { TAKEN_OUT = 0xFF }; /* in no text: it is not UTF-8 */

/* Overwrites what the exceptions match, in a copy of the text that the words are slices of. */
static int take_out_words(struct filter_row *row, const struct phrases *exceptions, struct words *words)
{
    struct str last = words->count ? words->list[words->count - 1] : STR("");
    struct str text = words->count ? str_of(words->list[0].p, (size_t)(last.p + last.n - words->list[0].p)) : last;
    char *copy = arena_alloc(&row->arena, text.n + 1);
    struct str *list = arena_alloc(&row->arena, (words->count + 1) * sizeof *list);
    if (!copy || !list) return -1;
    memcpy(copy, text.p, text.n);
    for (size_t i = 0; i < words->count; i++) list[i] = str_of(copy + (words->list[i].p - text.p), words->list[i].n);
    for (size_t i = 0, end = 0; i < words->count; i++) {
        size_t run = phrases_run(exceptions, words->list + i, words->count - i);
        if (i + run > end) end = i + run;
        if (i < end) memset(copy + (list[i].p - copy), TAKEN_OUT, list[i].n);
    }
    words->list = list;
    return 0;
}

static int take_out_substrings(struct filter_row *row, const struct substrings *exceptions, struct str *text)
{
    char *copy = arena_alloc(&row->arena, text->n + 1);
    if (!copy) return -1;
    memcpy(copy, text->p, text->n);
    for (struct str rest = *text, found; (found = substrings_find(exceptions, rest)).p;) {
        memset(copy + (found.p - text->p), TAKEN_OUT, found.n);
        rest = str_from_at(rest, (size_t)(found.p + found.n - rest.p));
    }
    *text = str_of(copy, text->n);
    return 0;
}

int text_blocklist_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct blocklist *b = rule->state;
    struct str text, hit;
    struct words words;
    if ((b->lower ? row_lower(row, rule->form, &text) : row_form(row, rule->form, &text)) < 0) return -1;
    if (b->match == MATCH_SUBSTRING) {
        if (b->substring_exceptions && take_out_substrings(row, b->substring_exceptions, &text) < 0) return -1;
        hit = substrings_find(b->substrings, text);
    } else {
        if ((b->match == MATCH_TOKEN ? joined_words(row, rule, b->lower, &words) : padded_pieces(row, text, &words)) < 0) return -1;
        if (b->exceptions && take_out_words(row, b->exceptions, &words) < 0) return -1;
        hit = phrases_find(b->phrases, words.list, words.count);
    }
    return answer_text(result, !hit.p, hit);
}

/* ---- text.vocab ---- */

int text_vocab_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, false, &entries) < 0) return -1;
    if (entries.count == 0 && rule->place != PLACE_COUNTS)
        return rule_unserved(chain, rule, "needs list=FILE: words with their count behind a tab; or at=counts, for the input's own counts");
    if (entries.count == 0) {
        if (vocab_prepare_tables(chain, rule) < 0) return -1;
        return rule_set_bound(chain, rule, "every count >= %llu", rule->count_count ? (unsigned long long)rule->counts[0].over + 1 : 0);
    }
    uint64_t *values = arena_alloc(&chain->arena, entries.count * sizeof *values);
    if (!values) return -1;
    for (size_t i = 0; i < entries.count; i++) {
        double n = entries.numbers ? entries.numbers[i] : 0;
        values[i] = n > 0 && n < 0x1p63 ? (uint64_t)n : 0;
    }
    rule->state = phrases_new(entries.items, values, entries.count);
    if (!rule->state) return -1;
    return rule_set_bound(chain, rule, "every count >= %lld", (long long)rule_value(rule, "min_count")->number.units);
}

static bool holds_a_letter(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (ascii_is_alpha(word.p[i]) || (unsigned char)word.p[i] >= 0x80) return true;
    return false;
}

static int is_known(const struct rule *rule, struct filter_row *row, bool bigram, struct str entry, uint64_t min_count, bool *known)
{
    uint64_t count;
    if (!rule->state) return vocab_known(rule, row, bigram, entry, known);
    *known = phrases_value(rule->state, entry, &count) && count >= min_count;
    return 0;
}

int text_vocab_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    uint64_t min_count = (uint64_t)rule_value(rule, "min_count")->number.units;
    bool numbers_pass = rule_value(rule, "numbers_pass")->flag, known;
    bool bigrams = rule->state ? rule_value(rule, "bigrams")->choice != BIGRAMS_NO : rule->count_count > 1;
    if (joined_words(row, rule, true, &words) < 0) return -1;
    for (size_t i = 0; i < words.count; i++) {
        bool exempt = numbers_pass && !holds_a_letter(words.list[i]);
        if (!exempt && is_known(rule, row, false, words.list[i], min_count, &known) < 0) return -1;
        if (!exempt && !known) return answer_text(result, false, words.list[i]);
        if (!bigrams || i == 0) continue;
        struct str pair = str_of(words.list[i - 1].p, words.list[i - 1].n + 1 + words.list[i].n);
        if (is_known(rule, row, true, pair, min_count, &known) < 0) return -1;
        if (!known) return answer_text(result, false, pair);
    }
    return 0;
}

/* ---- text.crop, text.edge_drop ---- */

int text_boilerplate_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries, exceptions;
    if (rule_entries(chain, rule, true, &entries) < 0 || rule_exceptions(chain, rule, true, &exceptions) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE or words=");
    struct boilerplate *b = arena_alloc(&chain->arena, sizeof *b); /* nothing to release: all of it lies in the chain's arena */
    if (!b) return -1;
    *b = (struct boilerplate){entries.items, exceptions.items, entries.count, exceptions.count};
    rule->state = b;
    return rule_set_bound(chain, rule, rule->filter->changes_text ? "cropped" : "not at either end");
}

int text_crop_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct boilerplate *b = rule->state;
    struct str text;
    if (row_form(row, FORM_TEXT, &text) < 0) return -1;
    struct str cropped = boilerplate_crop(text, b);
    if (cropped.n < text.n) filter_row_set_text(row, cropped);
    result->kind = MEASURED_COUNT;
    result->part = cropped.n < text.n;
    return 0;
}

int text_edge_drop_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct boilerplate *b = rule->state;
    struct str text;
    if (row_form(row, rule->form, &text) < 0) return -1;
    struct str hit = boilerplate_begins(text, b);
    if (!hit.n) hit = boilerplate_ends(text, b);
    return answer_text(result, !hit.n, hit);
}

/* ---- text.pattern, url.pattern ---- */

void text_patterns_release(void *state) { patterns_free(state); }

int text_pattern_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, false, &entries) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE or pattern=");
    rule->state = patterns_new(entries.items, entries.count, !rule_value(rule, "case")->flag);
    if (!rule->state) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    return rule_set_bound(chain, rule, rule_value(rule, "keep")->choice ? "a match" : "no match");
}

static int decide_pattern(const struct rule *rule, struct filter_row *row, struct str text, struct filter_result *result)
{
    struct patterns_room *room = filter_row_patterns(row);
    struct str found;
    if (!room) return -1;
    bool keep_matches = rule_value(rule, "keep")->choice;
    switch (patterns_find(rule->state, room, text, &found)) {
    case PATTERN_NONE: return answer_text(result, !keep_matches, STR(""));
    case PATTERN_FOUND: return answer_text(result, keep_matches, found);
    case PATTERN_GAVE_UP: break;
    }
    return answer_text(result, false, STR("match limit")); /* what cannot be checked is not kept */
}

int text_pattern_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str text;
    if (row_form(row, rule->form, &text) < 0) return -1;
    return decide_pattern(rule, row, text, result);
}

int url_pattern_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    return decide_pattern(rule, row, row->cells[SLOT_URL], result);
}
