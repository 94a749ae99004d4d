/* Counting characters and words, eight bytes at a time.
 *
 * These are the measures `cp`, `ws` and `ft` of the filter rules, and they are asked of every row: none of them allocates or
 * looks anything up for ASCII.
 */
#ifndef WINNOW_FILTERS_MEASURE_H
#define WINNOW_FILTERS_MEASURE_H

#include "pipeline/base/str.h"

size_t measure_code_points(struct str valid_utf8); /* Python's len() */
size_t measure_words_ws(struct str valid_utf8);    /* Python's len(s.split()) */
size_t measure_words_ft(struct str bytes);         /* fastText's tokens: NUL and ASCII white space part words, nothing else */
bool measure_has_space(struct str valid_utf8);     /* any of the white space that parts `ws` words */
/* The next word of either kind from byte *at on, which moves behind it; absent at the end. */
struct str measure_next_ws(struct str valid_utf8, size_t *at);
struct str measure_next_ft(struct str bytes, size_t *at);

#endif
