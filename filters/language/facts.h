/* What is known of a word, and the rows of the tagger's tables that follow from it. Private to english.c and its trainer.
 *
 * A feature is a kind (enum feature) and one or two values, hashed; the low bits name a row of a table. Features of one
 * lower-cased word alone are gathered here, so that their sums can be remembered for words that come again: those that say
 * something of the word itself, and those that it lends to its neighbours. How a word is written (its shape) is kept apart.
 */
#ifndef WINNOW_FACTS_H
#define WINNOW_FACTS_H

#include "pipeline/base/str.h"

enum text_case { CASE_MIXED, CASE_LOWER, CASE_UPPER, CASE_TITLE, TEXT_CASES };

enum { FACTS_WORD_MOST = 255 };

struct spelled { /* a word as it is written, of which at most FACTS_WORD_MOST bytes are seen */
    uint32_t hash;  /* of `lower` */
    uint32_t shape; /* its first character, what else is in it, how long it is */
    uint8_t n;
    char lower[FACTS_WORD_MOST + 1];
};
enum { SPELLED_PADDED = 16 }; /* behind the end of a shorter word `lower` has zeros as far as that */
enum { SHAPE_LOWER = 1, SHAPE_UPPER = 2, SHAPE_DIGIT = 4, SHAPE_LETTER = 8, SHAPE_MARK = 16, SHAPE_HYPHEN = 32, SHAPE_STOP = 64,
       SHAPE_BITS = 7, SHAPE_WORDLIKE = SHAPE_LOWER | SHAPE_UPPER | SHAPE_DIGIT | SHAPE_LETTER };
void facts_spell(struct str word, struct spelled *spelled);
static inline bool facts_is_wordlike(uint32_t shape) /* whether it has letters or digits */
{
    return ((shape | shape >> SHAPE_BITS) & SHAPE_WORDLIKE) != 0;
}

struct facts { /* of the lower-cased word */
    uint32_t lower;    /* its hash */
    uint32_t ending;   /* hash of its last three bytes */
    uint32_t lexicon;  /* parts of speech it may have, by WordNet and the closed classes */
    uint32_t names;    /* kinds of names it may be; from FACTS_NOUN_BIT on the kind of noun that it is (wordnet_noun_file) */
};
enum { FACTS_NOUN_BIT = 16, FACTS_NAMES = (1 << FACTS_NOUN_BIT) - 1 };

enum facts_place { /* for which token a word's features speak: itself, the one after it, the one before it */
    PLACE_SELF, PLACE_NEXT, PLACE_PREVIOUS,
    PLACES
};
enum { FACTS_SELF = 13, FACTS_NEIGHBOUR = 5, FACTS_OF_PLACE_MOST = FACTS_SELF, FACTS_ALL = FACTS_SELF + 2 * FACTS_NEIGHBOUR };
struct facts_features {
    uint32_t of[PLACES][FACTS_OF_PLACE_MOST];
};
extern const unsigned facts_count[PLACES]; /* how many of them there are */

enum feature { /* of one word */
    FEATURE_LOWER = 1, FEATURE_BEGIN, /* and three more */ FEATURE_END = 6, /* and four more */ FEATURE_LEXICON = 11, FEATURE_NAMES,
    FEATURE_NOUN, FEATURE_NEIGHBOUR, /* five a place */ FEATURE_CONTEXT = FEATURE_NEIGHBOUR + 2 * FACTS_NEIGHBOUR /* english_features.c's begin here */
};

static inline uint32_t facts_feature(uint32_t kind, uint32_t a, uint32_t b)
{
    uint64_t h = (a ^ (uint64_t)kind << 32) * UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ h >> 29 ^ b) * UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)(h >> 32);
}

void facts_of(const struct spelled *spelled, struct facts *facts);
void facts_describe(const struct facts *facts, struct str lower, struct facts_features *features);
extern const struct facts facts_edge; /* what stands before the first word and behind the last */
void facts_edge_features(struct facts_features *features); /* PLACE_SELF says nothing */

/* Which casing a text is in, by the shapes of its words that begin with a letter. */
struct case_count {
    size_t words, small, capitals, longer, titles;
};
void facts_count_case(struct case_count *count, uint32_t shape);
enum text_case facts_text_case(const struct case_count *count);

#endif
