/* Entries that a text holds, and MetaCLIP's balance of them. */
#include "filters/answers.h"
#include "filters/learn/learn.h"
#include "filters/preset.h"
#include "filters/text/entry_list.h"
#include "filters/text/forms.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <stdlib.h>

enum { ROOM_BYTES = 1 << 20 }; /* a text of 64 KiB, and ENTRY_MATCHES_MAX numbers */
enum { ID = 1 };              /* of corpus.balance: its columns are text and id */

struct entries_rule {
    struct entry_list *list;
    uint64_t t, seed;
    bool learns; /* counts come from the input */
};

static void release(void *state)
{
    struct entries_rule *e = state;
    entry_list_free(e->list);
    free(e);
}

void text_entries_release(void *state) { release(state); }
void corpus_balance_release(void *state) { release(state); }

static int read_list(struct chain *chain, struct rule *rule)
{
    const struct rule_value *list = rule_value(rule, "list");
    char path[PRESET_PATH_MAX];
    if (!list->given || !list->text.n) return rule_unserved(chain, rule, "needs list=FILE, an entry a line");
    struct entries_rule *e = calloc(1, sizeof *e);
    if (!e) return fail_memory();
    rule->state = e;
    if (preset_find_list(list->text, rule->file, path) == 0) e->list = entry_list_read(path, rule_value(rule, "borders")->choice == 1);
    if (!e->list) fail_prefix("%s: ", rule->name);
    return e->list ? 0 : -1;
}

/* The entries of the row's text, in the row's arena. */
static int held(const struct entries_rule *e, const struct rule *rule, struct filter_row *row, const uint32_t **entries, size_t *count)
{
    struct str text;
    struct buf room, found;
    if (row_form(row, rule->form, &text) < 0) return -1;
    buf_init(&room, ROOM_BYTES);
    buf_init(&found, ROOM_BYTES);
    int result = entry_list_match(e->list, text, &room, &found, count);
    if (result == 0 && *count) {
        struct str copy = arena_copy(&row->arena, str_of(found.p, *count * sizeof **entries));
        *entries = (const uint32_t *)(const void *)copy.p;
        if (!copy.p) result = -1;
    }
    buf_free(&room);
    buf_free(&found);
    return result;
}

/* ---- text.entries */

int text_entries_prepare(struct chain *chain, struct rule *rule) { return read_list(chain, rule); }

int text_entries_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const uint32_t *entries = NULL;
    size_t count;
    if (held(rule->state, rule, row, &entries, &count) < 0) return -1;
    return answer_count(rule, result, count);
}

/* ---- corpus.balance */

static bool counts_come_from_input(const struct rule *rule) { return rule_value(rule, "counts")->choice == 0; }

int corpus_balance_prepare(struct chain *chain, struct rule *rule)
{
    if (read_list(chain, rule) < 0 || rule->unserved) return rule->unserved ? 0 : -1;
    struct entries_rule *e = rule->state;
    e->t = (uint64_t)rule_value(rule, "t")->number.units;
    e->seed = (uint64_t)rule_value(rule, "seed")->number.units;
    e->learns = counts_come_from_input(rule);
    if (e->learns) memset(e->list->counts, 0, e->list->count * sizeof *e->list->counts);
    if (rule_needs_column(chain, rule, STR("id")) < 0) return -1;
    return rule_set_bound(chain, rule, "coin of min(1, %llu / count)", (unsigned long long)e->t);
}

/* A number that depends on the pair, the entry and the seed alone. */
static uint64_t coin(struct str id, uint64_t entry, uint64_t seed)
{
    return hash_xxh3_128(id, hash_xxh3_128(str_of((const char *)&entry, sizeof entry), seed).low).low;
}

int corpus_balance_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct entries_rule *e = rule->state;
    const uint32_t *entries = NULL;
    size_t count;
    if (held(e, rule, row, &entries, &count) < 0) return -1;
    bool keep = false;
    double stays_out = 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t n = e->list->counts[entries[i]];
        bool tail = n <= e->t; /* p = 1 */
        unsigned __int128 thrown = coin(rule_cell(rule, row, ID), e->list->hashes[entries[i]], e->seed); /* below 2^64 */
        keep |= tail || thrown * n < (unsigned __int128)e->t << 64;
        stays_out *= tail ? 0 : 1 - (double)e->t / (double)n;
    }
    result->kind = MEASURED_NUMBER;
    result->number = 1 - stays_out;
    result->answer = keep ? FILTER_KEEP : FILTER_DROP;
    return 0;
}

static int begin(struct rule *rule, size_t memory, const char *tmp)
{
    (void)rule, (void)memory, (void)tmp; /* the counts lie with the list */
    return 0;
}

static int learn_row(const struct rule *rule, struct filter_row *row)
{
    const struct entries_rule *e = rule->state;
    const uint32_t *entries = NULL;
    size_t count;
    if (held(e, rule, row, &entries, &count) < 0) return -1;
    for (size_t i = 0; i < count; i++) e->list->counts[entries[i]]++;
    return 0;
}

static int end(struct chain *chain, struct rule *rule)
{
    const struct entries_rule *e = rule->state;
    uint64_t matches = 0, in_tail = 0;
    for (size_t i = 0; i < e->list->count; i++) {
        matches += e->list->counts[i];
        if (e->list->counts[i] <= e->t) in_tail += e->list->counts[i];
    }
    return rule_set_bound(chain, rule, "coin of min(1, %llu / count); %llu matches, %llu of entries with up to %llu",
                          (unsigned long long)e->t, (unsigned long long)matches, (unsigned long long)in_tail, (unsigned long long)e->t);
}

const struct filter_learning corpus_balance_learning = {
    .wanted = counts_come_from_input, .begin = begin, .row = learn_row, .end = end,
    .instead = "give a list with counts (counts=list), as a run over all rows says them"};
