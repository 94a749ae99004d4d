/* Encoders, for the queries of URLs (Encoding standard §9–14): binary search by code point for the pointer, then its bytes. */
#include "crawl/charset/charset.h"
#include "crawl/charset/tables.h"
#include "pipeline/base/utf8.h"

enum { NO_POINTER = 0xFFFF };

/* Which of several pointers to one code point an encoder takes (§5, "index pointer" and its variants). */
enum choice { FIRST, LAST };

/* The pointer of `code_point`, of those outside [skip_from, skip_to); NO_POINTER for none. */
static unsigned index_pointer(const struct charset_index *index, uint32_t code_point, enum choice choice, unsigned skip_from,
                              unsigned skip_to)
{
    unsigned low = 0, high = index->sorted_count; /* the first entry that is not below code_point */
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (charset_index_at(index, index->sorted[middle]) < code_point) low = middle + 1;
        else high = middle;
    }
    unsigned found = NO_POINTER;
    for (; low < index->sorted_count; low++) {
        unsigned pointer = index->sorted[low];
        if (charset_index_at(index, pointer) != code_point) break;
        if (pointer >= skip_from && pointer < skip_to) continue;
        found = pointer;
        if (choice == FIRST) break;
    }
    return found;
}

static unsigned jis0208_pointer(uint32_t code_point) { return index_pointer(&charset_jis0208, code_point, FIRST, 0, 0); }

/* What stands for code point `c` in each charset: the number of bytes, 0 when it has none. */

static unsigned encode_single_byte(const uint16_t table[128], uint32_t c, unsigned char bytes[])
{
    for (unsigned i = 0; i < 128; i++)
        if (table[i] == c) {
            bytes[0] = (unsigned char)(0x80 + i);
            return 1;
        }
    return 0;
}

static unsigned pair(unsigned char bytes[], unsigned lead, unsigned trail)
{
    bytes[0] = (unsigned char)lead;
    bytes[1] = (unsigned char)trail;
    return 2;
}

/* gb18030-2022 moved these characters from private-use code points to proper ones; the old code points keep their bytes. */
static const struct {
    uint16_t code_point, bytes;
} gb18030_private[] = {
    {0xE78D, 0xA6D9}, {0xE78E, 0xA6DA}, {0xE78F, 0xA6DB}, {0xE790, 0xA6DC}, {0xE791, 0xA6DD}, {0xE792, 0xA6DE},
    {0xE793, 0xA6DF}, {0xE794, 0xA6EC}, {0xE795, 0xA6ED}, {0xE796, 0xA6F3}, {0xE81E, 0xFE59}, {0xE826, 0xFE61},
    {0xE82B, 0xFE66}, {0xE82C, 0xFE67}, {0xE832, 0xFE6D}, {0xE843, 0xFE7E}, {0xE854, 0xFE90}, {0xE864, 0xFEA0},
};

/* The standard's "index gb18030 ranges pointer". */
static uint32_t gb18030_range_pointer(uint32_t c)
{
    if (c == 0xE7C7) return 7457;
    size_t low = 0, high = charset_gb18030_range_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (charset_gb18030_ranges[middle].code_point <= c) low = middle;
        else high = middle;
    }
    return charset_gb18030_ranges[low].pointer + (c - charset_gb18030_ranges[low].code_point);
}

static unsigned encode_gb18030(uint32_t c, bool gbk, unsigned char bytes[])
{
    if (c == 0xE5E5) return 0; /* stood for what is read as U+3000: encoding it would change it */
    if (gbk && c == 0x20AC) {
        bytes[0] = 0x80;
        return 1;
    }
    for (size_t i = 0; i < sizeof gb18030_private / sizeof *gb18030_private; i++)
        if (gb18030_private[i].code_point == c) return pair(bytes, gb18030_private[i].bytes >> 8, gb18030_private[i].bytes & 0xFF);
    unsigned pointer = index_pointer(&charset_gb18030, c, FIRST, 0, 0);
    if (pointer != NO_POINTER) {
        unsigned trail = pointer % 190;
        return pair(bytes, pointer / 190 + 0x81, trail + (trail < 0x3F ? 0x40 : 0x41));
    }
    if (gbk) return 0;
    uint32_t linear = gb18030_range_pointer(c);
    pair(bytes, linear / 12600 + 0x81, linear / 1260 % 10 + 0x30);
    pair(bytes + 2, linear / 10 % 126 + 0x81, linear % 10 + 0x30);
    return 4;
}

static unsigned encode_big5(uint32_t c, unsigned char bytes[])
{
    bool last = c == 0x2550 || c == 0x255E || c == 0x2561 || c == 0x256A || c == 0x5341 || c == 0x5345;
    unsigned pointer = index_pointer(&charset_big5, c, last ? LAST : FIRST, 0, (0xA1 - 0x81) * 157); /* no HKSCS */
    if (pointer == NO_POINTER) return 0;
    unsigned trail = pointer % 157;
    return pair(bytes, pointer / 157 + 0x81, trail + (trail < 0x3F ? 0x40 : 0x62));
}

static unsigned encode_euc_jp(uint32_t c, unsigned char bytes[])
{
    if (c == 0xA5 || c == 0x203E) {
        bytes[0] = c == 0xA5 ? 0x5C : 0x7E;
        return 1;
    }
    if (c >= 0xFF61 && c <= 0xFF9F) return pair(bytes, 0x8E, c - 0xFF61 + 0xA1);
    unsigned pointer = jis0208_pointer(c == 0x2212 ? 0xFF0D : c);
    return pointer == NO_POINTER ? 0 : pair(bytes, pointer / 94 + 0xA1, pointer % 94 + 0xA1);
}

static unsigned encode_shift_jis(uint32_t c, unsigned char bytes[])
{
    if (c == 0x80 || c == 0xA5 || c == 0x203E || (c >= 0xFF61 && c <= 0xFF9F)) {
        bytes[0] = (unsigned char)(c == 0x80 ? 0x80 : c == 0xA5 ? 0x5C : c == 0x203E ? 0x7E : c - 0xFF61 + 0xA1);
        return 1;
    }
    unsigned pointer = index_pointer(&charset_jis0208, c == 0x2212 ? 0xFF0D : c, FIRST, 8272, 8836);
    if (pointer == NO_POINTER) return 0;
    unsigned lead = pointer / 188, trail = pointer % 188;
    return pair(bytes, lead + (lead < 0x1F ? 0x81 : 0xC1), trail + (trail < 0x3F ? 0x40 : 0x41));
}

static unsigned encode_euc_kr(uint32_t c, unsigned char bytes[])
{
    unsigned pointer = index_pointer(&charset_euc_kr, c, FIRST, 0, 0);
    return pointer == NO_POINTER ? 0 : pair(bytes, pointer / 190 + 0x81, pointer % 190 + 0x41);
}

/* ISO-2022-JP's encoder (§12.2.2): the set in force, and the escape sequence that another one costs. */
enum jp_set { JP_ASCII, JP_ROMAN, JP_0208 };

static unsigned jp_switch(struct charset_encoder *encoder, enum jp_set set, unsigned char bytes[])
{
    static const char escapes[][4] = {[JP_ASCII] = "\x1B(B", [JP_ROMAN] = "\x1B(J", [JP_0208] = "\x1B$B"};
    if (encoder->state == (int)set) return 0;
    encoder->state = (int)set;
    memcpy(bytes, escapes[set], 3);
    return 3;
}

static unsigned encode_iso_2022_jp(struct charset_encoder *encoder, uint32_t c, unsigned char bytes[], uint32_t *unmapped)
{
    bool roman = encoder->state == JP_ROMAN, escape = c == 0x0E || c == 0x0F || c == 0x1B;
    *unmapped = 0;
    if (c == 0xA5 || c == 0x203E) {
        unsigned n = jp_switch(encoder, JP_ROMAN, bytes);
        bytes[n] = c == 0xA5 ? 0x5C : 0x7E;
        return n + 1;
    }
    if (c < 0x80 && !escape) {
        unsigned n = roman && c != 0x5C && c != 0x7E ? 0 : jp_switch(encoder, JP_ASCII, bytes);
        bytes[n] = (unsigned char)c;
        return n + 1;
    }
    if (c == 0x2212) c = 0xFF0D;
    if (c >= 0xFF61 && c <= 0xFF9F) c = charset_jp_katakana[c - 0xFF61];
    unsigned pointer = jis0208_pointer(c);
    if (pointer == NO_POINTER) {
        *unmapped = escape ? 0xFFFD : c;
        return encoder->state == JP_0208 ? jp_switch(encoder, JP_ASCII, bytes) : 0;
    }
    unsigned n = jp_switch(encoder, JP_0208, bytes);
    return n + pair(bytes + n, pointer / 94 + 0x21, pointer % 94 + 0x21);
}

static unsigned encode_utf_8(uint32_t c, unsigned char bytes[])
{
    if (c < 0x800) return pair(bytes, 0xC0 | c >> 6, 0x80 | (c & 0x3F));
    if (c < 0x10000) {
        bytes[0] = (unsigned char)(0xE0 | c >> 12);
        return 1 + pair(bytes + 1, 0x80 | (c >> 6 & 0x3F), 0x80 | (c & 0x3F));
    }
    pair(bytes, 0xF0 | c >> 18, 0x80 | (c >> 12 & 0x3F));
    return 2 + pair(bytes + 2, 0x80 | (c >> 6 & 0x3F), 0x80 | (c & 0x3F));
}

static unsigned encode_beyond_ascii(enum charset charset, uint32_t c, unsigned char bytes[])
{
    switch (charset) {
    case CHARSET_GBK: return encode_gb18030(c, true, bytes);
    case CHARSET_GB18030: return encode_gb18030(c, false, bytes);
    case CHARSET_BIG5: return encode_big5(c, bytes);
    case CHARSET_EUC_JP: return encode_euc_jp(c, bytes);
    case CHARSET_SHIFT_JIS: return encode_shift_jis(c, bytes);
    case CHARSET_EUC_KR: return encode_euc_kr(c, bytes);
    case CHARSET_X_USER_DEFINED:
        if (c < 0xF780 || c > 0xF7FF) return 0;
        bytes[0] = (unsigned char)(c - 0xF780 + 0x80);
        return 1;
    default: break;
    }
    if (charset_is_single_byte(charset)) return encode_single_byte(charset_single_bytes[charset - CHARSET_SINGLE_FIRST], c, bytes);
    return encode_utf_8(c, bytes); /* UTF-8, and what the standard's "get an output encoding" makes UTF-8 */
}

unsigned charset_encode(struct charset_encoder *encoder, uint32_t c, unsigned char bytes[CHARSET_ENCODED_MAX], uint32_t *unmapped)
{
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
    if (encoder->charset == CHARSET_ISO_2022_JP) return encode_iso_2022_jp(encoder, c, bytes, unmapped);
    unsigned n = 1;
    if (c < 0x80) bytes[0] = (unsigned char)c;
    else n = encode_beyond_ascii(encoder->charset, c, bytes);
    *unmapped = n ? 0 : c;
    return n;
}

unsigned charset_encode_end(struct charset_encoder *encoder, unsigned char bytes[CHARSET_ENCODED_MAX])
{
    return encoder->charset == CHARSET_ISO_2022_JP ? jp_switch(encoder, JP_ASCII, bytes) : 0;
}

/* URL standard §1.3: the special-query percent-encode set, over the encoded bytes. */
static bool query_keeps(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7F && byte != '"' && byte != '#' && byte != '<' && byte != '>' && byte != '\'';
}

static int add_percent_encoded(struct buf *out, const unsigned char bytes[], unsigned n)
{
    static const char digits[] = "0123456789ABCDEF";
    if (buf_reserve(out, 3 * (size_t)n) < 0) return -1;
    for (unsigned i = 0; i < n; i++) {
        if (query_keeps(bytes[i])) {
            out->p[out->n++] = (char)bytes[i];
        } else {
            out->p[out->n++] = '%';
            out->p[out->n++] = digits[bytes[i] >> 4];
            out->p[out->n++] = digits[bytes[i] & 15];
        }
    }
    return 0;
}

int charset_encode_query(struct buf *out, int charset, struct str query)
{
    struct charset_encoder encoder = {.charset = (enum charset)charset};
    unsigned char bytes[CHARSET_ENCODED_MAX];
    for (size_t at = 0; at < query.n;) {
        uint32_t c = utf8_next(query, &at);
        if (c == UTF8_INVALID) c = 0xFFFD;
        uint32_t unmapped;
        unsigned n = charset_encode(&encoder, c, bytes, &unmapped);
        if (add_percent_encoded(out, bytes, n) < 0) return -1;
        if (unmapped && buf_printf(out, "%%26%%23%u%%3B", unmapped) < 0) return -1;
    }
    return add_percent_encoded(out, bytes, charset_encode_end(&encoder, bytes));
}
