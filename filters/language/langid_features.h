/* What language identification sees of a text: hashed character n-grams and words. Private to langid.c and its trainer. */
#ifndef WINNOW_LANGID_FEATURES_H
#define WINNOW_LANGID_FEATURES_H

#include "pipeline/base/str.h"

enum {
    LANGID_FEATURES_MOST = 512, /* a text of some 25 words; what lies behind is not seen */
    LANGID_WORD_MOST = 24,      /* code points of a word or of a run without spaces; the rest counts as another word */
    LANGID_NGRAM_MOST = 5,
    LANGID_OF_WORD_MOST = (LANGID_WORD_MOST + 2) * LANGID_NGRAM_MOST + 1, /* features */
};

struct linear;
struct langid_seen {
    uint32_t features[LANGID_FEATURES_MOST + LANGID_OF_WORD_MOST]; /* `count` of them count */
    unsigned count;
    unsigned letters; /* code points of the words that were seen */
    unsigned words;
    struct str rest;             /* of the text: what was not looked at */
    const struct linear *model;  /* whose rows are asked of memory as soon as a feature is known; NULL: none */
};

/* Letters alone count, in lower case, every word between two borders; digits and marks part words. */
void langid_see(struct str valid_utf8, struct langid_seen *seen);

/* The same step by step: whole words are added until there are `least` features, or no more. */
void langid_see_begin(struct str valid_utf8, const struct linear *model, struct langid_seen *seen);
void langid_see_more(struct langid_seen *seen, unsigned least);

#endif
