/* A cleaned text as the words that BPE works on. Private to the tokenizer.
 *
 *     struct words w = {.text = lowered, .form = form};
 *     for (struct str word = words_next(&w); word.p; word = words_next(&w)) ...
 *
 * In order of preference at each place: a contraction ('s 't 're 've 'm 'll 'd), a run of letters (L*), one number (N*), a run
 * of anything else that is not white space. White space is Unicode's White_Space, so not U+001C to 1F.
 */
#ifndef WINNOW_CLIP_TOKENIZER_WORDS_H
#define WINNOW_CLIP_TOKENIZER_WORDS_H

#include "filters/clip/tokenizer.h"

struct words {
    struct str text; /* valid UTF-8, lower case */
    enum tokenizer_form form;
    size_t at;       /* private */
    size_t tail;     /* private: where the "|>" of a literal stands; 0: nowhere */
};

struct str words_next(struct words *w); /* absent at the end */

#endif
