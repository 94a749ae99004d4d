/* Decoders of the East Asian encodings (Encoding standard §10–13): a lead byte chooses a row of an index, a trail byte a cell. */
#include "crawl/charset/multibyte.h"

#include "crawl/charset/tables.h"

enum { REPLACEMENT = 0xFFFD, HALF_WIDTH_KATAKANA = 0xFF61 /* of byte 0xA1 */ };

static bool within(unsigned char byte, unsigned char low, unsigned char high) { return byte >= low && byte <= high; }

/* After a pair that stands for nothing: the trail byte is read again when it is ASCII, so that no markup gets lost. */
static int bad_pair(struct buf *out, unsigned char trail, size_t *at)
{
    *at += trail < 0x80 ? 1 : 2;
    return buf_code_point(out, REPLACEMENT);
}

static int bad_byte(struct buf *out, size_t *at)
{
    *at += 1;
    return buf_code_point(out, REPLACEMENT);
}

static int bad_end(struct buf *out, struct str in, size_t *at) /* the text ends inside a character */
{
    *at = in.n;
    return buf_code_point(out, REPLACEMENT);
}

static int good(struct buf *out, uint32_t code_point, size_t bytes, size_t *at)
{
    *at += bytes;
    return buf_code_point(out, code_point);
}

/* The standard's "index gb18030 ranges code point"; 0 for none. */
static uint32_t gb18030_range(uint32_t pointer)
{
    if ((pointer > 39419 && pointer < 189000) || pointer > 1237575) return 0;
    if (pointer == 7457) return 0xE7C7;
    size_t low = 0, high = charset_gb18030_range_count; /* the last range that begins at or before the pointer */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (charset_gb18030_ranges[middle].pointer <= pointer) low = middle;
        else high = middle;
    }
    return charset_gb18030_ranges[low].code_point + (pointer - charset_gb18030_ranges[low].pointer);
}

static int gb18030_four_bytes(struct buf *out, struct str in, size_t *at)
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    size_t left = in.n - *at;
    if (left < 3) return bad_end(out, in, at);
    if (!within(p[2], 0x81, 0xFE)) return bad_byte(out, at);
    if (left < 4) return bad_end(out, in, at);
    if (!within(p[3], 0x30, 0x39)) return bad_byte(out, at);
    uint32_t pointer = (uint32_t)(p[0] - 0x81) * 12600 + (uint32_t)(p[1] - 0x30) * 1260 + (uint32_t)(p[2] - 0x81) * 10 +
                       (uint32_t)(p[3] - 0x30);
    uint32_t code_point = gb18030_range(pointer);
    return good(out, code_point ? code_point : REPLACEMENT, 4, at);
}

int charset_next_gb18030(struct buf *out, struct str in, size_t *at)
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    size_t left = in.n - *at;
    if (p[0] < 0x80) return good(out, p[0], 1, at);
    if (p[0] == 0x80) return good(out, 0x20AC, 1, at);
    if (p[0] == 0xFF) return bad_byte(out, at);
    if (left < 2) return bad_end(out, in, at);
    if (within(p[1], 0x30, 0x39)) return gb18030_four_bytes(out, in, at);
    if (!within(p[1], 0x40, 0x7E) && !within(p[1], 0x80, 0xFE)) return bad_pair(out, p[1], at);
    unsigned pointer = (p[0] - 0x81u) * 190 + p[1] - (p[1] < 0x7F ? 0x40u : 0x41u);
    uint32_t code_point = charset_index_at(&charset_gb18030, pointer);
    return code_point ? good(out, code_point, 2, at) : bad_pair(out, p[1], at);
}

/* Four pointers stand for a letter and a combining mark, which no index can say. */
static int big5_composed(struct buf *out, unsigned pointer)
{
    switch (pointer) {
    case 1133: return buf_add(out, STR("\u00CA\u0304"));
    case 1135: return buf_add(out, STR("\u00CA\u030C"));
    case 1164: return buf_add(out, STR("\u00EA\u0304"));
    default: return buf_add(out, STR("\u00EA\u030C")); /* 1166 */
    }
}

int charset_next_big5(struct buf *out, struct str in, size_t *at)
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    if (p[0] < 0x80) return good(out, p[0], 1, at);
    if (!within(p[0], 0x81, 0xFE)) return bad_byte(out, at);
    if (in.n - *at < 2) return bad_end(out, in, at);
    if (!within(p[1], 0x40, 0x7E) && !within(p[1], 0xA1, 0xFE)) return bad_pair(out, p[1], at);
    unsigned pointer = (p[0] - 0x81u) * 157 + p[1] - (p[1] < 0x7F ? 0x40u : 0x62u);
    if (pointer == 1133 || pointer == 1135 || pointer == 1164 || pointer == 1166) {
        *at += 2;
        return big5_composed(out, pointer);
    }
    uint32_t code_point = charset_index_at(&charset_big5, pointer);
    return code_point ? good(out, code_point, 2, at) : bad_pair(out, p[1], at);
}

static int euc_jp_three_bytes(struct buf *out, struct str in, size_t *at) /* 0x8F, then a pair of JIS X 0212 */
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    if (in.n - *at < 3) return bad_end(out, in, at);
    uint32_t code_point = 0;
    if (within(p[2], 0xA1, 0xFE)) code_point = charset_index_at(&charset_jis0212, (p[1] - 0xA1u) * 94 + p[2] - 0xA1u);
    if (code_point) return good(out, code_point, 3, at);
    *at += p[2] < 0x80 ? 2 : 3;
    return buf_code_point(out, REPLACEMENT);
}

int charset_next_euc_jp(struct buf *out, struct str in, size_t *at)
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    if (p[0] < 0x80) return good(out, p[0], 1, at);
    if (p[0] != 0x8E && p[0] != 0x8F && !within(p[0], 0xA1, 0xFE)) return bad_byte(out, at);
    if (in.n - *at < 2) return bad_end(out, in, at);
    if (p[0] == 0x8E && within(p[1], 0xA1, 0xDF)) return good(out, HALF_WIDTH_KATAKANA + p[1] - 0xA1u, 2, at);
    if (p[0] == 0x8F && within(p[1], 0xA1, 0xFE)) return euc_jp_three_bytes(out, in, at);
    if (p[0] < 0xA1 || !within(p[1], 0xA1, 0xFE)) return bad_pair(out, p[1], at);
    uint32_t code_point = charset_index_at(&charset_jis0208, (p[0] - 0xA1u) * 94 + p[1] - 0xA1u);
    return code_point ? good(out, code_point, 2, at) : bad_pair(out, p[1], at);
}

int charset_next_shift_jis(struct buf *out, struct str in, size_t *at)
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    if (p[0] <= 0x80) return good(out, p[0], 1, at);
    if (within(p[0], 0xA1, 0xDF)) return good(out, HALF_WIDTH_KATAKANA + p[0] - 0xA1u, 1, at);
    if (p[0] == 0xA0 || p[0] > 0xFC) return bad_byte(out, at);
    if (in.n - *at < 2) return bad_end(out, in, at);
    if (!within(p[1], 0x40, 0x7E) && !within(p[1], 0x80, 0xFC)) return bad_pair(out, p[1], at);
    unsigned pointer = (p[0] - (p[0] < 0xA0 ? 0x81u : 0xC1u)) * 188 + p[1] - (p[1] < 0x7F ? 0x40u : 0x41u);
    if (pointer >= 8836 && pointer <= 10715) return good(out, 0xE000 - 8836 + pointer, 2, at); /* end-user-defined characters */
    uint32_t code_point = charset_index_at(&charset_jis0208, pointer);
    return code_point ? good(out, code_point, 2, at) : bad_pair(out, p[1], at);
}

int charset_next_euc_kr(struct buf *out, struct str in, size_t *at)
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    if (p[0] < 0x80) return good(out, p[0], 1, at);
    if (!within(p[0], 0x81, 0xFE)) return bad_byte(out, at);
    if (in.n - *at < 2) return bad_end(out, in, at);
    if (!within(p[1], 0x41, 0xFE)) return bad_pair(out, p[1], at);
    uint32_t code_point = charset_index_at(&charset_euc_kr, (p[0] - 0x81u) * 190 + p[1] - 0x41u);
    return code_point ? good(out, code_point, 2, at) : bad_pair(out, p[1], at);
}

/* ISO-2022-JP (§12.2.1). Escape sequences choose one of four sets; what stands between two of them must not be empty. */
enum jp_set { JP_ASCII, JP_ROMAN, JP_KATAKANA, JP_0208 };

static int jp_set_of_escape(struct str in, size_t at) /* the set that the three bytes at `at` (ESC first) choose; -1 for none */
{
    if (in.n - at < 3) return -1;
    const char *p = in.p + at + 1;
    if (p[0] == '$') return p[1] == '@' || p[1] == 'B' ? JP_0208 : -1;
    if (p[0] != '(') return -1;
    return p[1] == 'B' ? JP_ASCII : p[1] == 'J' ? JP_ROMAN : p[1] == 'I' ? JP_KATAKANA : -1;
}

static uint32_t jp_single(enum jp_set set, unsigned char byte)
{
    if (set == JP_KATAKANA) return within(byte, 0x21, 0x5F) ? HALF_WIDTH_KATAKANA + byte - 0x21u : REPLACEMENT;
    if (byte >= 0x80 || byte == 0x0E || byte == 0x0F) return REPLACEMENT;
    if (set == JP_ROMAN && byte == 0x5C) return 0xA5;
    if (set == JP_ROMAN && byte == 0x7E) return 0x203E;
    return byte;
}

/* Of a pair in set JP_0208. A trail byte outside of the rows is consumed, but an ESC begins an escape sequence. */
static uint32_t jp_pair(struct str in, size_t *at)
{
    const unsigned char *p = (const unsigned char *)in.p + *at;
    *at += 1;
    if (!within(p[0], 0x21, 0x7E) || *at == in.n || p[1] == 0x1B) return REPLACEMENT;
    *at += 1;
    if (!within(p[1], 0x21, 0x7E)) return REPLACEMENT;
    uint32_t code_point = charset_index_at(&charset_jis0208, (p[0] - 0x21u) * 94 + p[1] - 0x21u);
    return code_point ? code_point : REPLACEMENT;
}

int charset_decode_iso_2022_jp(struct buf *out, struct str in)
{
    enum jp_set set = JP_ASCII;
    bool just_switched = false;
    for (size_t at = 0; at < in.n;) {
        unsigned char byte = (unsigned char)in.p[at];
        int chosen = byte == 0x1B ? jp_set_of_escape(in, at) : -1;
        if (chosen >= 0) {
            if (just_switched && buf_code_point(out, REPLACEMENT) < 0) return -1;
            set = (enum jp_set)chosen;
            just_switched = true;
            at += 3;
            continue;
        }
        just_switched = false;
        uint32_t code_point = REPLACEMENT; /* of an ESC that begins no known sequence */
        if (set == JP_0208 && byte != 0x1B) {
            code_point = jp_pair(in, &at);
        } else {
            if (byte != 0x1B) code_point = jp_single(set, byte);
            at++;
        }
        if (buf_code_point(out, code_point) < 0) return -1;
    }
    return 0;
}
