/* What is known of a word, and the rows of a linear model that follow from it. Private to english.c and its trainer.
 *
 * A feature is a kind (enum feature) and one or two values, hashed to a row. Features of one word alone are gathered here, so
 * that their sum can be remembered for words that come again: those that say something of the word itself, and those that
 * it lends to the word after it and to the word before it.
 */
#ifndef WINNOW_FACTS_H
#define WINNOW_FACTS_H

#include "pipeline/base/str.h"

enum text_case { CASE_MIXED, CASE_LOWER, CASE_UPPER, CASE_TITLE, TEXT_CASES };

enum { FACTS_SELF = 18, FACTS_BEFORE = 5, FACTS_AFTER = 5, FACTS_WORD_MOST = 255 };

struct facts {
    uint32_t lower;    /* hash of the lower-cased form */
    uint32_t ending;   /* hash of its last three bytes */
    uint32_t shape;    /* of its letters, with the text's casing */
    uint32_t lexicon;  /* parts of speech it may have, by WordNet and the closed classes */
    uint32_t names;    /* kinds of names it may be */
};
struct facts_features { /* of a word alone: of itself, and as the word before, after another */
    uint32_t self[FACTS_SELF], before[FACTS_BEFORE], after[FACTS_AFTER];
};

enum feature { /* of one word */
    FEATURE_BIAS = 1, FEATURE_LOWER, FEATURE_SHAPE, FEATURE_BEGIN, /* and two more */ FEATURE_END = 8, /* and four more */
    FEATURE_LEXICON = 13, FEATURE_NAMES, FEATURE_LOWER_SHAPE, FEATURE_LEXICON_SHAPE, FEATURE_NAMES_SHAPE, FEATURE_FIRST_BYTES,
    FEATURE_BEFORE_LOWER, FEATURE_BEFORE_ENDING, FEATURE_BEFORE_LEXICON, FEATURE_BEFORE_SHAPE, FEATURE_BEFORE_NAMES,
    FEATURE_AFTER_LOWER, FEATURE_AFTER_ENDING, FEATURE_AFTER_LEXICON, FEATURE_AFTER_SHAPE, FEATURE_AFTER_NAMES,
    FEATURE_CONTEXT, /* english.c's begin here */
};

static inline uint32_t facts_feature(uint32_t kind, uint32_t a, uint32_t b)
{
    uint64_t h = (a ^ (uint64_t)kind << 32) * UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ h >> 29 ^ b) * UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)(h >> 32);
}
static inline uint32_t facts_hash(struct str s)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001B3);
    return (uint32_t)(h ^ h >> 32);
}

/* Of a word, of which at most FACTS_WORD_MOST bytes are seen. */
void facts_of(struct str word, enum text_case text_case, struct facts *facts, struct facts_features *features);
extern const struct facts facts_edge; /* what stands before the first word and behind the last */
void facts_edge_features(struct facts_features *features);

struct token;
enum text_case facts_text_case(struct str text, const struct token *tokens, size_t count);

#endif
