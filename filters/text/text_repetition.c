/* How much of a text says the same again: distinct words, and n-grams of characters and words (filter-rules §5).
 *
 * Things are told apart by 64 bits of XXH3: of the at most 65,536 in one text, two different ones meet with probability
 * 2^-33. Counting is one hash table in the row's arena, linear in the text whatever it holds. */
#include "filters/answers.h"
#include "filters/text/forms.h"
#include "filters/text/measure.h"
#include "filters/text/phrases.h"
#include "filters/text/text_filters.h"
#include "filters/text/wordlist.h"
#include "pipeline/base/hash.h"

struct tally {
    uint64_t *hashes; /* 0 = free */
    uint32_t *counts;
    size_t mask, distinct, all;
};

static int tally_begin(struct tally *t, struct arena *arena, size_t most)
{
    size_t size = 16;
    while (size < most * 2) size *= 2;
    *t = (struct tally){arena_alloc(arena, size * sizeof *t->hashes), arena_alloc(arena, size * sizeof *t->counts), size - 1, 0, 0};
    if (!t->hashes || !t->counts) return -1;
    memset(t->hashes, 0, size * sizeof *t->hashes);
    return 0;
}

static void tally_add(struct tally *t, uint64_t hash)
{
    if (!hash) hash = 1;
    size_t i = hash & t->mask;
    while (t->hashes[i] && t->hashes[i] != hash) i = (i + 1) & t->mask;
    if (!t->hashes[i]) {
        t->hashes[i] = hash;
        t->counts[i] = 0;
        t->distinct++;
    }
    t->counts[i]++;
    t->all++;
}

static uint64_t hash_of(struct str s) { return hash_xxh3_128(s, 0).low; }

static int tally_words(struct tally *t, struct filter_row *row, const struct rule *rule, const struct phrases *without)
{
    struct words words;
    if (row_words(row, rule->form, rule->split, true, &words) < 0 || tally_begin(t, &row->arena, words.count) < 0) return -1;
    for (size_t i = 0; i < words.count; i++)
        if (!without || !phrases_value(without, words.list[i], NULL)) tally_add(t, hash_of(words.list[i]));
    return 0;
}

int text_unique_ratio_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, true, &entries) < 0) return -1;
    if (entries.count) rule->state = phrases_new(entries.items, NULL, entries.count);
    return entries.count && !rule->state ? -1 : 0;
}

void text_phrases_release(void *state) { phrases_free(state); }

int text_unique_ratio_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct tally t;
    if (tally_words(&t, row, rule, rule->state) < 0) return -1;
    return answer_share(rule, result, t.distinct, t.all, 1);
}

int text_repetition_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct tally t;
    if (tally_words(&t, row, rule, NULL) < 0) return -1;
    return answer_share(rule, result, t.all - t.distinct, t.all, 0);
}

/* The sum of the m largest counts, m = min(floor(sqrt(distinct)), distinct - how many occur once). Counts are sorted by
 * counting them: none exceeds `all`. */
static int sum_of_largest(const struct tally *t, struct arena *arena, uint64_t *sum)
{
    uint32_t *with = arena_alloc(arena, (t->all + 1) * sizeof *with); /* with[c]: things that occur c times */
    if (!with) return -1;
    memset(with, 0, (t->all + 1) * sizeof *with);
    for (size_t i = 0; i <= t->mask; i++)
        if (t->hashes[i]) with[t->counts[i]]++;
    size_t m = 0;
    while ((m + 1) * (m + 1) <= t->distinct) m++;
    if (t->distinct - with[1] < m) m = t->distinct - with[1];
    *sum = 0;
    for (size_t count = t->all; count && m; count--) {
        size_t take = with[count] < m ? with[count] : m;
        *sum += take * count;
        m -= take;
    }
    return 0;
}

int text_char_ngram_rep_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str text;
    struct tally t;
    if (row_form(row, rule->form, &text) < 0) return -1;
    size_t n = (size_t)rule_value(rule, "n")->number.units, characters = measure_code_points(text);
    if (characters < n || n == 0) return answer_share(rule, result, 0, 0, 0);
    if (tally_begin(&t, &row->arena, characters - n + 1) < 0) return -1;
    size_t from = 0, to = 0, inside = 0;
    while (to < text.n) {
        do to++;
        while (to < text.n && ((unsigned char)text.p[to] & 0xC0) == 0x80);
        if (++inside < n) continue;
        tally_add(&t, hash_of(str_of(text.p + from, to - from)));
        do from++;
        while (from < text.n && ((unsigned char)text.p[from] & 0xC0) == 0x80);
    }
    uint64_t repeated;
    if (sum_of_largest(&t, &row->arena, &repeated) < 0) return -1;
    return answer_share(rule, result, repeated, t.all, 0);
}

int text_word_ngram_rep_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    struct tally t;
    if (row_words(row, rule->form, rule->split, true, &words) < 0) return -1;
    size_t n = (size_t)rule_value(rule, "n")->number.units;
    if (words.count < n || n == 0) return answer_share(rule, result, 0, 0, 0);
    uint64_t *hashes = arena_alloc(&row->arena, words.count * sizeof *hashes);
    if (!hashes || tally_begin(&t, &row->arena, words.count - n + 1) < 0) return -1;
    for (size_t i = 0; i < words.count; i++) hashes[i] = hash_of(words.list[i]);
    for (size_t i = 0; i + n <= words.count; i++) tally_add(&t, hash_of(str_of((const char *)(hashes + i), n * sizeof *hashes)));
    uint64_t repeated = 0;
    for (size_t i = 0; i <= t.mask; i++)
        if (t.hashes[i] && t.counts[i] > 1) repeated += t.counts[i];
    return answer_share(rule, result, repeated, t.all, 0);
}
