/* Legacy character encodings, by the Encoding standard (encoding.spec.whatwg.org).
 *
 *     enum charset charset = charset_from_label(STR(" Shift-JIS "));     CHARSET_SHIFT_JIS
 *     if (charset_decode(&utf8, charset, value) < 0) return -1;
 *
 * What the page calls its encoding is a label; many labels name one charset (latin1 → windows-1252, gb2312 → GBK). Decoding
 * never refuses: what the standard calls an error becomes U+FFFD, in the places and numbers that its decoders give. The
 * tables (tables_generated.c) come from the standard's own index files. Everything here is thread-safe and stateless.
 */
#ifndef WINNOW_CHARSET_H
#define WINNOW_CHARSET_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

/* Names and order as in the standard's list; make_tables.py relies on the spelling. */
enum charset {
    CHARSET_NONE, /* an unknown label */
    CHARSET_UTF_8,
    CHARSET_IBM866,
    CHARSET_ISO_8859_2,
    CHARSET_ISO_8859_3,
    CHARSET_ISO_8859_4,
    CHARSET_ISO_8859_5,
    CHARSET_ISO_8859_6,
    CHARSET_ISO_8859_7,
    CHARSET_ISO_8859_8,
    CHARSET_ISO_8859_8_I,
    CHARSET_ISO_8859_10,
    CHARSET_ISO_8859_13,
    CHARSET_ISO_8859_14,
    CHARSET_ISO_8859_15,
    CHARSET_ISO_8859_16,
    CHARSET_KOI8_R,
    CHARSET_KOI8_U,
    CHARSET_MACINTOSH,
    CHARSET_WINDOWS_874,
    CHARSET_WINDOWS_1250,
    CHARSET_WINDOWS_1251,
    CHARSET_WINDOWS_1252,
    CHARSET_WINDOWS_1253,
    CHARSET_WINDOWS_1254,
    CHARSET_WINDOWS_1255,
    CHARSET_WINDOWS_1256,
    CHARSET_WINDOWS_1257,
    CHARSET_WINDOWS_1258,
    CHARSET_X_MAC_CYRILLIC,
    CHARSET_GBK,
    CHARSET_GB18030,
    CHARSET_BIG5,
    CHARSET_EUC_JP,
    CHARSET_ISO_2022_JP,
    CHARSET_SHIFT_JIS,
    CHARSET_EUC_KR,
    CHARSET_REPLACEMENT, /* labels of encodings that are unsafe to read: they yield no text */
    CHARSET_UTF_16BE,
    CHARSET_UTF_16LE,
    CHARSET_X_USER_DEFINED,
    CHARSET_COUNT,
    CHARSET_SINGLE_FIRST = CHARSET_IBM866,
    CHARSET_SINGLE_LAST = CHARSET_X_MAC_CYRILLIC,
};

/* The charset that a label names: in any case, with ASCII white space around. CHARSET_NONE when no charset has it. */
enum charset charset_from_label(struct str label);

/* The standard's name ("windows-1252", "UTF-8"); "" for CHARSET_NONE. */
const char *charset_name(enum charset charset);

/* One byte a character: the 28 tables and x-user-defined. Such a page decodes whatever its bytes are. */
bool charset_is_single_byte(enum charset charset);

/* Whether a byte below 0x80 at the start of a character is that ASCII character, so that markup can be scanned before it is
 * decoded: false for UTF-16 (wide), ISO-2022-JP (stateful) and replacement, whose pages are decoded whole first. */
bool charset_is_ascii_compatible(enum charset charset);

/* Appends `bytes` as UTF-8. At most 3 bytes come out for each byte in. A byte order mark is a character like others here:
 * who decodes a whole page cuts it off (sniff.h). Replacement yields one U+FFFD. -1 only when the buffer's ceiling or memory
 * ends, or for CHARSET_NONE; `out` may then hold a part. */
int charset_decode(struct buf *out, enum charset charset, struct str bytes);

/* ---- encoding, which only the queries of URLs need */

struct charset_encoder {
    enum charset charset;
    int state; /* of ISO-2022-JP: the set in force; starts as 0 */
};
enum { CHARSET_ENCODED_MAX = 8 }; /* bytes one call can give: an escape sequence and a character */

/* The standard's encoder, a code point at a time: writes its bytes, returns their number. *unmapped is 0, or, when the charset
 * cannot say the code point, the code point that the caller is to name in another way (U+FFFD instead of an escape character;
 * bytes may come all the same, before that name: ISO-2022-JP returns to ASCII). */
unsigned charset_encode(struct charset_encoder *encoder, uint32_t code_point, unsigned char bytes[CHARSET_ENCODED_MAX],
                        uint32_t *unmapped);
/* The bytes that end a text: ISO-2022-JP returns to ASCII. */
unsigned charset_encode_end(struct charset_encoder *encoder, unsigned char bytes[CHARSET_ENCODED_MAX]);

/* Appends a URL's query (UTF-8, without the '?') as a page in `charset` sends it: encoded, then percent-encoded with the
 * special-query set; what the charset cannot say becomes %26%23N%3B (URL standard, "percent-encode after encoding"). UTF-16
 * and replacement send UTF-8. Damaged UTF-8 counts as U+FFFD. `charset` is an enum charset: as crawl/url's encoder passes it. */
int charset_encode_query(struct buf *out, int charset, struct str query);

#endif
