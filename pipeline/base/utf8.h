/* UTF-8 by the Unicode and WHATWG rules: shortest forms only, no surrogates, at most U+10FFFF. */
#ifndef WINNOW_UTF8_H
#define WINNOW_UTF8_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum { UTF8_INVALID = 0xFFFFFFFFu };

/* Reads one code point at s.p[*at] and moves *at behind it. A damaged sequence gives UTF8_INVALID and moves over its
 * maximal subpart (as the Encoding standard's decoder does), at least one byte. *at < s.n. */
uint32_t utf8_next(struct str s, size_t *at);
bool utf8_valid(struct str s);          /* the whole slice; with AVX2 about 9 GB/s whatever the text */
bool utf8_is_ascii(struct str s);
size_t utf8_ascii_run(struct str s, size_t at); /* where the first byte from 0x80 on stands, from `at` on; s.n without one */
size_t utf8_count(struct str s);        /* code points; each damaged subpart counts as one */
size_t utf8_cut(struct str s, size_t limit); /* the largest n <= limit that does not split a code point of valid UTF-8 */
int utf8_repair(struct buf *out, struct str s); /* appends s with each damaged subpart replaced by U+FFFD */

#endif
