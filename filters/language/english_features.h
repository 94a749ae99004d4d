/* The features of a token that depend on how it is written, on its neighbours, and on the tags before it; the columns of the
 * tagger's tables. Private to english.c and its trainer. */
#ifndef WINNOW_ENGLISH_FEATURES_H
#define WINNOW_ENGLISH_FEATURES_H

#include "filters/language/english.h"
#include "filters/language/facts.h"

/* A token between its neighbours: w[-2] to w[2] are there, beyond a text's ends facts_edge in SHAPE_EDGE. */
struct english_word {
    struct facts facts;
    uint32_t shape; /* english_shape */
};
enum { SHAPE_EDGE = 1 << 20 };
static inline uint32_t english_shape(uint32_t shape, enum text_case text_case) { return shape | (uint32_t)text_case << 18; }

/* Parts of speech have a column each, save X: it has PUNCT's, which means X for a token with letters or digits. */
enum { UPOS_COLUMNS = 16, NAMES_COLUMNS = 8 /* the last is empty */, ENGLISH_COLUMNS = UPOS_COLUMNS + NAMES_COLUMNS };
static inline unsigned upos_column(unsigned upos) { return upos == UPOS_X ? UPOS_PUNCT : upos; }
static inline unsigned upos_of_column(unsigned column, uint32_t shape)
{
    return column == UPOS_PUNCT && facts_is_wordlike(shape) ? UPOS_X : column;
}
enum { ENGLISH_EDGE = 31 }; /* the column of what is no token */

struct english_around { /* a token: columns or ENGLISH_EDGE, matches (english_match_names) */
    unsigned upos_before, upos, upos_after;
    unsigned match_before, match, match_after;
};
struct english_history { /* enum entity of the two tokens before; 1 + that of the same word earlier in the text, 0 without */
    unsigned before, two_before, earlier;
};

enum { ENGLISH_SHARED = 6, ENGLISH_UPOS_OWN = 4, ENGLISH_NAMES_OWN = 24, ENGLISH_NAMES_HISTORY = 9,
       ENGLISH_FEATURES_MOST = FACTS_ALL + ENGLISH_SHARED + ENGLISH_NAMES_OWN + ENGLISH_NAMES_HISTORY };

void english_shared_features(const struct english_word *w, uint32_t features[ENGLISH_SHARED]); /* of both decisions */
/* of the part of speech; columns of the two tokens before, ENGLISH_EDGE beyond the text */
void english_upos_features(const struct english_word *w, unsigned before, unsigned two_before, uint32_t features[ENGLISH_UPOS_OWN]);
/* of its name: those that do not depend on other names, and those that do */
void english_names_features(const struct english_word *w, const struct english_around *around, uint32_t features[ENGLISH_NAMES_OWN]);
void english_history_features(const struct english_word *w, const struct english_around *around, const struct english_history *history,
                              uint32_t features[ENGLISH_NAMES_HISTORY]);
/* Names of several words in the gazetteer, the longest first: for every token of one its kinds (gazetteer.h), with MATCH_GOES_ON
 * save in its first; 0 for others. */
enum { MATCH_GOES_ON = 1 << 15, MATCH_WORDS_MOST = 4 };
void english_match_names(struct str text, const struct token *tokens, const struct english_word *words, size_t count, uint16_t *matches);

/* Words of a text that were named before. */
enum { ENGLISH_NAMED = 32 };
struct english_named {
    uint32_t words[ENGLISH_NAMED];
    uint8_t entities[ENGLISH_NAMED];
    unsigned count; /* the last ENGLISH_NAMED are kept, in a ring */
};
unsigned english_named_find(const struct english_named *named, uint32_t word); /* 1 + entity, 0 for none */
static inline void english_named_add(struct english_named *named, uint32_t word, unsigned entity)
{
    named->words[named->count % ENGLISH_NAMED] = word;
    named->entities[named->count++ % ENGLISH_NAMED] = (uint8_t)entity;
}

/* Whether `next` may stand behind `before`: an entity goes on only where one of its kind is. */
static inline bool entity_may_follow(unsigned before, unsigned next)
{
    if (next == ENTITY_NONE || next % 2 == 1) return true;
    return before == next || before == next - 1;
}

#endif
