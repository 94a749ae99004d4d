/* English sentences: tokens, their parts of speech, and the persons, organisations and places they name.
 *
 *     struct english *english = english_open(NULL);                     the model that winnow ships
 *     struct english_work *work = english_work_new(english);            one a thread
 *     const struct english_token *tokens;
 *     size_t count;
 *     english_tag(english, work, text, ENGLISH_ENTITIES, &tokens, &count);
 *
 * A greedy linear tagger: every token is described by some thirty hashed features for its part of speech, sixty for its name (its
 * lower-cased form, beginnings and endings, what WordNet and the lists of names know of it, how it is written, its neighbours, the
 * tags before it); a feature is a row of int8 weights, the sum of the rows decides. Alternative texts have no casing that can be
 * trusted: a word's shape counts together with the casing of the whole text (as written, all small, all capitals, Each Word
 * Capital), and a part of the training texts was brought into each. train/train_english.c trains it; reports/models/english.md is
 * its card.
 *
 * An english_work remembers words with the sums of what they say alone: 4 MB, 6 with names.
 *
 * Sums are of integers: the same text has the same tags on every machine and with any number of threads.
 */
#ifndef WINNOW_ENGLISH_H
#define WINNOW_ENGLISH_H

#include "filters/language/tokens.h"
#include "pipeline/base/str.h"

enum upos { /* Universal Dependencies' parts of speech */
    UPOS_ADJ, UPOS_ADP, UPOS_ADV, UPOS_AUX, UPOS_CCONJ, UPOS_DET, UPOS_INTJ, UPOS_NOUN, UPOS_NUM, UPOS_PART, UPOS_PRON, UPOS_PROPN,
    UPOS_PUNCT, UPOS_SCONJ, UPOS_SYM, UPOS_VERB, UPOS_X,
    UPOS_COUNT
};
enum entity { /* B- begins one, I- goes on */
    ENTITY_NONE, ENTITY_B_PER, ENTITY_I_PER, ENTITY_B_ORG, ENTITY_I_ORG, ENTITY_B_LOC, ENTITY_I_LOC,
    ENTITY_COUNT
};
extern const char *const upos_names[UPOS_COUNT];
extern const char *const entity_names[ENTITY_COUNT]; /* "" for ENTITY_NONE */

struct english;
struct english_work;
struct english_token {
    uint32_t start, end; /* bytes of the text */
    uint8_t upos, entity; /* enum upos, enum entity */
};
enum english_want { ENGLISH_UPOS, ENGLISH_ENTITIES /* parts of speech too */ };

struct english *english_open(const char *path);   /* NULL: winnow's own. NULL with a sentence */
struct english *english_read(struct str bytes);   /* of a model's bytes, which it does not keep */
void english_close(struct english *english);      /* NULL is allowed */
const char *english_digest(const struct english *english); /* XXH3-128 of model and of the word tables compiled in: hexadecimal */

struct english_work *english_work_new(const struct english *english); /* NULL with a sentence */
void english_work_free(struct english_work *work);
/* Tags one text of valid UTF-8. The tokens live in `work` until its next use. 0, or -1 with a sentence (out of memory). */
int english_tag(const struct english *english, struct english_work *work, struct str text, enum english_want want,
                const struct english_token **tokens, size_t *count);
/* The same for tokens that the caller has found. */
int english_tag_split(const struct english *english, struct english_work *work, struct str text, const struct token *split, size_t count,
                      enum english_want want, const struct english_token **tokens);

#endif
