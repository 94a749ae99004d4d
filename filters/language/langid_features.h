/* What language identification sees of a text: hashed character n-grams and words. Private to langid.c and its trainer. */
#ifndef WINNOW_LANGID_FEATURES_H
#define WINNOW_LANGID_FEATURES_H

#include "pipeline/base/str.h"

enum {
    LANGID_FEATURES_MOST = 512, /* a text of some 25 words; what lies behind is not seen */
    LANGID_WORD_MOST = 24,      /* code points of a word or of a run without spaces; the rest counts as another word */
    LANGID_NGRAM_MOST = 5,
};

struct langid_seen {
    uint32_t features[LANGID_FEATURES_MOST];
    unsigned count;
    unsigned letters; /* code points of the words that were seen */
    unsigned words;
};

/* Letters alone count, in lower case, every word between two borders; digits and marks part words. */
void langid_see(struct str valid_utf8, struct langid_seen *seen);

#endif
