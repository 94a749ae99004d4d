/* Words without their endings, by Porter's rules (M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980), so that
 * "running" and "runs", "ponies" and "pony" are one.
 *
 *     char stem[STEM_BYTES_MOST];
 *     size_t n = word_stem(STR("ponies"), stem);        "poni"
 */
#ifndef WINNOW_FILTERS_STEM_H
#define WINNOW_FILTERS_STEM_H

#include "pipeline/base/str.h"

enum { STEM_BYTES_MOST = 64 };

/* Of a word in lower case; what is longer, has under three letters or others than a to z comes back as it is, cut to STEM_BYTES_MOST. */
size_t word_stem(struct str word, char stem[STEM_BYTES_MOST]);

#endif
