/* Forms of a row's text and words of a form, each made at most once a row.
 *
 * A chain asks many rules of one text; the second rule that wants lower-cased words finds them here. What comes back lives in
 * the row's arena until the next row begins or a rule changes the text. All results are valid UTF-8: damaged sequences of
 * other people's files become U+FFFD first.
 */
#ifndef WINNOW_FILTERS_FORMS_H
#define WINNOW_FILTERS_FORMS_H

#include "filters/chain.h"

struct words {
    const struct str *list;
    size_t count;
};

int row_form(struct filter_row *row, enum text_form form, struct str *text);
int row_lower(struct filter_row *row, enum text_form form, struct str *text); /* lower-cased by Unicode's full mapping */
/* The words of a form: as they stand, or lower-cased (`uni` and `obew` always are). Empty slices never occur. */
int row_words(struct filter_row *row, enum text_form form, enum word_split split, bool lower, struct words *words);
int row_word_count(struct filter_row *row, enum text_form form, enum word_split split, size_t *count); /* without making them,
                                                                                                          where it can */
/* The words that a tagger finds, and its tags of them; one tagger a chain. */
struct tagger;
struct tagger_work;
struct identifier;
struct identifier_work;
int row_tags(struct filter_row *row, enum text_form form, const struct tagger *tagger, struct words *words, const uint16_t **tags);

struct tagger_work *row_tagger_work(struct filter_row *row, const struct tagger *tagger); /* the row's own; NULL with a sentence */
/* The row's own for the chain's i-th model of languages; NULL with a sentence. */
struct identifier_work *row_identifier_work(struct filter_row *row, const struct identifier *model, size_t i);

struct text_memo *text_memo_new(void); /* NULL with a sentence */
void text_memo_free(struct text_memo *memo);
void text_memo_forget(struct text_memo *memo); /* the text is another one */
struct buf *text_memo_buffer(struct text_memo *memo); /* room for one value at a time */

#endif
