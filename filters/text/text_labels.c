/* Conceptual Captions' rule on picture and text: some word of the text, stemmed, is a label of the picture. The labels are those that
 * winnow score --classes LIST gave it: zs_LIST_MODEL, zs_LIST_2_MODEL, … */
#include "filters/answers.h"
#include "filters/column_filters.h"
#include "filters/text/forms.h"
#include "filters/text/stem.h"
#include "filters/text/text_filters.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdio.h>

enum { COLUMN_NAME_ROOM = 192 };

/* "zs_nouns_2_b32" of "zs_nouns_b32", 8 and 2: `list` bytes stand before the model's name. */
static struct str further_column(struct str first, size_t list, unsigned k, char room[COLUMN_NAME_ROOM])
{
    int made = snprintf(room, COLUMN_NAME_ROOM, "%.*s_%u%.*s", (int)list, first.p, k, (int)(first.n - list), first.p + list);
    return str_of(room, made > 0 && made < COLUMN_NAME_ROOM ? (size_t)made : 0);
}

/* Where the list's name ends: models have names with "_" too, and there is a second column at one border alone. 0: there is none. */
static size_t list_end(const struct chain *chain, struct str first)
{
    char room[COLUMN_NAME_ROOM];
    for (size_t n = first.n; n-- > 0;)
        if (first.p[n] == '_' && chain->has_column(chain->has_context, further_column(first, n, 2, room))) return n;
    return 0;
}

int score_label_overlap_prepare(struct chain *chain, struct rule *rule)
{
    char room[COLUMN_NAME_ROOM];
    if (column_prepare(chain, rule) < 0) return -1;
    if (rule->unserved) return 0;
    struct str first = str_from(chain->columns[rule->slots[rule->slot_count - 1]]); /* another model's may stand in */
    size_t list = chain->has_column ? list_end(chain, first) : 0;
    for (unsigned k = 2; list && rule->slot_count < RULE_COLUMNS; k++) {
        struct str name = further_column(first, list, k, room);
        if (!chain->has_column(chain->has_context, name)) break;
        size_t slot = chain_column(chain, name);
        if (slot == SIZE_MAX) return -1;
        rule->slots[rule->slot_count++] = slot;
    }
    return 0;
}

/* As the text's words are: in lower case, parted at hyphens. */
static int as_words(struct filter_row *row, struct str *label)
{
    struct buf *lower = text_memo_buffer(row->memo);
    if (unicode_lower(lower, *label) < 0) return -1;
    for (size_t i = 0; i < lower->n; i++)
        if (lower->p[i] == '-') lower->p[i] = ' ';
    *label = lower->n ? arena_copy(&row->arena, buf_str(lower)) : STR("");
    return label->p ? 0 : -1;
}

static struct str stem_of(struct filter_row *row, struct str word)
{
    char *stem = arena_alloc(&row->arena, STEM_BYTES_MOST);
    return stem ? str_of(stem, word_stem(word, stem)) : STR_ABSENT;
}

/* Whether the label's words, stemmed, stand next to each other among the stems of the text. */
static bool occurs(const struct str *stems, size_t count, struct str label)
{
    char room[STEM_BYTES_MOST];
    for (size_t at = 0; at < count; at++) {
        size_t run = 0;
        struct str rest = label;
        while (rest.n && at + run < count) {
            struct str word = str_cut(&rest, ' ');
            if (!str_eq(stems[at + run], str_of(room, word_stem(word, room)))) break;
            run++;
            if (!rest.n) return true;
        }
    }
    return false;
}

int score_label_overlap_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct words words;
    if (row_words(row, FORM_TEXT, SPLIT_NLP, true, &words) < 0) return -1;
    struct str *stems = arena_alloc(&row->arena, (words.count + 1) * sizeof *stems);
    if (!stems) return -1;
    for (size_t i = 0; i < words.count; i++)
        if (!(stems[i] = stem_of(row, words.list[i])).p) return -1;
    size_t found = 0;
    for (size_t i = 1; i < rule->slot_count; i++) { /* the first is the column `text` */
        struct str label = rule_cell(rule, row, i);
        if (!label.n || !utf8_valid(label)) continue;
        if (as_words(row, &label) < 0) return -1;
        found += occurs(stems, words.count, label);
    }
    return answer_count(rule, result, found);
}
