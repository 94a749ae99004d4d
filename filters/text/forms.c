/* What was made for a row is remembered by a bit, so forgetting is three stores. */
#include "filters/text/forms.h"

#include "filters/language/identify.h"
#include "filters/language/tagger.h"
#include "filters/text/clean.h"
#include "filters/text/measure.h"
#include "filters/text/special.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

enum { BUFFER_BYTES = 4 << 20 }; /* a cell is at most 64 KiB; no step makes more than 18 bytes of one */

struct text_memo {
    unsigned forms_ready, lower_ready, tags_ready; /* bits by form */
    uint64_t words_ready;              /* bits by words_index() */
    struct str forms[FORMS], lower[FORMS];
    const uint16_t *tags[FORMS];
    struct words tagged[FORMS];
    struct tagger_work *tagging;
    struct identifier_work *identifying[CHAIN_IDENTIFIERS];
    struct words words[FORMS * SPLITS * 2];
    struct unicode_words iterator;
    struct buf buffer, room[2];
};
_Static_assert(FORMS * SPLITS * 2 <= 64, "a bit a kind of words");

struct text_memo *text_memo_new(void)
{
    struct text_memo *m = calloc(1, sizeof *m);
    if (!m) return fail_memory(), NULL;
    buf_init(&m->buffer, BUFFER_BYTES);
    for (int i = 0; i < 2; i++) buf_init(&m->room[i], BUFFER_BYTES);
    return m;
}

void text_memo_free(struct text_memo *m)
{
    if (!m) return;
    unicode_words_end(&m->iterator);
    tagger_work_free(m->tagging);
    for (int i = 0; i < CHAIN_IDENTIFIERS; i++) identifier_work_free(m->identifying[i]);
    buf_free(&m->buffer);
    for (int i = 0; i < 2; i++) buf_free(&m->room[i]);
    free(m);
}

void text_memo_forget(struct text_memo *m)
{
    m->forms_ready = m->lower_ready = m->tags_ready = 0;
    m->words_ready = 0;
}

struct buf *text_memo_buffer(struct text_memo *m)
{
    buf_clear(&m->buffer);
    return &m->buffer;
}

static int keep(struct filter_row *row, struct buf *made, struct str *out) /* the bytes move to the row's arena */
{
    *out = made->n ? arena_copy(&row->arena, buf_str(made)) : STR("");
    return out->p ? 0 : -1;
}

/* A cell as valid UTF-8. Rows of winnow's own are valid; other people's may not be. */
static int valid_cell(struct filter_row *row, struct str cell, struct str *out)
{
    *out = cell.p ? cell : STR("");
    if (utf8_valid(cell)) return 0;
    struct buf *b = text_memo_buffer(row->memo);
    return utf8_repair(b, cell) < 0 ? -1 : keep(row, b, out);
}

int row_form(struct filter_row *row, enum text_form form, struct str *text)
{
    struct text_memo *m = row->memo;
    if (m->forms_ready & 1u << form) {
        *text = m->forms[form];
        return 0;
    }
    struct str stored = row->cells[SLOT_TEXT_RAW], source = form == FORM_TEXT || stored.n == 0 ? row->cells[SLOT_TEXT] : stored;
    if (valid_cell(row, source, text) < 0) return -1;
    struct buf *b = text_memo_buffer(m);
    if (form == FORM_LAION && !clean_laion_keeps(*text)) {
        if (clean_laion(b, *text, m->room) < 0 || keep(row, b, text) < 0) return -1;
    } else if (form == FORM_REDCAPS) {
        if (clean_redcaps(b, *text, m->room) < 0 || keep(row, b, text) < 0) return -1;
    } else if (form == FORM_FOLDED && !clean_fold_keeps(*text)) {
        if (clean_fold_space(b, *text) < 0 || keep(row, b, text) < 0) return -1;
    }
    m->forms[form] = *text;
    m->forms_ready |= 1u << form;
    return 0;
}

int row_lower(struct filter_row *row, enum text_form form, struct str *text)
{
    struct text_memo *m = row->memo;
    if (!(m->lower_ready & 1u << form)) {
        struct str s;
        if (row_form(row, form, &s) < 0) return -1;
        struct buf *b = text_memo_buffer(m);
        if (unicode_lower(b, s) < 0 || keep(row, b, &m->lower[form]) < 0) return -1;
        m->lower_ready |= 1u << form;
    }
    *text = m->lower[form];
    return 0;
}

/* `word` without special characters at both ends; empty when it has no others. */
static struct str strip_special(struct str word)
{
    size_t first = SIZE_MAX, last = 0;
    for (size_t at = 0; at < word.n;) {
        size_t from = at;
        if (text_is_special(utf8_next(word, &at))) continue;
        if (first == SIZE_MAX) first = from;
        last = at;
    }
    return first == SIZE_MAX ? str_of(word.p, 0) : str_of(word.p + first, last - first);
}

static struct str next_obew(struct str s, size_t *at)
{
    while (*at < s.n) {
        while (*at < s.n && (s.p[*at] == ' ' || s.p[*at] == '\n' || s.p[*at] == '\t')) ++*at;
        size_t from = *at;
        while (*at < s.n && s.p[*at] != ' ' && s.p[*at] != '\n' && s.p[*at] != '\t') ++*at;
        struct str word = strip_special(str_of(s.p + from, *at - from));
        if (word.n) return word;
    }
    return STR_ABSENT;
}

static int split_words(struct filter_row *row, struct str s, enum word_split split, struct words *words)
{
    size_t room = s.n / 2 + 1, count = 0, at = 0; /* a word and what parts it take two bytes */
    struct str *list = arena_alloc(&row->arena, room * sizeof *list), word;
    if (!list) return -1;
    struct unicode_words *iterator = &row->memo->iterator;
    bool by_unicode = split == SPLIT_NLP || split == SPLIT_UNI;
    if (by_unicode && unicode_words_begin(iterator, s) < 0) return -1;
    for (; count < room; list[count++] = word) {
        word = by_unicode ? unicode_words_next(iterator)
               : split == SPLIT_WS ? measure_next_ws(s, &at)
               : split == SPLIT_FT ? measure_next_ft(s, &at) : next_obew(s, &at);
        if (!word.p) break;
    }
    *words = (struct words){list, count};
    return 0;
}

int row_words(struct filter_row *row, enum text_form form, enum word_split split, bool lower, struct words *words)
{
    struct text_memo *m = row->memo;
    lower |= split == SPLIT_UNI || split == SPLIT_OBEW;
    unsigned index = ((unsigned)form * SPLITS + (unsigned)split) * 2 + lower;
    if (!(m->words_ready >> index & 1)) {
        struct str s;
        if ((lower ? row_lower(row, form, &s) : row_form(row, form, &s)) < 0) return -1;
        if (split_words(row, s, split, &m->words[index]) < 0) return -1;
        m->words_ready |= UINT64_C(1) << index;
    }
    *words = m->words[index];
    return 0;
}

int row_word_count(struct filter_row *row, enum text_form form, enum word_split split, size_t *count)
{
    if (split == SPLIT_WS || split == SPLIT_FT) {
        struct str s;
        if (row_form(row, form, &s) < 0) return -1;
        *count = split == SPLIT_WS ? measure_words_ws(s) : measure_words_ft(s);
        return 0;
    }
    struct words words;
    if (row_words(row, form, split, false, &words) < 0) return -1;
    *count = words.count;
    return 0;
}

struct tagger_work *row_tagger_work(struct filter_row *row, const struct tagger *tagger)
{
    struct text_memo *m = row->memo;
    if (!m->tagging) m->tagging = tagger_work_new(tagger);
    return m->tagging;
}

struct identifier_work *row_identifier_work(struct filter_row *row, const struct identifier *model, size_t i)
{
    struct text_memo *m = row->memo;
    if (!m->identifying[i]) m->identifying[i] = identifier_work_new(model);
    return m->identifying[i];
}

int row_tags(struct filter_row *row, enum text_form form, const struct tagger *tagger, struct words *words, const uint16_t **tags)
{
    struct text_memo *m = row->memo;
    if (!(m->tags_ready & 1u << form)) {
        struct str text;
        struct tagger_work *work = row_tagger_work(row, tagger);
        if (!work || row_form(row, form, &text) < 0) return -1;
        struct words *found = &m->tagged[form];
        if (tagger_tag_text(tagger, work, text, &row->arena, &found->list, &m->tags[form], &found->count) < 0) return -1;
        m->tags_ready |= 1u << form;
    }
    *words = m->tagged[form];
    *tags = m->tags[form];
    return 0;
}
