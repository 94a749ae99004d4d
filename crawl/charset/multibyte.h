/* The standard's multi-byte decoders, private to crawl/charset.
 *
 * Each call reads one character at in.p[*at] (*at < in.n), appends it and moves *at behind it. An error appends U+FFFD and
 * moves over exactly the bytes that the standard's decoder would not read again: a byte that it "restores" is simply left
 * where it is. So a decoder needs no state between calls, save that of ISO-2022-JP. -1 when the buffer is full.
 */
#ifndef WINNOW_CHARSET_MULTIBYTE_H
#define WINNOW_CHARSET_MULTIBYTE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

typedef int charset_next_function(struct buf *out, struct str in, size_t *at);

charset_next_function charset_next_gb18030, charset_next_big5, charset_next_euc_jp, charset_next_shift_jis, charset_next_euc_kr;

int charset_decode_iso_2022_jp(struct buf *out, struct str in); /* a whole text */

#endif
