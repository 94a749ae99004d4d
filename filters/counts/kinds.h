/* What winnow can count over a whole corpus.
 *
 * A kind is a key, and either how often it occurs or how many distinct members it meets:
 *
 *     what                     key                          counted                        column of the table
 *     images-per-text          text                         distinct image URLs            images_per_text
 *     images-per-text-folded   text as stored, folded       distinct image URLs            images_per_text_folded
 *     texts-per-image          image URL                    distinct texts                 texts_per_image
 *     texts-per-sha256         SHA-256 of the picture       distinct texts                 texts_per_sha256
 *     url-count                image URL                    rows                           url_count
 *     hosts                    host of the image URL        rows                           host_count
 *     phashes                  perceptual hash              rows                           phash_count
 *     entities                 an entity of the text        occurrences                    entity_count
 *     unigrams                 word                         occurrences                    unigram_count
 *     bigrams                  two words next to each other occurrences                    bigram_count
 *
 * The text is the one that `extract` made (NFC, white space folded, case kept), also where a stage has changed the column since
 * (counts_text). A word is a lower-cased UAX #29 word that holds a letter or digit; the words of a bigram stand in one text and
 * are joined by one space. Entities are those of the column `entities`, parted by '|', each as often as it stands there. A row without a key, or without a member, is not counted: an absent text is no text here.
 * Keys and members are known by their XXH3-128, seed 0; filter-rules.md §3 (align, coyo700m), language.md §9.
 */
#ifndef WINNOW_FILTERS_COUNTS_KINDS_H
#define WINNOW_FILTERS_COUNTS_KINDS_H

#include "pipeline/base/buf.h"
#include "pipeline/rows/columns.h"

enum count_kind {
    COUNT_IMAGES_PER_TEXT,
    COUNT_IMAGES_PER_TEXT_FOLDED,
    COUNT_TEXTS_PER_IMAGE,
    COUNT_TEXTS_PER_SHA256,
    COUNT_URLS,
    COUNT_HOSTS,
    COUNT_PHASHES,
    COUNT_ENTITIES,
    COUNT_UNIGRAMS,
    COUNT_BIGRAMS,
    COUNT_KINDS
};

struct count_kind_about {
    const char *what;        /* as --what takes it */
    const char *column;      /* of the count, in the table */
    const char *name_column; /* of the key as text, in the table; NULL: the key is known by its hash alone */
    const char *needs;       /* columns that the rows must have, separated by spaces */
    bool distinct;           /* members are counted, each once */
};
const struct count_kind_about *count_kind_about(enum count_kind kind);
int count_kind_find(struct str what, enum count_kind *kind); /* -1 with a usage sentence */
bool count_kind_of_columns(const struct columns *columns, enum count_kind *kind); /* whether these are a table's, and of which kind */

/* One kind that is asked for: WHAT or WHAT:K. With K only keys with more than K are of interest: finished tables leave the
 * others out, and of a distinct kind no more than K+1 members of a key are kept, so that K+1 stands for "more than K". */
struct count_want {
    enum count_kind kind;
    uint64_t over; /* K; 0 without */
};
int count_want_parse(struct str text, struct count_want *want); /* -1 with a usage sentence */

#define COUNT_MEMBER_COLUMN "member" /* of partial tables of distinct kinds */
enum { COUNT_KEY_DIGITS = 32, COUNT_ENTITY_SEPARATOR = '|' };

/* The text as `extract` made it, from the row's `text` and `text_raw`: a stage that changes the text leaves what it was in
 * text_raw, and unicode_text of that is what it was made from. `room` is the caller's, and holds the result where it is new. */
int counts_text(struct buf *room, struct str text, struct str text_raw, struct str *out);
/* The text as the page has it, runs of white space made one space: COYO's form. */
int counts_text_folded(struct buf room[2], struct str text, struct str text_raw, struct str *out);

#endif
