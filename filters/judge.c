/* One row through a chain. */
#include "filters/chain.h"
#include "filters/counts/lookup.h"
#include "filters/text/forms.h"
#include "filters/text/patterns.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { ROW_ARENA_BYTES = 64 << 20 }; /* a text of 64 KiB in all forms, its words and n-grams take under 8 MiB */

struct filter_row *filter_row_new(const struct chain *chain)
{
    struct filter_row *row = calloc(1, sizeof *row);
    if (!row) return fail_memory(), NULL;
    arena_init(&row->arena, ROW_ARENA_BYTES);
    row->cells = calloc(CHAIN_COLUMNS, sizeof *row->cells);
    row->failed = calloc(chain->count + 1, sizeof *row->failed);
    row->memo = text_memo_new();
    if (row->cells && row->failed && row->memo) return row;
    filter_row_free(row);
    fail_memory();
    return NULL;
}

void filter_row_free(struct filter_row *row)
{
    if (!row) return;
    text_memo_free(row->memo);
    patterns_room_free(row->patterns);
    count_cache_free(row->counts);
    arena_free(&row->arena);
    free(row->cells);
    free(row->failed);
    free(row);
}

struct patterns_room *filter_row_patterns(struct filter_row *row)
{
    if (!row->patterns) row->patterns = patterns_room_new();
    return row->patterns;
}

void filter_row_begin(struct filter_row *row)
{
    arena_reset(&row->arena);
    text_memo_forget(row->memo);
    row->text_before = row->entities = row->language = STR_ABSENT;
}

void filter_row_set_text(struct filter_row *row, struct str text)
{
    struct str now = row->cells[SLOT_TEXT];
    if (!row->text_before.p) row->text_before = now.p ? now : STR("");
    if (row->cells[SLOT_TEXT_RAW].n == 0) row->cells[SLOT_TEXT_RAW] = now;
    row->cells[SLOT_TEXT] = text;
    text_memo_forget(row->memo);
}

/* Whether the rule's if= holds: the cell is one of the values. */
static bool condition_holds(const struct rule *rule, const struct filter_row *row)
{
    if (rule->condition_slot == SIZE_MAX) return true;
    for (struct str rest = rule->condition_values; rest.p;)
        if (str_eq(str_cut(&rest, '|'), row->cells[rule->condition_slot])) return true;
    return false;
}

int chain_judge(const struct chain *chain, struct filter_row *row, bool sampled, struct rule_counts *counts,
                struct chain_outcome *outcome)
{
    outcome->rule = NULL;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        row->failed[i] = false;
        if (!rule_is_asked(rule)) continue;
        if (outcome->rule && !sampled && rule->filter->cost == FILTER_COSTLY) continue;
        struct filter_result result = {.answer = FILTER_KEEP};
        if (condition_holds(rule, row) && rule->filter->decide(rule, row, &result) < 0) {
            fail_prefix("%s: ", rule->name);
            return -1;
        }
        bool drops = result.answer == FILTER_DROP;
        row->failed[i] = drops;
        if (outcome->rule) {
            counts[i].behind_asked++;
            counts[i].behind_failed += drops;
            continue;
        }
        counts[i].asked++;
        counts[i].removed += drops;
        if (rule->filter->finds && !drops) {
            counts[i].found += result.part;
            counts[i].found_in += result.part > 0;
        }
        if (drops) *outcome = (struct chain_outcome){rule, result};
    }
    return 0;
}
