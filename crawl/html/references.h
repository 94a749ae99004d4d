/* Character references: `&amp;`, `&#8364;`, `&copy` [HTML 13.2.5.72-80].
 *
 *     struct buf text;                              the decoded value is appended
 *     if (html_decode_references(&text, utf8, true) < 0) return -1;
 */
#ifndef WINNOW_HTML_REFERENCES_H
#define WINNOW_HTML_REFERENCES_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

/* Appends what the tokenizer makes of a value that was transcoded to UTF-8: references decoded (in attributes, a named one
 * without `;` is none before `=` or an alphanumeric), CR LF and CR made LF, NUL made U+FFFD in attributes (in text it stays,
 * and tree builders drop it). Damaged UTF-8 passes as it is. -1 with a sentence when `out` is full. */
int html_decode_references(struct buf *out, struct str utf8, bool in_attribute);

/* Whether html_decode_references would change anything, so that most values need no copy. */
bool html_needs_decoding(struct str utf8);

/* The same without references: for raw text, comments and CDATA. `nul` is what a NUL becomes: 0xFFFD, or 0 to keep it. */
int html_normalise_text(struct buf *out, struct str utf8, uint32_t nul);

#endif
